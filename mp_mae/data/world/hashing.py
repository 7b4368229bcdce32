"""Counter-based randomness: a number is a function of what it belongs to and never of what was drawn before it."""

import hashlib
from functools import cache

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mix(*parts: np.ndarray | int) -> np.ndarray:
    """A hash of the parts, (...) uint64 of at least one dimension; they are integers, negative ones too, and broadcast.

    Source: the SplitMix64 finaliser; Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators".
    """
    state = np.zeros(1, np.uint64)  # not a scalar: arrays overflow silently, as they should here
    for part in parts:
        state = (state ^ _as_unsigned(part)) + _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _FIRST
        state = (state ^ (state >> np.uint64(27))) * _SECOND
        state = state ^ (state >> np.uint64(31))
    return state


@cache
def word(text: str) -> int:
    """A name as a number for `mix`, the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def uniform(bits: np.ndarray) -> np.ndarray:
    """uint64 -> float64 in [0, 1)."""
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _as_unsigned(part: np.ndarray | int) -> np.ndarray:
    if isinstance(part, int):
        return np.array([part % 2**64], np.uint64)
    return part.astype(np.uint64)  # two's complement: negative integers wrap

"""What NumPy's pickles name, as inert values of ours, so that arrays of numbers are read without NumPy's own code."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

_NUMBERS = re.compile(r"b1|[iu][1248]|f[248]")
_ENCODE = "_codecs encode"
"""How a pickle of protocol 2 writes bytes: as text, and this function to encode it as Latin-1."""


class StoredDtype:
    """A NumPy data type by its code, for example `f4`, and its byte order."""

    def __init__(self, code: object, *how: object) -> None:
        self.code = code
        self.order: object = "="

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = state[1]

    def number(self) -> np.dtype[Any] | None:
        """The type, if it is one of numbers in a known byte order."""
        known = isinstance(self.code, str) and _NUMBERS.fullmatch(self.code) and self.order in ("<", ">", "|", "=")
        return np.dtype(f"{self.order}{self.code}") if known else None


class StoredArray:
    """A NumPy array as its pickle has it. Nothing is allocated before `tensor` is asked for."""

    shape: tuple[int, ...] = (0,)
    dtype = StoredDtype(None)
    columns_first: bool = False
    raw: object = b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.columns_first, self.raw = state

    def tensor(self) -> Tensor | None:
        """A copy; None if these are no numbers, or not as many bytes as the shape says."""
        dtype = self.dtype.number() if isinstance(self.dtype, StoredDtype) else None
        lengths = isinstance(self.shape, tuple) and all(isinstance(n, int) and n >= 0 for n in self.shape)
        if dtype is None or not lengths or not isinstance(self.raw, bytes):
            return None
        if len(self.raw) != math.prod(self.shape) * dtype.itemsize:
            return None
        array = np.frombuffer(self.raw, dtype).reshape(self.shape, order="F" if self.columns_first else "C")
        return torch.from_numpy(array.astype(dtype.newbyteorder("="), order="C"))


def _reconstruct(kind: object, shape: object, code: object) -> StoredArray:
    return StoredArray()


def _scalar(dtype: StoredDtype, raw: bytes) -> float | int | bool | None:
    """A Python number; None of a scalar that is none."""
    number = dtype.number()
    known = number is not None and len(raw) == number.itemsize
    return np.frombuffer(raw, number)[0].item() if known else None


def _no_bytes() -> bytes:
    return b""


ALLOWED: list[tuple[Callable[..., Any], str]] = [
    (StoredArray, "numpy.ndarray"),
    (StoredDtype, "numpy.dtype"),
    *((_reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    (_no_bytes, "builtins.bytes"),
]
"""For torch's `safe_globals`: what stands for which name."""

ALLOWED_NAMES = r"numpy\.(ndarray|dtype|_?core\.multiarray\.(_reconstruct|scalar))|(__builtin__|builtins)\.bytes"
"""The same names as a pickle spells them."""


class Latin1Calls:
    """Whether `_codecs.encode` is called as NumPy's pickles call it and no other way, told instruction by instruction.

    torch would call it with any codec, and one that doubles what it gets can be called on its own result. What may be
    encoded again and again is one character.
    """

    def __init__(self) -> None:
        self._memo: dict[int, str] = {}
        self._top = ""
        """Of the stack: a text after `=`, the function's name, or something else."""
        self._wanted: list[str] = []
        """What must come next, the last first."""
        self.fine = True

    def see(self, name: str, argument: Any) -> None:
        """Take note of the pickle's next instruction."""
        if name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self._top
            return
        again = name in ("BINGET", "LONG_BINGET")
        if again:
            self._top = self._memo.get(argument, "")
        else:
            self._top = f"={argument}" if name == "BINUNICODE" else _ENCODE if argument == _ENCODE else ""
        if self._wanted:
            self._compare(self._wanted.pop(), name, again)
        elif self._top == _ENCODE:
            self._wanted = ["REDUCE", "TUPLE2", "latin1", "text"]

    def _compare(self, wanted: str, name: str, again: bool) -> None:
        if wanted == "text":
            self.fine &= self._top.startswith("=") and not (again and len(self._top) > 2)
        elif wanted == "latin1":
            self.fine &= self._top == "=latin1"
        else:
            self.fine &= name == wanted

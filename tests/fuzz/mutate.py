"""Makes inputs that are nearly right out of right ones."""

import random
import struct
from collections.abc import Sequence

_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**20, 2**28, 2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1, 2**64 - 1)
_FORMATS = ("<B", "<H", ">H", "<I", ">I", "<Q", ">Q")
_CHANGES = ("bit", "byte", "number", "delete", "repeat", "insert", "word", "splice", "cut", "shuffle")
_NEAR = 2_000


def mutate(seeds: Sequence[bytes], words: Sequence[bytes], draw: random.Random) -> bytes:
    """One of the seeds with one to eight changes.

    Args:
        words: pieces that mean something where the input is read.
    """
    data = draw.choice(seeds)
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        data = _change(data, seeds, words, draw)
    return data


def _change(  # noqa: PLR0911 - one return for each kind of change is the table this is
    data: bytes, seeds: Sequence[bytes], words: Sequence[bytes], draw: random.Random
) -> bytes:
    at = _place(len(data), draw)
    before, after = data[:at], data[at:]
    length = draw.choice((1, 2, 4, 8, 16, 64, 300))
    match draw.choice(_CHANGES):
        case "bit":
            return before + bytes([after[0] ^ 1 << draw.randrange(8)]) + after[1:] if after else data
        case "byte":
            return before + draw.randbytes(1) + after[1:]
        case "number":
            form = draw.choice(_FORMATS)
            size = struct.calcsize(form)
            return before + struct.pack(form, draw.choice(_NUMBERS) % 256**size) + after[size:]
        case "delete":
            return before + after[length:]
        case "repeat":
            return before + after[:length] * draw.choice((2, 3, 50, 1_000)) + after[length:]
        case "insert":
            return before + draw.randbytes(length) + after
        case "word":
            return before + draw.choice(words) + after[draw.choice((0, 0, length)) :]
        case "splice":
            other = draw.choice(seeds)
            return before + other[_place(len(other), draw) :][: draw.choice((length, len(other)))] + after[length:]
        case "cut":
            return before if draw.random() < 0.3 else data
        case _:  # two pieces change places
            return before + after[length : 2 * length] + after[:length] + after[2 * length :]


def _place(length: int, draw: random.Random) -> int:
    """Often near the beginning or the end, where formats keep what describes the rest."""
    near, where = min(length, _NEAR), draw.random()
    if where < 0.2:
        return draw.randrange(near + 1)
    if where < 0.4:
        return length - draw.randrange(near + 1)
    return draw.randrange(length + 1)

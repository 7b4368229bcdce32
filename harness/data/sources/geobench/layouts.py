"""Files that are laid out alike: where one of them has its values, the others have theirs.

Opening a file, its bands and its description through the HDF5 library takes five times as long as all the rest. So what
the library found of one file, after all checks, is taken for true of every file that has the same bytes outside of the
values and the text of the description: from the same bytes the library would read the same. Anything else goes through
the library and its checks.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from h5py import h5d, h5l, h5t

from harness.data.files.budgets import SAMPLE_BYTES
from harness.data.sources.geobench.hdf5_datasets import declared_fill, without_fill

MOST = 64
"""Layouts that are remembered: lengths of the description differ by some bytes from sample to sample."""
_LENGTH_BYTES = 8
"""By which HDF5 says how long a text is, before the text."""


class Stretch(NamedTuple):
    """Bytes of a file."""

    start: int
    stop: int


class _Values(NamedTuple):
    """Values of one dataset, as they lie in the file."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype
    fill: np.ndarray | None


class _Layout(NamedTuple):
    size: int
    fixed: Sequence[tuple[int, bytes]]
    """What files have in common: where it begins, and the bytes."""
    text: Stretch
    values: Mapping[str, _Values]


class AlikeFile:
    """An open file of a known layout."""

    def __init__(self, descriptor: int, layout: _Layout) -> None:
        self._descriptor, self._layout = descriptor, layout
        self.keys = tuple(layout.values)
        """Of its datasets, as HDF5 lists them."""

    def text(self) -> str | None:
        """The text of the description; None if it is more than plain characters."""
        start, stop = self._layout.text
        found = os.pread(self._descriptor, stop - start, start)
        return found.decode() if found.isascii() and b"\0" not in found else None

    def read(self, key: str) -> np.ndarray:
        """(H, W) values of a dataset, as they are stored. OSError if the file ends before them."""
        known = self._layout.values[key]
        values = np.empty(known.shape, known.dtype)
        if os.preadv(self._descriptor, [values.data], known.start) != values.nbytes:
            raise OSError("it became shorter while it was read")
        return values

    def read_band(self, key: str) -> np.ndarray:
        """(H, W) values of a band, NaN for no data. OSError as `read`."""
        return without_fill(self.read(key), self._layout.values[key].fill)


class Layouts:
    """Layouts of the files that a process has read."""

    def __init__(self) -> None:
        self._known: list[_Layout] = []

    def find(self, descriptor: int, size: int) -> AlikeFile | None:
        """The open file of `size` bytes, if it is laid out as one before."""
        for layout in self._known:
            if layout.size == size and all(
                os.pread(descriptor, len(wanted), start) == wanted for start, wanted in layout.fixed
            ):
                return AlikeFile(descriptor, layout)
        return None

    def learn(self, path: Path, file: h5py.File, text: str) -> None:
        """Remember how a file that was read through all checks is laid out, if it has nothing but plain values.

        Args:
            text: its description.
        Raises:
            OSError, RuntimeError, KeyError, ValueError: of HDF5, for a damaged file.
        """
        if len(self._known) == MOST:
            return
        values = _plain_values(file)
        if not values:
            return
        content = path.read_bytes()
        written = len(text).to_bytes(_LENGTH_BYTES, "little") + text.encode()
        if content.count(written) != 1:
            return
        start = content.index(written) + _LENGTH_BYTES
        of_text = Stretch(start, start + len(text))
        free = [Stretch(each.start, each.start + _n_bytes(each)) for each in values.values()]
        fixed = _between(content, sorted([of_text, *free]))
        fixed.sort(key=lambda each: each[0] + len(each[1]) != start)  # the length of the text: it differs most often
        self._known.append(_Layout(len(content), fixed, of_text, values))


def _plain_values(file: h5py.File) -> dict[str, _Values]:
    """Where the values of all datasets lie; empty if one is more than numbers of this machine in one piece, or they
    take more than a sample may."""
    values = {}
    for key in file:
        if file.id.links.get_info(key.encode()).type != h5l.TYPE_HARD:
            return {}
        opened = h5py.h5o.open(file.id, key.encode())
        if not isinstance(opened, h5d.DatasetID):
            return {}
        made = opened.get_create_plist()
        if made.get_layout() != h5d.CONTIGUOUS or made.get_external_count() or opened.get_offset() is None:
            return {}
        if opened.rank != 2 or not isinstance(opened.get_type(), h5t.TypeIntegerID | h5t.TypeFloatID):
            return {}
        dtype = opened.dtype
        if not dtype.isnative or not opened.get_type().equal(h5t.py_create(dtype)):
            return {}
        values[key] = _Values(opened.get_offset(), opened.shape, dtype, declared_fill(opened, dtype))
    height, width = (max((known.shape[axis] for known in values.values()), default=0) for axis in (0, 1))
    widest = max((known.dtype.itemsize for known in values.values()), default=0)
    return values if len(values) * height * width * widest <= SAMPLE_BYTES else {}


def _n_bytes(values: _Values) -> int:
    return values.shape[0] * values.shape[1] * values.dtype.itemsize


def _between(content: bytes, free: Sequence[Stretch]) -> list[tuple[int, bytes]]:
    """What lies outside of some stretches."""
    fixed, at = [], 0
    for start, stop in (*free, Stretch(len(content), len(content))):
        if at < start:
            fixed.append((at, content[at:start]))
        at = max(at, stop)
    return fixed

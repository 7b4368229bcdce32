"""Arrays on disk: written row by row, memory-mapped, checked against checksums when they are first read."""

import io
import math
import mmap
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from harness.store.damage import DamagedError

BLOCK_BYTES = 2**20
"""Rows that share a checksum: about so much, or one row. Small enough that one row of many costs little to check."""
CHECKED_AT_ONCE = 2**26
"""Bytes up to which an array is checked as a whole when it is opened: it takes hundredths of a second, and no run has
begun yet that would have to begin again."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a manifest says of an array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    rows_per_block: int
    crc32: tuple[int, ...]
    """Of the bytes of each block of rows."""

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Layout":
        """The inverse of `to_json`. ValueError, TypeError or KeyError if it is something else."""
        dtype, shape = np.dtype(fields["dtype"]), tuple(map(int, fields["shape"]))
        layout = cls(
            dtype=dtype, shape=shape, rows_per_block=int(fields["rows_per_block"]), crc32=tuple(fields["crc32"])
        )
        if dtype.hasobject or not shape or min(shape) < 1 or layout.rows_per_block < 1:
            raise ValueError(f"no array of numbers: {dtype} {shape}")
        if len(layout.crc32) != math.ceil(shape[0] / layout.rows_per_block):
            raise ValueError(f"{len(layout.crc32)} checksums for {shape[0]} rows")
        return layout

    def to_json(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype.str,
            "shape": list(self.shape),
            "rows_per_block": self.rows_per_block,
            "crc32": list(self.crc32),
        }


class ArrayWriter:
    """Writes a .npy file of known shape row by row. Plain writing rather than through a memory map, where a full disk
    would kill the process. As a context it closes the file; `layout` is there once all rows are."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype
        self._row_bytes = math.prod(shape[1:]) * dtype.itemsize
        self._rows_per_block = max(1, BLOCK_BYTES // max(1, self._row_bytes))
        self._file = path.open("w+b")
        self._file.write(_header(shape, dtype))
        self._start = self._file.tell()
        self._n_rows = 0
        self._crc32: list[int] = []

    def append(self, rows: np.ndarray) -> None:
        """Add (B, ...) rows; they take the type of the file."""
        assert rows.shape[1:] == self.shape[1:], f"rows of {rows.shape[1:]} where {self.shape[1:]} was announced"
        rows = np.ascontiguousarray(rows, self.dtype)
        self._file.write(rows.data)
        self._count(rows)

    def rewrite(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Replace all rows so far, block by block, by what `change` makes of them."""
        total, self._n_rows, self._crc32 = self._n_rows, 0, []
        while self._n_rows < total:
            n_rows = min(self._rows_per_block, total - self._n_rows)
            place = self._start + self._n_rows * self._row_bytes
            self._file.seek(place)
            rows = np.frombuffer(self._file.read(n_rows * self._row_bytes), self.dtype)
            self._file.seek(place)
            self.append(change(rows.reshape(n_rows, *self.shape[1:])))

    def _count(self, rows: np.ndarray) -> None:
        """Go on with the checksum of the block these rows fall into, and with the next ones'."""
        while len(rows):
            begun = self._n_rows % self._rows_per_block
            block, rows = np.split(rows, [self._rows_per_block - begun])
            if not begun:
                self._crc32.append(0)
            self._crc32[-1] = zlib.crc32(block.data, self._crc32[-1])
            self._n_rows += len(block)

    def layout(self) -> Layout:
        """The layout of the finished file."""
        assert self._n_rows == self.shape[0], f"{self._n_rows} rows where {self.shape[0]} were announced"
        return Layout(dtype=self.dtype, shape=self.shape, rows_per_block=self._rows_per_block, crc32=tuple(self._crc32))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self._file.flush()
                os.fsync(self._file.fileno())  # so that after a power cut no complete-looking file holds zeros


class StoredArray:
    """An array on disk, read-only. Indexing gives NumPy arrays, views of the memory map where NumPy would give views.

    Rows are checked when this process first reads them, those of a small array now: DamagedError, never a wrong value.
    """

    def __init__(self, path: Path, layout: Layout, on_damage: Callable[[], None]) -> None:
        """
        Args:
            on_damage: called before a DamagedError is raised, to have the entry made anew.
        Raises:
            DamagedError: the file is not of that type, shape and length, or small and not what was written.
            OSError: it cannot be read.
        """
        self._path, self._layout, self._on_damage = path, layout, on_damage
        header = _header(layout.shape, layout.dtype)
        size = len(header) + math.prod(layout.shape) * layout.dtype.itemsize
        with path.open("rb") as file:
            if file.read(len(header)) != header or os.fstat(file.fileno()).st_size != size:
                raise DamagedError(f"{path.name} has another size, shape or type than was written")
            self._map = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        self._array = np.frombuffer(self._map, layout.dtype, offset=len(header)).reshape(layout.shape)
        self._checked = bytearray(len(layout.crc32))
        if self._array.nbytes <= CHECKED_AT_ONCE:
            self._check(0, len(self) - 1)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._layout.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice | np.ndarray) -> np.ndarray:
        """Rows, checked. IndexError for one that is not there."""
        if isinstance(rows, slice):
            found = range(*rows.indices(len(self)))
            if found:
                self._check(min(found[0], found[-1]), max(found[0], found[-1]))
        elif isinstance(rows, np.ndarray):
            for block in np.unique(np.arange(len(self))[rows] // self._layout.rows_per_block).tolist():
                self._check_block(block)
        else:
            row = range(len(self))[rows]
            self._check(row, row)
        return np.asarray(self._array[rows])

    def let_go(self) -> None:
        """Rows that were read take no memory of this process any more: the system, which keeps them as long as it
        has room, hands them out again when they are read the next time."""
        self._map.madvise(mmap.MADV_DONTNEED)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self[:], dtype, copy=copy)

    def _check(self, first: int, last: int) -> None:
        """Check the blocks of rows `first` to `last`, those that have not been."""
        start, stop = first // self._layout.rows_per_block, last // self._layout.rows_per_block + 1
        if 0 in self._checked[start:stop]:
            for block in range(start, stop):
                self._check_block(block)

    def _check_block(self, block: int) -> None:
        if self._checked[block]:
            return
        start = block * self._layout.rows_per_block
        rows = self._array[start : start + self._layout.rows_per_block]
        if zlib.crc32(rows.data) != self._layout.crc32[block]:
            self._on_damage()
            raise DamagedError(
                f"{self._path}: rows {start} to {start + len(rows) - 1} are not what was written: the disk or a "
                "program changed them. They are made anew"
            )
        self._checked[block] = 1


def _header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """How a .npy file begins."""
    file = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(file, description)
    return file.getvalue()

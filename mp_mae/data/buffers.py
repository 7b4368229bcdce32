"""The place of a batch of rows in memory: one flat buffer, so that one copy takes all of it to the device."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

PAGE = 4096
ALIGNMENT = 64


@dataclass(frozen=True)
class Column:
    """One HDF5 dataset: a row per tile."""

    name: str
    stored: np.dtype
    """As in the file, foreign byte order included."""
    shape: tuple[int, ...]
    """Shape of one row."""
    n_rows: int
    offset: int | None
    """Byte of the file where the rows begin, one after another; None if only HDF5 can find them."""

    @property
    def dtype(self) -> np.dtype:
        """What rows are read as: the stored type in this machine's byte order."""
        return self.stored.newbyteorder("=")

    @property
    def row_bytes(self) -> int:
        return prod(self.shape) * self.stored.itemsize


@dataclass(frozen=True)
class BatchLayout:
    """The place of each column's rows in a flat buffer of up to `capacity` tiles."""

    columns: tuple[Column, ...]
    capacity: int
    starts: tuple[int, ...] = field(init=False)
    """First byte of each column, counted from a page boundary."""
    n_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        starts, end = [], 0
        for column in self.columns:
            # Half a page away from its source, counted modulo the page: where a copy's destination follows its source
            # by a few bytes in that sense, processors take each load for one that waits for the last store, and
            # copying takes four times as long.
            place = ((column.offset or 0) + PAGE // 2) % PAGE // ALIGNMENT * ALIGNMENT
            starts.append(end + (place - end) % PAGE)
            end = starts[-1] + self.capacity * column.row_bytes
        object.__setattr__(self, "starts", tuple(starts))
        object.__setattr__(self, "n_bytes", end)

    def bytes_to_allocate(self) -> int:
        """Enough for `on_page` to find a page boundary with the whole layout after it."""
        return self.n_bytes + PAGE

    def arrays(self, buffer: np.ndarray, n: int) -> dict[str, np.ndarray]:
        """Views (n, *row) of a flat uint8 buffer by column name."""
        return {
            column.name: buffer[start : start + n * column.row_bytes].view(column.dtype).reshape(n, *column.shape)
            for column, start in zip(self.columns, self.starts, strict=True)
        }


def on_page(address: int) -> int:
    """Bytes from an address to the next page boundary."""
    return -address % PAGE


def fresh_arrays(columns: Sequence[Column], n: int) -> dict[str, np.ndarray]:
    """Uninitialised (n, *row) arrays by column name, placed as `BatchLayout` wants them."""
    layout = BatchLayout(tuple(columns), n)
    buffer = np.empty(layout.bytes_to_allocate(), np.uint8)
    return layout.arrays(buffer[on_page(buffer.ctypes.data) :], n)

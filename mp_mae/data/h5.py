"""Rows of an MMEarth HDF5 file, many at a time, in any order.

A contiguous dataset is read through a memory map at its byte offset, without the HDF5 library. A dataset of gzip
chunks of one row each is inflated here, where threads can share the work. Every other storage goes through the library.
"""

import mmap
import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from mp_mae.data.buffers import PAGE, Column, fresh_arrays
from mp_mae.errors import UserError

READ_AHEAD = 64 * 1024
"""Bytes that an operating system usually reads ahead of a touched page; shorter rows arrive whole by that."""

MEMORY_RATE = 1e9
"""Bytes per second; what is copied faster was in memory."""

MIN_PACKED = 64
"""Bytes that gzip may need even for an empty row."""

Fetch = Callable[[np.ndarray, np.ndarray], None]
"""Given rows (n,) int64 and a destination (n, *row), fills the destination."""


def describe_columns(path: Path) -> dict[str, Column]:
    """Every dataset at the root of an HDF5 file by name.

    HDF5 lets a file draw its values from anywhere: links, virtual datasets and external storage name other files, or
    blocks of any file. MMEarth has none of these, so a file that has one is refused.

    Raises:
        UserError: not a regular file, not an HDF5 file, truncated, or it has a dataset that is no rows of its own.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: wanted an HDF5 file; found a folder, a pipe or a device. Put a copy there.")
    try:
        with h5py.File(path, "r") as file:
            links = {name: file.get(name, getlink=True) for name in file}
            for name, link in links.items():
                if not isinstance(link, h5py.HardLink):
                    raise UserError(f"{path}: {name} is a link to another place, which MMEarth has not; copy it anew.")
            items = [(name, file[name]) for name in links]
            return {name: _describe(path, item) for name, item in items if isinstance(item, h5py.Dataset)}
    except (OSError, KeyError, RuntimeError) as error:  # the last two: HDF5, of links and objects that are damaged
        raise UserError(
            f"{path} cannot be opened as HDF5 ({error}): it is no HDF5 file or is truncated. Copy or download it again."
        ) from error


def _describe(path: Path, dataset: h5py.Dataset) -> Column:
    """What one needs to know to read an open dataset."""
    name = dataset.name.lstrip("/")
    if dataset.is_virtual or dataset.external:
        raise UserError(f"{path}: {name} takes its values from another file, which MMEarth does not; copy it anew.")
    if not dataset.shape:
        raise UserError(f"{path}: {name} has no rows; wanted one row per tile. Copy or download it again.")
    try:
        stored = dataset.dtype
    except TypeError as error:
        raise UserError(
            f"{path}: {name} has a type that cannot be read ({error}). Copy or download it again."
        ) from None
    return Column(
        name=name,
        stored=stored,
        shape=dataset.shape[1:],
        n_rows=dataset.shape[0],
        offset=dataset.id.get_offset(),  # none unless contiguous and written
    )


class RowReader:
    """Reads rows of chosen columns. Any number of threads may share it, and it can be sent to other processes."""

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self._fetches: dict[str, Fetch] = {}
        self._process = -1

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "columns": self.columns, "_fetches": {}, "_process": -1}

    @property
    def mapped(self) -> bool:
        """Whether every column is read through the memory map."""
        return all(column.offset is not None for column in self.columns)

    def read_rows(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Rows (n,) of every column as new arrays (n, *row), in the stored type and this machine's byte order."""
        arrays = fresh_arrays(self.columns, len(rows))
        self.read_into(arrays, rows)
        return arrays

    def read_into(self, arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> None:
        """Fill arrays[column] (n, *row) with the rows (n,) asked for.

        Raises:
            UserError: the file is damaged; names the column.
            IndexError: a row that the file does not have.
        """
        if not len(rows):
            return
        if rows.min() < 0 or rows.max() >= self.columns[0].n_rows:
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {self.columns[0].n_rows}")
        for name, fetch in self._open().items():
            try:
                fetch(rows, arrays[name])
            except (OSError, zlib.error) as error:
                raise UserError(
                    f"{self.path}: rows of {name} cannot be read ({error}). The file is damaged; "
                    "copy or download it again."
                ) from error

    def _open(self) -> dict[str, Fetch]:
        """The file's handles, opened by the process that reads: HDF5 handles do not survive a fork."""
        if self._process != os.getpid():
            with self.path.open("rb") as handle:
                memory = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            file = None if self.mapped else h5py.File(self.path, "r")
            self._fetches = {column.name: _fetch(column, memory, file) for column in self.columns}
            self._process = os.getpid()
        return self._fetches


def _fetch(column: Column, memory: mmap.mmap, file: h5py.File | None) -> Fetch:
    """How to read one column."""
    if column.offset is not None:
        return _from_map(column, column.offset, memory)
    assert file is not None, "only mapped columns do without"
    dataset = file[column.name]
    filters = dataset.id.get_create_plist()
    names = [filters.get_filter(i)[0] for i in range(filters.get_nfilters())]
    known = ([h5py.h5z.FILTER_DEFLATE], [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE])
    if dataset.chunks == (1, *column.shape) and names in known:
        return _from_gzip(column, dataset, shuffled=len(names) == 2)
    return _from_library(dataset)


def _from_map(column: Column, offset: int, memory: mmap.mmap) -> Fetch:
    row_bytes = column.row_bytes
    source = np.ndarray((column.n_rows, row_bytes), np.uint8, buffer=memory, offset=offset)
    can_announce = row_bytes >= READ_AHEAD and hasattr(mmap, "MADV_WILLNEED")
    from_disk = True  # whether the last rows seem to have been on disk and not in memory

    def fetch(rows: np.ndarray, out: np.ndarray) -> None:
        nonlocal from_disk
        began = time.perf_counter()
        if can_announce and from_disk:  # then the disk reads all rows at once, and not page by page as touched
            for start in (offset + rows * row_bytes).tolist():
                page = start // PAGE * PAGE
                memory.madvise(mmap.MADV_WILLNEED, page, start - page + row_bytes)
        np.take(source, rows, axis=0, out=_as_bytes(out), mode="clip")  # other modes copy twice
        from_disk = out.nbytes < MEMORY_RATE * (time.perf_counter() - began)
        if column.dtype != column.stored:
            out.byteswap(inplace=True)

    return fetch


def _from_gzip(column: Column, dataset: h5py.Dataset, *, shuffled: bool) -> Fetch:
    library = _from_library(dataset)
    rest = (0,) * len(column.shape)

    def fetch(rows: np.ndarray, out: np.ndarray) -> None:
        target = _as_bytes(out)
        for i, row in enumerate(rows.tolist()):
            try:
                left_out, packed = dataset.id.read_direct_chunk((row, *rest))
            except RuntimeError:  # a row that was never written, which the library fills, or damage, which it reports
                left_out = -1
            if left_out:  # filters that this chunk did without
                library(rows[i : i + 1], out[i : i + 1])
                continue
            if len(packed) > 2 * column.row_bytes + MIN_PACKED:  # bounds what it unpacks to, a thousand times as much
                raise OSError(f"row {row} is packed into {len(packed)} bytes")
            plain = np.frombuffer(zlib.decompress(packed, bufsize=column.row_bytes), np.uint8)
            if len(plain) != column.row_bytes:
                raise OSError(f"row {row} has {len(plain)} bytes instead of {column.row_bytes}")
            target[i] = plain.reshape(column.stored.itemsize, -1).T.reshape(-1) if shuffled else plain
            if column.dtype != column.stored:
                out[i : i + 1].byteswap(inplace=True)

    return fetch


def _from_library(dataset: h5py.Dataset) -> Fetch:
    def fetch(rows: np.ndarray, out: np.ndarray) -> None:
        order = np.argsort(rows, kind="stable")
        wanted = rows[order]
        block = np.empty_like(out)
        breaks = np.flatnonzero(np.diff(wanted) != 1) + 1
        for run in np.split(np.arange(len(rows)), breaks):
            first, last = wanted[run[0]], wanted[run[-1]]
            dataset.read_direct(block, np.s_[first : last + 1], np.s_[run[0] : run[-1] + 1])
        out[order] = block

    return fetch


def _as_bytes(out: np.ndarray) -> np.ndarray:
    """Rows (n, *row) of any type as (n, bytes of a row) uint8, in the same memory."""
    return out.reshape(len(out), -1).view(np.uint8)

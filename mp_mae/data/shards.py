"""A read-optimised copy of a compressed dataset: the same files and layout, with contiguous HDF5 datasets.

The HDF5 structure is written first and closed; rows are then written at their byte offsets. So a copy that is stopped
never leaves a broken HDF5 file, and goes on where it was when it is started again.
"""

import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import h5py
import numpy as np

from mp_mae.data.buffers import PAGE, Column
from mp_mae.data.files import Paths, find_files
from mp_mae.data.h5 import RowReader, describe_columns
from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.files.replace_file import write_whole

BLOCK = 256
"""Tiles read and written at once: about 75 MB of 64 px tiles."""

PROGRESS_FILE = "progress.json"

Advance = Callable[[int, int], None]
"""Called with tiles done and tiles in all: at the start, and as blocks are safely on disk."""


def write_shards(source: str | Path, out: str | Path, progress: Advance, *, workers: int = 2) -> Path:
    """Copy the dataset in folder `source` into the new folder `out`, decompressed. Returns `out`.

    The copy grows in `<out>.partial` and takes its name when it is complete; a partial copy of the same source is
    continued, of another begun anew. Band statistics, splits and tile information are copied as they are.

    Args:
        workers: reading threads.

    Raises:
        UserError: `out` exists, the disk is too small, or the source is incomplete or damaged.
    """
    out = Path(out)
    paths = find_files(source)
    columns = _columns(paths.h5)
    if out.exists():
        raise UserError(f"{out} exists already. Choose another folder, or remove it to write it anew.")
    partial = out.with_name(f"{out.name}.partial")
    copy = Paths(partial / paths.h5.name)
    state = _State(partial / PROGRESS_FILE, paths.h5)
    try:
        done = state.tiles_done()
        if done is None:
            partial.mkdir(parents=True, exist_ok=True)
            _check_space(partial, columns)
            for original, target in _companions(paths, copy):
                shutil.copyfile(original, target)
            _write_structure(paths.h5, copy.h5, columns)
            done = 0
            state.save(done)
        total = next(iter(columns.values())).n_rows
        progress(done, total)
        reader = RowReader(paths.h5, list(columns.values()))
        for copied in _copy_rows(reader, copy.h5, done, total, workers):
            state.save(copied)
            progress(copied, total)
        state.path.unlink()
        partial.rename(out)
    except OSError as error:
        raise UserError(
            f"{error.filename or partial}: {error.strerror or error}. Correct that, then run the same again to go on."
        ) from error
    return out


class _State:
    """How far the partial copy of one source has come, in a file beside it."""

    def __init__(self, path: Path, source: Path) -> None:
        self.path = path
        about = source.stat()
        self._source = {"size": about.st_size, "modified_ns": about.st_mtime_ns}

    def tiles_done(self) -> int | None:
        """The number of tiles copied before, or None if there is no partial copy of this very source."""
        try:
            record = read_json(self.path, "")
        except UserError:
            return None
        about_us = isinstance(record, dict) and record.get("source") == self._source
        return record["done"] if about_us and type(record.get("done")) is int else None

    def save(self, done: int) -> None:
        write_whole(self.path, json.dumps({"source": self._source, "done": done}))


def _columns(path: Path) -> Mapping[str, Column]:
    columns = describe_columns(path)
    lengths = {column.n_rows for column in columns.values()}
    if len(lengths) != 1 or 0 in lengths:
        found = ", ".join(f"{name} {column.n_rows}" for name, column in columns.items()) or "no datasets"
        raise UserError(f"{path}: wanted datasets of equal length, one row per tile; found {found}. Download it again.")
    for name, column in columns.items():
        if column.stored.hasobject:
            raise UserError(f"{path}: {name} has entries of variable length, which MMEarth does not; remove it.")
    return columns


def _companions(paths: Paths, copy: Paths) -> list[tuple[Path, Path]]:
    pairs = [(paths.splits, copy.splits), (paths.band_stats, copy.band_stats)]
    return [*pairs, (paths.tile_info, copy.tile_info)] if paths.tile_info.exists() else pairs


def _check_space(folder: Path, columns: Mapping[str, Column]) -> None:
    needed = sum(column.n_rows * column.row_bytes + PAGE for column in columns.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: the copy needs {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB free. "
            "Free some or choose another disk."
        )


def _write_structure(source: Path, target: Path, columns: Mapping[str, Column]) -> None:
    """An HDF5 file with the source's datasets and attributes; the datasets have their place but no content yet."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.CONTIGUOUS)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with (
        h5py.File(source, "r") as original,
        h5py.File(target, "w", alignment_threshold=1, alignment_interval=PAGE) as file,
    ):
        file.attrs.update(original.attrs)
        for name, column in columns.items():
            space = h5py.h5s.create_simple((column.n_rows, *column.shape))
            stored = h5py.h5t.py_create(column.dtype, logical=True)
            dataset = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), stored, space, plan))
            dataset.attrs.update(original[name].attrs)


def _copy_rows(reader: RowReader, target: Path, first: int, total: int, workers: int) -> Iterator[int]:
    """Copy the rows first .. total - 1; yields the rows that are safely on disk so far."""
    columns = describe_columns(target)
    blocks = iter(range(first, total, BLOCK))
    reading: deque[tuple[int, Future[dict[str, np.ndarray]]]] = deque()
    with ThreadPoolExecutor(workers) as pool, target.open("r+b") as file:
        try:
            while True:
                for start in islice(blocks, workers + 1 - len(reading)):
                    rows = np.arange(start, min(start + BLOCK, total))
                    reading.append((start, pool.submit(reader.read_rows, rows)))
                if not reading:
                    return
                start, future = reading.popleft()
                arrays = future.result()
                for name, array in arrays.items():
                    file.seek((columns[name].offset or 0) + start * columns[name].row_bytes)
                    file.write(array.reshape(-1).view(np.uint8).data)
                file.flush()
                os.fsync(file.fileno())
                yield min(start + BLOCK, total)
        finally:  # also when the caller stops early
            pool.shutdown(cancel_futures=True)

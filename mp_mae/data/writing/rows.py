"""An HDF5 file with room for every row, and rows put there from any process, without the HDF5 library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import h5py
import numpy as np

METADATA_TYPE = np.dtype([("tile_id", "S100"), ("S2_type", "S10")])
"""A record of the dataset `metadata`."""


@dataclass(frozen=True)
class Room:
    """The place of one dataset's rows in a file, one after another."""

    name: str
    offset: int
    """Byte of the first row."""
    row_bytes: int


def create_rooms(path: Path, n_rows: int, kinds: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> tuple[Room, ...]:
    """Write an HDF5 file whose datasets have their place but no content, and no time stamps: equal calls, equal bytes.

    Args:
        kinds: by dataset name, the shape and type of a row.
    """
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    layout.set_obj_track_times(False)
    rooms = []
    with h5py.File(path, "w") as file:
        for name, (shape, dtype) in kinds.items():
            space = h5py.h5s.create_simple((n_rows, *shape))
            dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(dtype), space, layout)
            rooms.append(Room(name, dataset.get_offset(), dtype.itemsize * prod(shape)))
    return tuple(rooms)


def write_rows(path: Path, rooms: Sequence[Room], start: int, rows: Mapping[str, np.ndarray]) -> None:
    """Put rows (n, *row) of every dataset at `start` and after it. Processes may write other rows meanwhile."""
    with path.open("r+b") as file:
        for room in rooms:
            file.seek(room.offset + start * room.row_bytes)
            file.write(np.ascontiguousarray(rows[room.name]).data)

"""The simulated world as a dataset: MMEarth v001's layout, coherence beside it, in one HDF5 file and JSON files."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mp_mae.data.files import METADATA, Paths
from mp_mae.data.processes import map_in_order
from mp_mae.data.world.places import draw_places
from mp_mae.data.world.records.tile_info import describe_tiles, tile_id
from mp_mae.data.world.simulate import WORLD_VERSION, simulate
from mp_mae.data.writing.band_sums import Sums, combine_sums, sum_bands
from mp_mae.data.writing.rows import METADATA_TYPE, Room, create_rooms, write_rows
from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json, write_json
from mp_mae.files.replace_folder import is_free, replacing

DESCRIPTION = "world.json"
"""Says which world a directory holds; written last."""

BLOCK = 64
"""Tiles simulated and written at a time. Sums of statistics are rounded block by block, so it is part of the bytes."""

LAYOUT_VERSION = 2
"""Which datasets the files have: those of MMEarth since 1, coherence since 2. The world itself is as old as
WORLD_VERSION says."""

SPLIT_PERIOD = 20
"""Rows of which the last but one is for validation and the last for testing, again and again."""

Report = Callable[[int, int], None]
"""Called with the tiles written so far and all tiles."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that decides the files' bytes."""

    version: int
    layout: int
    seed: int
    n_tiles: int
    size_px: int


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Rows to simulate and write: all that a process needs to know."""

    world: World
    path: Path
    rooms: tuple[Room, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class _Written:
    sums: dict[str, Sums]
    tile_info: list[dict[str, Any]]


def write_mmearth(
    directory: Path, seed: int, n_tiles: int, *, size_px: int = 64, processes: int = 1, report: Report | None = None
) -> Paths:
    """Simulate n_tiles places of the purpose 'pretrain' and write them as `<directory name>.h5` and its JSON files.

    The bytes follow from seed, number and size alone and not from the number of processes. The directory appears when
    it is complete; one that already holds the same world is taken as it is.

    Raises:
        UserError: nothing to write, a directory with something else, no permission, or a full disk.
    """
    directory = Path(directory)
    if n_tiles < 1 or processes < 1:
        raise UserError(
            f"{directory}: wanted at least one tile and one process; found {n_tiles} and {processes}. Ask for more."
        )
    world = World(version=WORLD_VERSION, layout=LAYOUT_VERSION, seed=seed, n_tiles=n_tiles, size_px=size_px)
    paths = Paths(directory / f"{directory.name}.h5")
    if _holds(directory, world):
        return paths
    with _explained(directory, world), replacing(directory) as partial:
        _write_all(world, partial, directory.name, processes, report or _say_nothing)
    return paths


def _holds(directory: Path, world: World) -> bool:
    """Whether the directory is this world, complete. It may also be absent or empty; all else is an error."""
    if is_free(directory):
        return False
    description = directory / DESCRIPTION
    wanted = asdict(world)
    try:
        found = read_json(description, "")
    except UserError:
        raise UserError(
            f"{directory} is in the way: wanted a new directory or a simulated world; found no readable {DESCRIPTION} "
            "in it. Choose another directory."
        ) from None
    if found != wanted:
        differing = ", ".join(
            f"{name} {found.get(name) if isinstance(found, dict) else found!r} instead of {value}"
            for name, value in wanted.items()
            if not isinstance(found, dict) or found.get(name) != value
        )
        raise UserError(
            f"{directory} holds another simulated world ({differing}). Choose another directory, or remove this one."
        )
    return True


@contextmanager
def _explained(directory: Path, world: World) -> Iterator[None]:
    """Failures of the file system in the user's words."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UserError(
                f"{directory}: the disk is full. {world.n_tiles} tiles need about {_gigabytes(world):.2g} GB; nothing "
                "was kept. Make room, ask for fewer tiles or choose another disk."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise UserError(
                f"{directory}: no permission to write there ({error.strerror}). Choose another directory."
            ) from error
        raise UserError(f"{directory} cannot be written ({error}). Choose another directory.") from error


def _gigabytes(world: World) -> float:
    return world.n_tiles * (87 * world.size_px**2 + 2000) / 1e9


def _write_all(world: World, folder: Path, name: str, processes: int, report: Report) -> None:
    """The files of the dataset; DESCRIPTION last."""
    paths = Paths(folder / f"{name}.h5")
    rooms = create_rooms(paths.h5, world.n_tiles, _kinds(world))
    blocks = [
        _Block(world=world, path=paths.h5, rooms=rooms, start=start, stop=min(start + BLOCK, world.n_tiles))
        for start in range(0, world.n_tiles, BLOCK)
    ]
    written = []
    for done in map_in_order(_write_block, blocks, processes):
        written.append(done)
        report(blocks[len(written) - 1].stop, world.n_tiles)
    rows = [info for block in written for info in block.tile_info]
    write_json(paths.band_stats, combine_sums(block.sums for block in written))
    write_json(paths.splits, {name: _rows_of(name, world.n_tiles) for name in ("train", "val", "test")})
    write_json(paths.tile_info, {tile_id(world.seed, row): info for row, info in enumerate(rows)})
    write_json(folder / DESCRIPTION, asdict(world))


def _kinds(world: World) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of a row of every dataset."""
    example = simulate(world.seed, draw_places(world.seed, "pretrain", np.arange(1)), world.size_px)
    kinds = {name: (rows.shape[1:], rows.dtype) for name, rows in example.modalities.items()}
    return {**kinds, METADATA: ((), METADATA_TYPE)}


def _write_block(block: _Block) -> _Written:
    """Simulate rows and put each dataset's at their place in the file."""
    world = block.world
    indices = np.arange(block.start, block.stop)
    tiles = simulate(world.seed, draw_places(world.seed, "pretrain", indices), world.size_px)
    records = [
        (tile_id(world.seed, index), level) for index, level in zip(indices.tolist(), tiles.s2_level, strict=True)
    ]
    rows = {**tiles.modalities, METADATA: np.array(records, METADATA_TYPE)}
    write_rows(block.path, block.rooms, block.start, rows)
    in_train = np.flatnonzero(indices % SPLIT_PERIOD < SPLIT_PERIOD - 2)
    stored = {name: values[in_train] for name, values in tiles.modalities.items()}
    return _Written(sum_bands(stored, tiles.s2_level[in_train]), describe_tiles(tiles))


def _rows_of(split: str, n_tiles: int) -> list[int]:
    """Rows of `train`, `val` or `test`. Rows are independent draws, so taking them in turn is as good as at random."""
    held_out = {"val": SPLIT_PERIOD - 2, "test": SPLIT_PERIOD - 1}
    if split in held_out:
        return list(range(held_out[split], n_tiles, SPLIT_PERIOD))
    return [row for row in range(n_tiles) if row % SPLIT_PERIOD < SPLIT_PERIOD - 2]


def _say_nothing(done: int, total: int) -> None:
    """The report of callers that show no progress."""

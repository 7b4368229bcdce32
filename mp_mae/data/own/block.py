"""What a process does with some images: read, cut, and put the tiles at their place in the file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mp_mae.data.files import METADATA
from mp_mae.data.own.bands import Channels
from mp_mae.data.own.choices import Choices
from mp_mae.data.own.images import BadImageError, OpenedImage, opened
from mp_mae.data.writing.band_sums import Sums, add_sums, sum_bands
from mp_mae.data.writing.rows import METADATA_TYPE, Room, write_rows
from mp_mae.modalities import OPTICAL, S2_STORED

LEVEL = "l2a"
"""`S2_type` of every tile: it only says which statistics standardise the pixels, and there is one kind."""

_LONGEST = 100
"""Bytes of a tile's id."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How an image is cut: as many whole tiles as fit; what is left over is left out, half of it on each side."""

    height: int
    width: int
    side: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return self.height // self.side, self.width // self.side

    @property
    def n_tiles(self) -> int:
        rows, columns = self.shape
        return rows * columns

    @property
    def origin(self) -> tuple[int, int]:
        """Top and left pixel of the first tile."""
        return self.height % self.side // 2, self.width % self.side // 2


@dataclass(frozen=True, kw_only=True)
class Source:
    """An image to read, and where its tiles go."""

    file: str
    channels: Channels
    grid: Grid
    start: int
    """Row of its first tile."""
    for_training: bool


@dataclass(frozen=True, kw_only=True)
class Block:
    """Images that one process reads and writes, and all that it needs to know."""

    folder: Path
    sources: tuple[Source, ...]
    choices: Choices
    path: Path
    """HDF5 file."""
    rooms: tuple[Room, ...]
    dtype: np.dtype
    """In which pixels are stored."""


@dataclass(frozen=True, kw_only=True)
class ReadImage:
    """What came of one image."""

    source: Source
    tile_info: dict[str, dict[str, Any]]
    """By tile id, in the order of the rows."""
    sums: dict[str, Sums]
    """Over its tiles, if they are for training."""
    usable: tuple[int, ...] = ()
    """Its rows in which something is known."""
    n_zero: int = 0
    """Pixels that are 0 in every band and count as data."""
    refused: str = ""
    """Why it cannot be used; its rows are then empty and in no split."""


def import_block(block: Block) -> list[ReadImage]:
    """Read the images of a block and write their rows."""
    return [_import_image(block, source) for source in block.sources]


def tile_id(file: str, row: int, column: int, grid: Grid) -> str:
    """The file, and where in it; too long a name is replaced by its hash."""
    place = "" if grid.n_tiles == 1 else f":{row}_{column}"
    name = f"{file}{place}"
    return name if len(name.encode()) <= _LONGEST else f"{hashlib.sha256(file.encode()).hexdigest()[:32]}{place}"


def _import_image(block: Block, source: Source) -> ReadImage:
    usable: list[int] = []
    n_zero, refused = 0, ""
    sums: dict[str, Sums] = {}
    ids = _ids(source)
    try:
        with opened(block.folder / source.file) as image:
            for strip in range(source.grid.shape[0]):
                tiles, zero = _read_tiles(image, strip, block, source)
                start = source.start + strip * source.grid.shape[1]
                _write(block, start, tiles, ids[strip])
                usable += (start + np.flatnonzero(tiles.any(axis=(1, 2, 3)))).tolist()
                n_zero += zero
                if source.for_training:
                    sums = add_sums(sums, sum_bands({OPTICAL: tiles}, np.full(len(tiles), LEVEL)))
    except BadImageError as error:
        usable, n_zero, refused, sums = [], 0, str(error), {}
        for strip, names in enumerate(ids):
            empty = np.zeros((len(names), len(S2_STORED), *[source.grid.side] * 2), block.dtype)
            _write(block, source.start + strip * source.grid.shape[1], empty, names)
    return ReadImage(
        source=source,
        tile_info=_describe(source, ids),
        sums=sums,
        usable=tuple(usable),
        n_zero=n_zero,
        refused=refused,
    )


def _read_tiles(image: OpenedImage, strip: int, block: Block, source: Source) -> tuple[np.ndarray, int]:
    """A row of tiles (n, 13, side, side) as they are stored, 0 = no data; and its pixels that are 0 and data.

    A 0 that is data becomes the nearest number that can be stored and is not 0, in every band by itself.
    """
    grid, no_data = source.grid, block.choices.no_data
    top, left = grid.origin
    columns = slice(left, left + grid.shape[1] * grid.side)
    values, data = image.strip(top + strip * grid.side, grid.side)
    chosen = [channel for channel, band in enumerate(source.channels) if band]
    slots = [S2_STORED.index(band) for band in source.channels if band]
    values, data = values[chosen][:, :, columns], data[chosen][:, :, columns]
    if values.dtype.kind == "f":
        data = data & np.isfinite(values)
    if no_data is not None:
        data = data & (values != no_data)
    is_zero = data & (values == 0)
    nearest = np.finfo(block.dtype).tiny if block.dtype.kind == "f" else 1
    stored = np.where(data, values, 0).astype(block.dtype)
    stored[is_zero] = nearest
    tiles = np.zeros((grid.shape[1], len(S2_STORED), grid.side, grid.side), block.dtype)
    tiles[:, slots] = stored.reshape(len(slots), grid.side, -1, grid.side).transpose(2, 0, 1, 3)
    return tiles, int(is_zero.all(axis=0).sum())


def _write(block: Block, start: int, tiles: np.ndarray, ids: list[str]) -> None:
    metadata = np.array([(name.encode(), LEVEL.encode()) for name in ids], METADATA_TYPE)
    write_rows(block.path, block.rooms, start, {OPTICAL: tiles, METADATA: metadata})


def _ids(source: Source) -> list[list[str]]:
    """Names of the tiles, by row of tiles."""
    rows, columns = source.grid.shape
    return [[tile_id(source.file, row, column, source.grid) for column in range(columns)] for row in range(rows)]


def _describe(source: Source, ids: list[list[str]]) -> dict[str, dict[str, Any]]:
    (top, left), side = source.grid.origin, source.grid.side
    folder = PurePosixPath(source.file).parent.name
    about = {
        "S2_type": LEVEL,
        "file": source.file,
        "class": folder or None,
        "BANDS": {OPTICAL: [band for band in source.channels if band]},
    }
    return {
        name: {**about, "top": top + row * side, "left": left + column * side}
        for row, names in enumerate(ids)
        for column, name in enumerate(names)
    }

"""What a process does with some chips: read, cut, and put the tiles at their place in the file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mp_mae.data.files import METADATA
from mp_mae.data.m3leo.choices import Choices
from mp_mae.data.m3leo.cut import cell_centres, count_cells, cut_tiles, draw_cells
from mp_mae.data.m3leo.layout import Chip
from mp_mae.data.m3leo.rasters import BadFileError
from mp_mae.data.m3leo.sources import SOURCES
from mp_mae.data.writing.band_sums import Sums, sum_bands
from mp_mae.data.writing.rows import METADATA_TYPE, Room, write_rows

LEVEL = "l2a"
"""`S2_type` of every tile: it only says which statistics standardise the optical image, and there is one kind."""

Kinds = dict[str, tuple[tuple[int, ...], np.dtype]]


@dataclass(frozen=True, kw_only=True)
class Block:
    """Chips that one process reads and writes, and all that it needs to know."""

    area: Path
    chips: tuple[Chip, ...]
    modalities: tuple[str, ...]
    choices: Choices
    path: Path
    """HDF5 file."""
    rooms: tuple[Room, ...]
    start: int
    """Row of the first tile."""


@dataclass(frozen=True, kw_only=True)
class ReadChip:
    """What came of one chip."""

    sums: dict[str, Sums]
    """Over its tiles, if they are for training."""
    tile_info: dict[str, dict[str, Any]]
    """By tile id, in the order of the rows."""
    refused: dict[str, str]
    """By modality, why its file cannot be used."""
    usable: tuple[int, ...]
    """Its rows in which something is known."""


def row_kinds(modalities: tuple[str, ...], side: int) -> Kinds:
    """Shape and type of a row of every dataset. Every training reads Sentinel-2, so that one is always there."""
    pixels = {name: source for name, source in SOURCES.items() if name in ("sentinel2", *modalities)}
    kinds: Kinds = {name: ((source.n_stored, side, side), source.dtype) for name, source in pixels.items()}
    kinds |= {name: ((2,), np.dtype(np.float32)) for name in ("lat", "lon", "month")}
    return {**kinds, METADATA: ((), METADATA_TYPE)}


def import_block(block: Block) -> list[ReadChip]:
    """Read the chips of a block and write their rows.

    Raises:
        BadFileError: a file cannot be used, and the choice is to stop then.
    """
    per_chip = count_cells(block.choices)
    return [_import_chip(block, chip, block.start + i * per_chip) for i, chip in enumerate(block.chips)]


def _import_chip(block: Block, chip: Chip, start: int) -> ReadChip:
    choices = block.choices
    cells = draw_cells(chip.name, choices)
    pixels, refused = _read_pixels(block, chip, cells)
    latitude, longitude = cell_centres(chip.box, cells, choices)
    names = [chip.name if choices.cut == "whole" else f"{chip.name}_{y}_{x}" for y, x in cells.tolist()]
    known = np.zeros(len(cells), bool)
    rows = {}
    for name, (shape, dtype) in row_kinds(block.modalities, choices.side).items():
        if name in pixels:
            known |= np.isfinite(pixels[name]).any(axis=(1, 2, 3))
            rows[name] = SOURCES[name].store(pixels[name])
        elif name in SOURCES:
            rows[name] = np.full((len(cells), *shape), SOURCES[name].missing, dtype)
    rows["lat"], rows["lon"] = _as_angle(np.radians(latitude)), _as_angle(np.radians(longitude))
    rows["month"] = _as_angle(np.full(len(cells), 2 * np.pi * choices.month / 12))
    rows[METADATA] = np.array([(name, LEVEL) for name in names], METADATA_TYPE)
    write_rows(block.path, block.rooms, start, rows)
    about = {
        "S2_type": LEVEL,
        "S2_DATE": f"2020-{choices.month:02d}-01",
        "CRS": None,
        "BANDS": {name: list(SOURCES[name].channels) for name in pixels},
    }
    places = zip(names, latitude.tolist(), longitude.tolist(), strict=True)
    return ReadChip(
        sums=sum_bands(rows, np.full(len(cells), LEVEL)) if chip.split == "train" else {},
        tile_info={name: {**about, "lat": lat, "lon": lon} for name, lat, lon in places},
        refused=refused,
        usable=tuple((start + np.flatnonzero(known)).tolist()),
    )


def _read_pixels(block: Block, chip: Chip, cells: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tiles (n, C, S, S) of the modalities that the chip has, NaN = missing; and why files were refused."""
    pixels, refused = {}, {}
    for name in block.modalities:
        source = SOURCES[name]
        path = source.path(block.area, chip.name)
        if not path.exists():
            continue
        try:
            image = source.read_chip(path, block.choices)
        except BadFileError as error:
            if block.choices.damaged == "stop":
                raise BadFileError(f"{error} Or go on without such files: --damaged skip") from error
            refused[name] = str(error)
            continue
        pixels[name] = cut_tiles(image, cells, block.choices, is_class=source.is_class)
    return pixels, refused


def _as_angle(radians: np.ndarray) -> np.ndarray:
    """Sine and cosine (n, 2) float32."""
    return np.stack([np.sin(radians), np.cos(radians)], axis=1).astype(np.float32)

"""The spine of an import: an area's chips, read in parallel and written as one dataset in MMEarth's layout."""

import errno
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from mp_mae.data.files import Paths
from mp_mae.data.m3leo.block import Block, ReadChip, import_block, row_kinds
from mp_mae.data.m3leo.choices import Choices
from mp_mae.data.m3leo.cut import count_cells
from mp_mae.data.m3leo.layout import SPLITS, Area, Chip, open_area
from mp_mae.data.m3leo.rasters import need_rasterio
from mp_mae.data.m3leo.sources import SOURCES, Source
from mp_mae.data.processes import map_in_order
from mp_mae.data.writing.band_sums import combine_sums
from mp_mae.data.writing.rows import create_rooms
from mp_mae.errors import UserError
from mp_mae.files.json_file import write_json
from mp_mae.files.listing import paths_in
from mp_mae.files.replace_folder import is_free, replacing

DESCRIPTION = "m3leo.json"
"""What was asked for, and what was found."""

BLOCK = 16
"""Chips that a process reads before it reports."""

Report = Callable[[int, int], None]
"""Called with the chips done so far and all chips."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What an import found and wrote."""

    area: str
    chips: int
    splits: dict[str, int]
    """Tiles by split."""
    without_file: dict[str, int]
    """Chips that have no file, by modality: it is missing in their tiles."""
    refused: dict[str, int]
    """Chips whose file cannot be used, by modality: likewise."""
    first_refused: str | None
    """Why the first of those cannot."""
    without_any_file: int
    """Chips that have a split and no file; they are left out."""
    without_split: int
    """Chips that have a file and no split; they are left out too."""
    tiles_without_data: int
    """Tiles in which nothing is known: rows of the file that are in no split."""


def import_m3leo(
    folder: Path,
    out: Path,
    choices: Choices,
    *,
    splits: Path | None = None,
    geometry: Path | None = None,
    processes: int = 1,
    report: Report | None = None,
) -> Summary:
    """Write an area of interest of M3LEO as the new folder `out` in MMEarth's layout.

    The bytes follow from the area's files and `choices`, not from the number of processes. The folder appears when it
    is complete.

    Args:
        folder, splits, geometry: as in `open_area`.
    Raises:
        UserError: a file is missing, ambiguous or unusable, `out` is there already, or the disk is too small.
    """
    need_rasterio()
    if not is_free(out):
        raise UserError(f"{out} is there already; wanted a new folder. Choose another, or remove it.")
    if processes < 1:
        raise UserError(f"--processes {processes}: wanted at least one.")
    try:
        area = open_area(folder, splits=splits, geometry=geometry)
        having = {source.modality: _chips_having(area, source) for source in _choose_sources(area, choices)}
        anywhere = set[str]().union(*having.values())
        chips = tuple(chip for chip in area.chips.values() if chip.name in anywhere)
        if not any(chip.split == "train" for chip in chips):
            raise UserError(f"{area.folder}: no chip of the split train has a file. Download more of the area.")
        _check_space(out, chips, tuple(having), choices)
        with replacing(out) as partial:
            paths = Paths(partial / f"{out.name}.h5")
            read = _write_tiles(area, chips, tuple(having), choices, paths.h5, processes, report)
            rows = _rows_by_split(chips, read)
            summary = _summarise(area, chips, having, choices, read, rows)
            write_json(paths.band_stats, combine_sums(each.sums for each in read))
            write_json(paths.splits, rows)
            write_json(paths.tile_info, {name: info for each in read for name, info in each.tile_info.items()})
            write_json(partial / DESCRIPTION, {"choices": asdict(choices), "found": asdict(summary)})
    except OSError as error:
        full = "the disk is full; nothing was kept" if error.errno == errno.ENOSPC else error.strerror or error
        raise UserError(f"{error.filename or out}: {full}. Correct that, then run the same again.") from error
    return summary


def _choose_sources(area: Area, choices: Choices) -> list[Source]:
    unknown = [name for name in choices.without if name not in SOURCES]
    chosen = [source for name, source in SOURCES.items() if name not in choices.without]
    if unknown or not chosen:
        given = ",".join(choices.without)
        raise UserError(f"--without {given}: wanted some of {', '.join(SOURCES)}, and not all.")
    for source in chosen:
        if not (area.folder / source.folder).is_dir():
            raise UserError(
                f"{area.folder}: no folder {source.folder}, of which {source.modality} is made. Download it, or "
                f"leave it out: --without {source.modality}"
            )
    return chosen


def _chips_having(area: Area, source: Source) -> set[str]:
    files = paths_in(area.folder / source.folder, f"*{source.suffix}")
    return {path.name.removesuffix(source.suffix) for path in files}


def _check_space(out: Path, chips: tuple[Chip, ...], modalities: tuple[str, ...], choices: Choices) -> None:
    n_tiles = len(chips) * count_cells(choices)
    row_bytes = sum(prod(shape) * dtype.itemsize for shape, dtype in row_kinds(modalities, choices.side).values())
    free = shutil.disk_usage(next(folder for folder in out.absolute().parents if folder.exists())).free
    if n_tiles * row_bytes > free:
        raise UserError(
            f"{out}: {n_tiles} tiles need {n_tiles * row_bytes / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB free. "
            "Make room, choose another disk, or take fewer: --tiles-per-chip N"
        )


def _write_tiles(
    area: Area,
    chips: tuple[Chip, ...],
    modalities: tuple[str, ...],
    choices: Choices,
    path: Path,
    processes: int,
    report: Report | None,
) -> list[ReadChip]:
    """The HDF5 file; what came of each chip, in order."""
    per_chip = count_cells(choices)
    rooms = create_rooms(path, len(chips) * per_chip, row_kinds(modalities, choices.side))
    blocks = [
        Block(
            area=area.folder,
            chips=chips[at : at + BLOCK],
            modalities=modalities,
            choices=choices,
            path=path,
            rooms=rooms,
            start=at * per_chip,
        )
        for at in range(0, len(chips), BLOCK)
    ]
    done: list[ReadChip] = []
    for read in map_in_order(import_block, blocks, processes):
        done += read
        if report is not None:
            report(len(done), len(chips))
    return done


def _rows_by_split(chips: tuple[Chip, ...], read: list[ReadChip]) -> dict[str, list[int]]:
    """Rows in which something is known; all tiles of a chip are in one split."""
    return {
        split: [row for chip, each in zip(chips, read, strict=True) if chip.split == split for row in each.usable]
        for split in SPLITS
    }


def _summarise(
    area: Area,
    chips: tuple[Chip, ...],
    having: Mapping[str, set[str]],
    choices: Choices,
    read: list[ReadChip],
    rows: Mapping[str, list[int]],
) -> Summary:
    """Raises UserError where all files of a modality were refused."""
    names = {chip.name for chip in chips}
    reasons = {name: [each.refused[name] for each in read if name in each.refused] for name in having}
    for name, of_modality in reasons.items():
        if of_modality and len(of_modality) == len(having[name] & names):
            raise UserError(f"none of {len(of_modality)} files of {name} can be used. The first: {of_modality[0]}")
    n_rows = len(chips) * count_cells(choices)
    return Summary(
        area=area.name,
        chips=len(chips),
        splits={split: len(of_split) for split, of_split in rows.items()},
        without_file={name: len(names - found) for name, found in having.items()},
        refused={name: len(of_modality) for name, of_modality in reasons.items()},
        first_refused=next((reason for each in read for reason in each.refused.values()), None),
        without_any_file=len(area.chips) - len(chips),
        without_split=len(set[str]().union(*having.values()) - names),
        tiles_without_data=n_rows - sum(map(len, rows.values())),
    )

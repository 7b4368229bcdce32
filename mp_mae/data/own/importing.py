"""The spine of an import: a folder's images, read in parallel and written as one dataset in MMEarth's layout."""

import errno
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

import numpy as np

from mp_mae.data.files import METADATA, Paths
from mp_mae.data.own.block import Block, Grid, ReadImage, Source, import_block
from mp_mae.data.own.choices import Choices
from mp_mae.data.own.images import RASTERS, need_rasterio
from mp_mae.data.own.survey import Usable, find_images, held_out, stored_type, survey
from mp_mae.data.processes import map_in_order
from mp_mae.data.writing.band_sums import combine_sums
from mp_mae.data.writing.rows import METADATA_TYPE, create_rooms
from mp_mae.errors import UserError
from mp_mae.files.json_file import write_json
from mp_mae.files.replace_folder import is_free, replacing
from mp_mae.modalities import OPTICAL, S2_STORED

DESCRIPTION = "images.json"
"""What was asked for, and what was found."""

TILES_PER_BLOCK = 256
"""After so many tiles a process reports."""

Report = Callable[[str, int, int], None]
"""Called with what is being done, and how much of it is done, of how much."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What an import found and wrote."""

    images: int
    """That are in the dataset."""
    refused: int
    """Files that cannot be used."""
    side: int
    bands: tuple[str, ...]
    """That the images have, in the order of the layout."""
    dtype: str
    """In which pixels are stored."""
    splits: dict[str, int]
    """Tiles by split."""
    tiles_without_data: int
    """Rows of the file in which nothing is known; they are in no split."""
    tells_no_data: int
    """Images that say themselves which pixels have no data."""
    zero_share: float
    """Of the pixels that count as data, those that are 0 in every band."""
    classes: dict[str, int]
    """Tiles by the folder that an image lies in; empty unless there are two or more."""


def import_images(
    folder: Path,
    out: Path,
    choices: Choices,
    *,
    processes: int,
    report: Report,
    refuse: Callable[[str], None],
) -> Summary:
    """Write the images below `folder` as the new folder `out` in MMEarth's layout.

    The bytes follow from the images and `choices`, not from the number of processes. The folder appears when it is
    complete.

    Args:
        refuse: is told a line on each file that cannot be used.
    Raises:
        UserError: no image can be used, `out` is there already, rasterio is needed and not there, or the disk is too
            small.
    """
    if not is_free(out):
        raise UserError(f"{out} is there already; wanted a new folder. Choose another, or remove it.")
    if processes < 1:
        raise UserError(f"--processes {processes}: wanted at least one.")
    files = find_images(folder)
    if any(file.casefold().endswith(RASTERS) for file in files):
        need_rasterio(folder)
    usable, refused = survey(
        folder, files, choices, processes, lambda done, total: report("looking at images", done, total)
    )
    for each in refused:
        refuse(f"{each.file}: {each.why}")
    if not usable:
        raise UserError(f"{folder}: none of {len(files)} images can be used. The first: {refused[0].why}")
    sources = _place(usable, choices)
    dtype = stored_type(usable[0].header.dtype)
    _check_space(out, sources, dtype, choices.side)
    try:
        with replacing(out) as partial:
            paths = Paths(partial / f"{out.name}.h5")
            read = []
            for image in _read_all(folder, sources, choices, paths.h5, dtype, processes):
                read.append(image)
                report("writing tiles", image.source.start + image.source.grid.n_tiles, _n_tiles(sources))
                if image.refused:
                    refuse(f"{image.source.file}: {image.refused}")
            splits = _split(read)
            if not splits["train"]:
                raise UserError(f"{folder}: no tile for training has data. Look at the files, and at --no-data.")
            summary = _summarise(usable, read, len(files), splits, choices.side, dtype)
            write_json(paths.band_stats, combine_sums(image.sums for image in read))
            write_json(paths.splits, splits)
            write_json(paths.tile_info, {name: info for image in read for name, info in image.tile_info.items()})
            write_json(partial / DESCRIPTION, {"choices": asdict(choices), "found": asdict(summary)})
    except OSError as error:
        full = "the disk is full; nothing was kept" if error.errno == errno.ENOSPC else error.strerror or error
        raise UserError(f"{error.filename or out}: {full}. Correct that, then run the same again.") from error
    return summary


def _place(usable: Sequence[Usable], choices: Choices) -> list[Source]:
    """The images, each with the rows of its tiles."""
    for_validation = held_out([each.file for each in usable], choices.held_out)
    sources: list[Source] = []
    start = 0
    for each in usable:
        grid = Grid(height=each.header.height, width=each.header.width, side=choices.side)
        trains = each.file not in for_validation
        sources.append(Source(file=each.file, channels=each.channels, grid=grid, start=start, for_training=trains))
        start += grid.n_tiles
    return sources


def _n_tiles(sources: Sequence[Source]) -> int:
    return sources[-1].start + sources[-1].grid.n_tiles


def _row_kinds(side: int, dtype: np.dtype) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of a row of every dataset."""
    return {OPTICAL: ((len(S2_STORED), side, side), dtype), METADATA: ((), METADATA_TYPE)}


def _check_space(out: Path, sources: Sequence[Source], dtype: np.dtype, side: int) -> None:
    row_bytes = sum(prod(shape) * kind.itemsize for shape, kind in _row_kinds(side, dtype).values())
    needed = _n_tiles(sources) * row_bytes
    free = shutil.disk_usage(next(folder for folder in out.absolute().parents if folder.exists())).free
    if needed > free:
        raise UserError(
            f"{out}: {_n_tiles(sources)} tiles need {needed / 1e9:.1f} GB, the disk has {free / 1e9:.1f} GB free. "
            "Make room, choose another disk, or take fewer images."
        )


def _read_all(
    folder: Path, sources: Sequence[Source], choices: Choices, path: Path, dtype: np.dtype, processes: int
) -> Iterator[ReadImage]:
    """Write the HDF5 file; what came of each image, in order."""
    rooms = create_rooms(path, _n_tiles(sources), _row_kinds(choices.side, dtype))
    blocks = [
        Block(folder=folder, sources=of_block, choices=choices, path=path, rooms=rooms, dtype=dtype)
        for of_block in _blocks(sources)
    ]
    for read in map_in_order(import_block, blocks, processes):
        yield from read


def _blocks(sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    """The images in their order, about TILES_PER_BLOCK tiles together."""
    block: list[Source] = []
    for source in sources:
        block.append(source)
        if sum(each.grid.n_tiles for each in block) >= TILES_PER_BLOCK:
            yield tuple(block)
            block = []
    if block:
        yield tuple(block)


def _split(read: Sequence[ReadImage]) -> dict[str, list[int]]:
    """Rows in which something is known; all tiles of an image are in one split."""
    return {
        "train": [row for image in read if image.source.for_training for row in image.usable],
        "val": [row for image in read if not image.source.for_training for row in image.usable],
        "test": [],
    }


def _summarise(
    usable: Sequence[Usable],
    read: Sequence[ReadImage],
    n_files: int,
    splits: Mapping[str, list[int]],
    side: int,
    dtype: np.dtype,
) -> Summary:
    kept = [image for image in read if not image.refused]
    n_rows, n_known = sum(image.source.grid.n_tiles for image in kept), sum(map(len, splits.values()))
    classes = Counter(info["class"] for image in kept for info in image.tile_info.values() if info["class"])
    return Summary(
        images=len(kept),
        refused=n_files - len(kept),
        side=side,
        bands=tuple(band for band in S2_STORED if band in usable[0].channels),
        dtype=dtype.name,
        splits={split: len(rows) for split, rows in splits.items()},
        tiles_without_data=n_rows - n_known,
        tells_no_data=sum(image.header.tells_no_data for image in usable),
        zero_share=sum(image.n_zero for image in kept) / max(n_rows * side**2, 1),
        classes=dict(classes) if len(classes) > 1 else {},
    )

"""Every value of an MMEarth dataset read once, and its statistics compared with the stored ones."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mp_mae.data.buffers import Column
from mp_mae.data.checking.moments import Moments, Stored, differences
from mp_mae.data.files import METADATA, MMEarthFiles, open_mmearth
from mp_mae.data.h5 import RowReader
from mp_mae.data.statistics import LEVELS, processing_levels
from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES, Modality

_ROWS = 64
"""Read at a time."""
_SHOWN = 20
"""Rows that a line names."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What came of it."""

    n_tiles: int
    n_compared: int
    """Bands whose statistics are stored."""
    missing: tuple[str, ...]
    """Modalities of MMEarth that the file does not have."""
    problems: tuple[str, ...]
    """A line for each modality with rows that cannot be read, and for each band whose statistics are others."""


def check_mmearth(folder: Path, report: Callable[[int, int], None]) -> Checked:
    """Read all modalities of all tiles.

    Args:
        report: called with the number of tiles done and of all.
    Raises:
        UserError: the dataset cannot be opened at all, as `open_mmearth` says.
    """
    files = open_mmearth(folder, tuple(MODALITIES.values()), allow_missing=True)
    modalities = {modality.name: modality for modality in (files.input, *files.modalities)}
    found = {
        (name, level): Moments(len(modalities[name].bands))
        for name, statistics in files.statistics.items()
        for level in range(len(statistics.mean))
    }
    broken: dict[str, list[int]] = {}
    for start in range(0, files.n_tiles, _ROWS):
        rows = np.arange(start, min(start + _ROWS, files.n_tiles))
        values = _read(files, rows, broken)
        levels = processing_levels(files.paths.h5, values[METADATA])
        for (name, level), moments in found.items():
            several = len(files.statistics[name].mean) > 1
            moments.add(_measured(modalities[name], values[name][levels == level] if several else values[name]))
        report(int(rows[-1]) + 1, files.n_tiles)
    return Checked(
        n_tiles=files.n_tiles,
        n_compared=sum(len(moments.n) for moments in found.values()),
        missing=files.left_out,
        problems=(*_unread(files, broken), *_differences(files, modalities, found)),
    )


def _read(files: MMEarthFiles, rows: np.ndarray, broken: dict[str, list[int]]) -> dict[str, np.ndarray]:
    """The rows that can be read in every column; the others go to `broken`, by column."""
    try:
        return files.reader().read_rows(rows)
    except UserError:
        bad: set[int] = set()
        for column in files.columns:
            unreadable = [row for row in rows.tolist() if not _readable(files.paths.h5, column, row)]
            if unreadable:
                broken.setdefault(column.name, []).extend(unreadable)
                bad |= set(unreadable)
        return files.reader().read_rows(np.array([row for row in rows.tolist() if row not in bad], np.int64))


def _readable(path: Path, column: Column, row: int) -> bool:
    try:
        RowReader(path, [column]).read_rows(np.array([row]))
    except UserError:
        return False
    return True


def _measured(modality: Modality, values: np.ndarray) -> np.ndarray:
    """Values (B, C, ...) float64 of the bands in use, NaN where the file marks them missing."""
    chosen: np.ndarray = values[:, [modality.stored.index(band) for band in modality.bands]].astype(np.float64)
    chosen[np.isin(chosen, modality.no_data)] = np.nan
    return chosen


def _unread(files: MMEarthFiles, broken: dict[str, list[int]]) -> list[str]:
    return [
        f"{files.paths.h5}: {name} cannot be read in {len(rows)} rows: {', '.join(map(str, rows[:_SHOWN]))}"
        f"{' ...' if len(rows) > _SHOWN else ''}. Download the file again"
        for name, rows in broken.items()
    ]


def _differences(
    files: MMEarthFiles, modalities: dict[str, Modality], found: dict[tuple[str, int], Moments]
) -> list[str]:
    lines = []
    for (name, level), moments in found.items():
        statistics = files.statistics[name]
        several = len(statistics.mean) > 1
        if several and not moments.n.any():  # a file may have tiles of one processing level alone
            continue
        key = f"{name}_{LEVELS[level]}" if several else name
        mean, std = statistics.mean[level].tolist(), statistics.std[level].tolist()
        stored = [Stored(f"{key} {band}", *of) for band, *of in zip(modalities[name].bands, mean, std, strict=True)]
        lines += differences(moments, dict(enumerate(stored)), str(files.paths.band_stats))
    return lines

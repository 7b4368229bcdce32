"""Band statistics of an MMEarth dataset: what standardises inputs and regression targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.modalities import Modality

BESIDE = "An MMEarth dataset has it beside its .h5 file: download it again."

LEVELS = ("l1c", "l2a")
"""Processing levels of Sentinel-2 (`S2_type`); a tile's level decides which statistics standardise its pixels."""


OF_NO_VALUES = (0.0, 1.0)
"""Mean and standard deviation as files have them of a band, or a level, without values: standardising by them changes
nothing."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Means and standard deviations: (x - mean) / std standardises; one column per band in use.

    One row, or for Sentinel-2 one row per processing level in the order of LEVELS. float32, std positive.
    """

    mean: np.ndarray
    std: np.ndarray


def read_statistics(path: Path, modalities: Mapping[str, Modality]) -> dict[str, Statistics]:
    """Statistics of the regression modalities among those given.

    Raises:
        UserError: no such file or entry, or a mean or std of a band in use that is not finite or a std that is not
            positive; names modality and band.
    """
    entries = read_json(path, BESIDE)
    if not isinstance(entries, dict):
        raise UserError(f"{path}: wanted an object with one entry per modality. Download it again.")
    statistics = {}
    for name, modality in modalities.items():
        if not modality.kind.is_class:
            keys = [f"{name}_{level}" for level in LEVELS] if name == "sentinel2" else [name]
            mean = np.stack([_per_band(path, entries, key, "mean", modality) for key in keys])
            std = np.stack([_per_band(path, entries, key, "std", modality) for key in keys])
            statistics[name] = Statistics(mean, std)
    return statistics


def _per_band(path: Path, entries: dict[str, Any], key: str, what: str, modality: Modality) -> np.ndarray:
    """Numbers (bands in use,) float32 of one list of the file."""
    try:
        values = np.asarray(entries[key][what], np.float32)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        values = np.empty(0, np.float32)
    if values.shape != (len(modality.stored),):
        raise UserError(
            f"{path}: wanted {key}.{what}, a list of {len(modality.stored)} numbers ({' '.join(modality.stored)}); "
            "found none. Use the dataset's own statistics."
        )
    chosen = values[[modality.stored.index(band) for band in modality.bands]]
    usable = np.isfinite(chosen) & ((chosen > 0) | (what != "std"))
    if not usable.all():
        i = int(np.flatnonzero(~usable)[0])
        wanted = "a positive number" if what == "std" else "a finite number"
        raise UserError(
            f"{path}: {key}.{what} of band {modality.bands[i]} is {chosen[i]:g}; wanted {wanted}. "
            f"Correct the file, or leave {modality.name} or the band out."
        )
    return chosen


def processing_levels(path: Path, metadata: np.ndarray) -> np.ndarray:
    """Index into LEVELS (n,) int64 of metadata records (n,), read by position: field names differ between files.

    Raises:
        UserError: a tile's level is not one of LEVELS; names the tile.
    """
    id_field, level_field = (metadata.dtype.names or ())[:2]
    stored = np.char.lower(metadata[level_field])
    matches = stored[:, None] == np.array([level.encode() for level in LEVELS])
    known = matches.any(axis=1)
    if not known.all():
        i = int(np.flatnonzero(~known)[0])
        raise UserError(
            f"{path}: tile {metadata[id_field][i].decode(errors='replace')!r} has S2_type "
            f"{metadata[level_field][i].decode(errors='replace')!r}; wanted {' or '.join(LEVELS)}. "
            "Leave the tile out of the splits."
        )
    return matches.argmax(axis=1)

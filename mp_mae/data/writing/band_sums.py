"""Mean, deviation and range of every band, summed up block by block in an order that is always the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from mp_mae.data.statistics import LEVELS
from mp_mae.modalities import MODALITIES


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """Sums over the values of C bands, (C,) float64 each."""

    count: np.ndarray
    total: np.ndarray
    squares: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            count=self.count + other.count,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            lowest=np.minimum(self.lowest, other.lowest),
            highest=np.maximum(self.highest, other.highest),
        )

    def summary(self) -> dict[str, list[float]]:
        """`mean std min max` as MMEarth's band_stats.json has them; 0, 1, 0, 0 for a band without values."""
        has_any = self.count > 0
        count = np.maximum(self.count, 1)
        mean = self.total / count
        variance = np.maximum(self.squares / count - mean**2, 0)
        std = np.where(has_any & (variance > 0), np.sqrt(variance), 1)
        ends = [np.where(has_any, end, 0).tolist() for end in (self.lowest, self.highest)]
        return {"mean": mean.tolist(), "std": std.tolist(), "min": ends[0], "max": ends[1]}


def sum_bands(stored: Mapping[str, np.ndarray], levels: np.ndarray) -> dict[str, Sums]:
    """Sums over n tiles of each regression modality that is there; of Sentinel-2 for each processing level.

    Args:
        stored: (n, C, ...) by modality, in MMEarth's types and no-data codes.
        levels: (n,) str: 'l1c' or 'l2a'.
    """
    sums = {}
    for name, modality in MODALITIES.items():
        if modality.kind.is_class or name not in stored:
            continue
        if name == "sentinel2":
            for level in LEVELS:
                sums[f"{name}_{level}"] = _sum(stored[name][levels == level], modality.no_data)
        else:
            sums[name] = _sum(stored[name], modality.no_data)
    return sums


def combine_sums(blocks: Iterable[dict[str, Sums]]) -> dict[str, dict[str, list[float]]]:
    """band_stats.json from the sums of blocks, in their order."""
    totals: dict[str, Sums] = {}
    for block in blocks:
        totals = add_sums(totals, block)
    return {name: sums.summary() for name, sums in totals.items()}


def add_sums(some: Mapping[str, Sums], others: Mapping[str, Sums]) -> dict[str, Sums]:
    """Sums over both, by name."""
    return {**some, **{name: some[name] + sums if name in some else sums for name, sums in others.items()}}


def _sum(stored: np.ndarray, no_data: tuple[float, ...]) -> Sums:
    """Sums of stored (n, C, ...) without no-data codes, NaN and infinities."""
    values = np.moveaxis(stored, 1, 0).reshape(stored.shape[1], -1).astype(np.float64)  # (C, values)
    good = np.isfinite(values)
    for code in no_data:
        good &= values != code
    kept = np.where(good, values, 0)
    return Sums(
        count=good.sum(axis=1).astype(np.float64),
        total=kept.sum(axis=1),
        squares=(kept * kept).sum(axis=1),
        lowest=np.where(good, values, np.inf).min(axis=1, initial=np.inf),
        highest=np.where(good, values, -np.inf).max(axis=1, initial=-np.inf),
    )

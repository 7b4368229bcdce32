"""The band statistics a dataset comes with, and the normalisation made of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.data.json_file import read_json_object
from harness.data.sources.geobench.task_specs import TaskSpec
from harness.data.suites import ENTRIES
from harness.errors import UserError

_FILE = "band_stats.json"


@dataclass(frozen=True, kw_only=True)
class BandStatistics:
    """Over the pixels of one band in the training split, in the unit of the stored pixels."""

    min: float
    max: float
    mean: float
    std: float
    median: float
    percentile_0_1: float
    percentile_1: float
    percentile_5: float
    percentile_95: float
    percentile_99: float
    percentile_99_9: float


class Normalisation(NamedTuple):
    """pixels -> (pixels - mean) / std."""

    mean: np.ndarray
    """(C,) float32."""
    std: np.ndarray
    """(C,) float32, positive."""


def read_band_statistics(directory: Path, spec: TaskSpec) -> dict[str, BandStatistics]:
    """The statistics in `directory`/band_stats.json by the file's own keys, in the unit of the pixels.

    Raises:
        UserError: the file is missing, is no JSON object of statistics, or a statistic is missing or not a number.
    """
    where = f"{spec.dataset}/{_FILE}"
    content = read_json_object(directory / _FILE, where)
    entry = ENTRIES.get(spec.dataset)
    divisors = {band.name: entry.stats_divisor.get(band.kind, 1.0) for band in spec.bands} if entry else {}
    return {key: _parse(value, divisors.get(key, 1.0), f"{where}: {key}") for key, value in content.items()}


def build_normalisation(
    statistics: Mapping[str, BandStatistics], sources: Sequence[str | None], dataset: str
) -> Normalisation:
    """Mean and standard deviation of each source; 0 and 1 where zeros stand in for a band.

    `dataset.normalisation` says the rest.
    """
    where = f"{dataset}/{_FILE}"
    mean, std = np.zeros(len(sources), np.float32), np.ones(len(sources), np.float32)
    for channel, source in enumerate(sources):
        if source is None:
            continue
        if source not in statistics:
            raise UserError(
                f'{where}: no statistics of band "{source}", only of {", ".join(statistics) or "none"}; '
                "add them, computed over the pixels of the default train split"
            )
        band = statistics[source]
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            mean[channel], std[channel] = band.mean, band.std
        if not (np.isfinite(mean[channel]) and np.isfinite(std[channel]) and std[channel] > 0):
            raise UserError(
                f'{where}: band "{source}" has mean {band.mean} and std {band.std}, which cannot normalise; '
                "a finite mean and a positive std are wanted. Correct the file, or leave the band out if it is constant"
            )
    return Normalisation(mean, std)


def _parse(value: Any, divisor: float, where: str) -> BandStatistics:
    if not isinstance(value, dict):
        raise UserError(f"{where}: an object of statistics is wanted, a {type(value).__name__} found")
    numbers = {}
    for name in (field.name for field in fields(BandStatistics)):
        number = value.get(name)
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            problem = "not a number" if name in value else "missing"
            raise UserError(f"{where}: {name} is {problem}. Correct the file")
        numbers[name] = math.inf if abs(number) > 1e300 else float(number) / divisor
    return BandStatistics(**numbers)

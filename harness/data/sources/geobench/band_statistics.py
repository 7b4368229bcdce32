"""The band statistics that a GEO-Bench dataset comes with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.data.description import Band
from harness.data.files.json_file import read_json_object
from harness.errors import UserError

FILE = "band_stats.json"


@dataclass(frozen=True, kw_only=True)
class BandStatistics:
    """What is known of the pixels of one band in the training split, in the unit of the stored pixels."""

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


def read_band_statistics(
    directory: Path, bands: Sequence[Band], divisors: Mapping[str, float]
) -> dict[str, BandStatistics]:
    """The statistics in `directory`/band_stats.json by the file's own keys, in the unit of the pixels.

    Args:
        divisors: kind of band -> what its stored statistics are divided by (`Entry.stats_divisor`).
    Raises:
        UserError: the file is missing, is no JSON object of statistics, or a statistic is missing or not a number.
    """
    where = f"{directory.name}/{FILE}"
    content = read_json_object(directory / FILE, where)
    of_band = {band.channel: divisors.get(band.kind, 1.0) for band in bands}
    return {key: _parse(value, of_band.get(key, 1.0), f"{where}: {key}") for key, value in content.items()}


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

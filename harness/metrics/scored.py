"""What a metric says of a split, made from its values on the split itself and on resamples of it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.metrics.bootstrap import percentile_interval


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A metric's value on a split with its 95 % bootstrap interval over samples."""

    metric: str
    value: float | None
    """None: undefined on this split."""
    ci_low: float | None
    """None: undefined, or nobody computed it."""
    ci_high: float | None


class ClassScore(NamedTuple):
    """A metric of one class on a split."""

    metric: str
    class_index: int
    value: float | None


def score_split(metric: str, values: np.ndarray) -> Scored:
    """From (1 + B,) values on the split and on B of its resamples; without these there is no interval."""
    if np.isnan(values[0]):
        return Scored(metric=metric, value=None, ci_low=None, ci_high=None)
    low, high = percentile_interval(values[1:]) or (None, None)
    return Scored(metric=metric, value=float(values[0]), ci_low=low, ci_high=high)


def score_classes(metric: str, values: np.ndarray) -> list[ClassScore]:
    """From (K,) values, NaN if undefined."""
    return [ClassScore(metric, i, None if np.isnan(value) else float(value)) for i, value in enumerate(values)]

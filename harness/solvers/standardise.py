"""Numbers with mean 0 and variance 1: what everything starts from that must not depend on units."""

from typing import NamedTuple

import numpy as np

ROUNDING = 1e-6
"""A channel whose standard deviation is within this fraction of its mean shows only float32's rounding."""


class Units(NamedTuple):
    """What D channels are measured in: where their zero is and how long a step is."""

    mean: np.ndarray
    """(D,) float64."""
    scale: np.ndarray
    """(D,) float64, 1 / standard deviation; 0 of a channel that is constant."""

    @property
    def n_constant(self) -> int:
        return int(np.count_nonzero(self.scale == 0))

    def standardise(self, values: np.ndarray) -> np.ndarray:
        """(..., D) values with mean 0 and variance 1; constant channels become 0, NaN stays."""
        standardised: np.ndarray = values - self.mean
        standardised *= self.scale  # in place: of many values a further copy would take longer than the arithmetic
        return standardised

    def restore(self, standardised: np.ndarray) -> np.ndarray:
        """(..., D) values as they were measured; constant channels become their mean."""
        std = np.divide(1.0, self.scale, out=np.zeros_like(self.scale), where=self.scale > 0)
        return standardised * std + self.mean


def measure_units(values: np.ndarray, rounding: float = ROUNDING) -> Units:
    """The units of (n, D) float64 values; the standard deviation is over n, not n - 1.

    Args:
        rounding: a channel counts as constant if its standard deviation is within this fraction of its mean.
    """
    return units_of(values.mean(axis=0), values.std(axis=0), rounding)


def units_of(mean: np.ndarray, std: np.ndarray, rounding: float = ROUNDING) -> Units:
    """Units with this (D,) mean and standard deviation."""
    return Units(mean, np.divide(1.0, std, out=np.zeros_like(std), where=std > rounding * np.abs(mean)))

"""A number with its 95 % interval, and what may be said of one."""

from typing import NamedTuple

import numpy as np

LEVEL = 0.95
SURE = 0.05
"""Chance of a false finding among all that are shown together, from which on nothing is called a difference."""


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float | None
    """None: undefined."""
    ci_low: float | None
    """None: unknown or unbounded."""
    ci_high: float | None

    @property
    def sure(self) -> bool:
        """Whether the interval is known and leaves out zero."""
        return (self.ci_low is not None and self.ci_low > 0) or (self.ci_high is not None and self.ci_high < 0)


def interval(replicates: np.ndarray) -> tuple[float, float]:
    """Central 95 % of (B,) replicates."""
    low, high = np.quantile(replicates, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)

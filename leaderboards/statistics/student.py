"""Intervals and p-values of estimates whose variance is a sum of parts, some hardly known, as that of three seeds.

Student's t has one part of variance. Two sides have two, and test samples add one that is known. Welch's approximate
degrees of freedom take the shares of the parts as if they were known; with two seeds on one side and ten on the other
that gives 10 % of false positives at 5 %, and intervals of 95 % that cover 87 % where two seeds meet a known variance.
Here the square of the critical value adds up instead:

    c^2 = z^2 + sum over parts of (t_i^2 - z^2) * w_i ^ k_i,    k_i = 1.9 + 6 * o_i / d_j^2

with z the normal quantile, t_i that of Student's t with the part's own degrees of freedom d_i, w_i its share of the
variance, and o_i the share of the other unknown part j in the rest. Where one part is all, this is Student's t; where
parts are known, the normal; for many degrees of freedom, Welch's. The two constants were chosen by simulation so that
95 % intervals cover 94 to 97.5 % for 2 to 10 seeds on either side, with and without test samples (docs/statistics.md).
Three or more unknown parts, as of a mean over datasets, keep Welch's degrees of freedom, which hold there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from leaderboards.statistics.estimates import LEVEL, Estimate

_POWER = 1.9
_POWER_OF_TWO = 6.0
_MOST_DEGREES = 1e6
_SMALLEST_P = 1e-12


class Part(NamedTuple):
    """A part of the variance of an estimate."""

    variance: float
    degrees: float
    """Degrees of freedom it was estimated with; infinity: known."""


def margin(parts: Sequence[Part]) -> float:
    """Half the width of the 95 % interval of an estimate with these parts of variance."""
    variances, degrees = _columns(parts)
    return float(critical_values(variances, degrees, 1 - LEVEL)[0] * np.sqrt(variances.sum()))


def two_sided_p(difference: float, parts: Sequence[Part]) -> float:
    """P-value of no difference: below 0.05 exactly where the interval of `margin` leaves out zero.

    Never below 1e-12. The parts must not all be zero.
    """
    variances, degrees = _columns(parts)
    statistic = abs(difference) / np.sqrt(variances.sum())

    def beyond(log_p: float) -> float:
        return float(critical_values(variances, degrees, np.exp(log_p))[0]) - statistic

    from scipy import optimize  # noqa: PLC0415 - a tenth of a second that commands need not wait

    smallest = np.log(_SMALLEST_P)
    if beyond(smallest) <= 0:
        return _SMALLEST_P
    return float(np.exp(optimize.brentq(beyond, smallest, 0.0))) if statistic > 0 else 1.0


def with_interval(value: float, parts: Sequence[Part]) -> Estimate:
    """The estimate with its 95 % interval, or without one if no part of its variance is known at all."""
    if not parts:
        return Estimate(value, None, None)
    half = margin(parts)
    return Estimate(value, value - half, value + half)


def critical_values(variances: np.ndarray, degrees: np.ndarray, alpha: float) -> np.ndarray:
    """How many standard errors from zero an estimate is significant at `alpha`, two-sided.

    Args:
        variances: (N, K) parts of the variance of N estimates, not all zero in any.
        degrees: (K,) as in `Part`.
    Returns:
        (N,)
    """
    shares = variances / variances.sum(axis=1, keepdims=True)
    unknown = np.flatnonzero(np.isfinite(degrees))
    if len(unknown) > 2:
        inverse = (shares[:, unknown] ** 2 / degrees[unknown]).sum(axis=1)
        welch: np.ndarray = -special.stdtrit(1 / np.maximum(inverse, 1 / _MOST_DEGREES), alpha / 2)
        return welch
    normal = special.ndtri(alpha / 2) ** 2
    squared = np.full(len(shares), normal)
    for i in unknown:
        excess = special.stdtrit(degrees[i], alpha / 2) ** 2 - normal
        power = np.full(len(shares), _POWER)
        for j in unknown[unknown != i]:
            rest = 1 - shares[:, i]
            others = np.divide(shares[:, j], rest, out=np.zeros(len(rest)), where=rest > 0)
            power += _POWER_OF_TWO * others / degrees[j] ** 2
        squared += excess * shares[:, i] ** power
    return np.sqrt(squared)


def _columns(parts: Sequence[Part]) -> tuple[np.ndarray, np.ndarray]:
    """(1, K) variances and (K,) degrees of freedom."""
    return np.array([[part.variance for part in parts]]), np.array([part.degrees for part in parts])

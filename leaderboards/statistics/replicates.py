"""Replicates: what a curve of means over seeds might have come out as, for whatever is no mean, as labels saved.

A replicate adds to the observed mean one draw of its error by seeds (the draw of training samples, initialisation,
order): a multiplier bootstrap. The deviations of the seeds from their mean are weighted by normal numbers, divided by a
chi so that a mean over S seeds gets exactly Student's t with S - 1 degrees of freedom, its own, whatever other points
have. Resampling three seeds with replacement would give intervals a third too narrow (Hesterberg, What Teachers Should
Know About the Bootstrap, 2015, section 3.4).

A seed is drawn once for all points and curves that share its draw of training samples; differences then are paired.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
N_REPLICATES = 10_000


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float | None
    """None: undefined."""
    ci_low: float | None
    """None: unknown or unbounded."""
    ci_high: float | None


class SeedNoise(NamedTuple):
    """Multipliers of the deviations of seeds."""

    normal: np.ndarray
    """(B, S) standard normal, a column for each seed."""
    level: np.ndarray
    """(B,) which quantile of its chi-squared distribution every variance takes in a replicate: one of each B-th part of
    [0, 1], in random order, as the far ends of Student's t are mostly made here."""


def draw_seed_noise(n_seeds: int, n_replicates: int, generator: np.random.Generator) -> SeedNoise:
    """Noise for `replicate_means`."""
    level = (generator.permutation(n_replicates) + 0.5) / n_replicates
    return SeedNoise(generator.standard_normal((n_replicates, n_seeds)), level)


def replicate_means(values: np.ndarray, noise: SeedNoise) -> np.ndarray:
    """Means over seeds as other seeds might have given them.

    Args:
        values: (P, S) scores, NaN where a seed is missing.
    Returns:
        (B, P). The spread of column p is that of Student's t: standard deviation of its n values / sqrt(n), n - 1
        degrees of freedom. A point with a single seed, about whose noise nothing is known, stays where it is.
    """
    present = ~np.isnan(values)
    n = present.sum(axis=1)
    means = np.nanmean(values, axis=1)
    deviations = np.where(present, values - means[:, None], 0.0)
    errors = noise.normal @ deviations.T / np.sqrt(n * np.maximum(n - 1, 1))
    for degrees in set((n - 1).tolist()) - {0}:
        errors[:, n - 1 == degrees] *= np.sqrt(degrees / stats.chi2.ppf(noise.level, degrees))[:, None]
    replicates: np.ndarray = means + errors
    return replicates


def interval(replicates: np.ndarray) -> tuple[float | None, float | None]:
    """Central 95 % of (B,) replicates; an end that is infinite or undefined is None."""
    # "lower" and "higher" never average an infinite replicate with a finite one.
    low = np.quantile(replicates, (1 - LEVEL) / 2, method="lower")
    high = np.quantile(replicates, (1 + LEVEL) / 2, method="higher")
    return (float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None)

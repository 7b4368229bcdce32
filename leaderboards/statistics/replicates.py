"""Replicates: what a mean over seeds might have come out as, from the noise of seeds and of test samples.

A replicate adds to the observed mean one draw of its error. Two errors matter, and they are drawn apart:

* seeds (the draw of training samples, initialisation, order): a multiplier bootstrap. The deviations of the seeds from
  their mean are weighted by normal numbers, divided by a chi so that a mean over S seeds gets exactly Student's t with
  S - 1 degrees of freedom. Resampling three seeds with replacement would give intervals a third too narrow (Hesterberg,
  What Teachers Should Know About the Bootstrap, 2015, section 3.4).
* test samples: all runs are scored on the same samples, so their errors move together; samples are resampled with
  replacement, once for all runs (`paired.sample_weights`).

Whatever two means share, the same seed or the same samples, is drawn once for both; differences then are paired.
"""

from typing import NamedTuple

import numpy as np

LEVEL = 0.95
N_REPLICATES = 10_000


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float | None
    """None: undefined."""
    ci_low: float | None
    """None: unknown or unbounded."""
    ci_high: float | None


def draw_seed_noise(n_seeds: int, n_replicates: int, generator: np.random.Generator) -> np.ndarray:
    """(n_replicates, n_seeds) multipliers; zeros for a single seed, about whose noise nothing is known."""
    if n_seeds < 2:
        return np.zeros((n_replicates, n_seeds))
    normal = generator.standard_normal((n_replicates, n_seeds))
    degrees = n_seeds - 1
    return normal * np.sqrt(degrees / generator.chisquare(degrees, size=(n_replicates, 1)))


def replicate_means(values: np.ndarray, seed_noise: np.ndarray) -> np.ndarray:
    """Means over seeds as other seeds might have given them.

    Args:
        values: (P, S) scores, NaN where a seed is missing.
        seed_noise: (B, S) of `draw_seed_noise`.
    Returns:
        (B, P). The spread of column p is that of Student's t: standard deviation of its n values / sqrt(n).
    """
    present = ~np.isnan(values)
    n = present.sum(axis=1)
    means = np.nanmean(values, axis=1)
    deviations = np.where(present, values - means[:, None], 0.0)
    scale = 1 / np.sqrt(n * np.maximum(n - 1, 1))
    return means + (seed_noise @ deviations.T) * scale


def interval(replicates: np.ndarray) -> tuple[float | None, float | None]:
    """Central 95 % of (B,) replicates; an end that is infinite or undefined is None."""
    # "lower" and "higher" never average an infinite replicate with a finite one.
    low = np.quantile(replicates, (1 - LEVEL) / 2, method="lower")
    high = np.quantile(replicates, (1 + LEVEL) / 2, method="higher")
    return (float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None)


def two_sided_p(replicates: np.ndarray) -> float:
    """How surprising zero is among (B,) replicates of a difference, both ways; never below 2 / (B + 1)."""
    below, above = int((replicates <= 0).sum()), int((replicates >= 0).sum())
    return min(1.0, 2 * (min(below, above) + 1) / (len(replicates) + 1))

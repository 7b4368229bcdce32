"""Percentile bootstrap over samples (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13)."""

from functools import lru_cache

import numpy as np

N_RESAMPLES = 1_000
LEVEL = 0.95


@lru_cache(
    maxsize=2
)  # drawing takes as long as all else about an interval; the runs of a seed share their splits' sizes
def draw_resamples(n: int, seed: int) -> np.ndarray:
    """(N_RESAMPLES, n) float64: how often each of n samples is drawn, with replacement, in each resample. Read-only."""
    generator = np.random.default_rng(seed)
    resamples = np.stack([np.bincount(generator.integers(0, n, size=n), minlength=n) for _ in range(N_RESAMPLES)])
    resamples = resamples.astype(np.float64)
    resamples.flags.writeable = False
    return resamples


def percentile_interval(values: np.ndarray) -> tuple[float, float] | None:
    """Central `LEVEL` of a metric's (N_RESAMPLES,) values, of those that are defined; None if none is."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

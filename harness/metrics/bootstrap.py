"""Percentile bootstrap over samples (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13)."""

from functools import lru_cache

import numpy as np

N_RESAMPLES = 1_000
LEVEL = 0.95


def draw_resamples(n: int, seed: int) -> np.ndarray:
    """(N_RESAMPLES, n) float32: how often each of n samples is drawn, with replacement, in each resample."""
    generator = np.random.default_rng(seed)
    draws = (generator.integers(0, n, size=n) for _ in range(N_RESAMPLES))
    return np.stack([np.bincount(drawn, minlength=n).astype(np.float32) for drawn in draws])


@lru_cache(maxsize=2)  # drawing takes longer than all else about an interval; runs of a seed share their splits' sizes
def once_and_resampled(n: int, seed: int) -> np.ndarray:
    """(1 + B, n) float32 weights: every sample once, then as drawn; fewer than two samples are not. Read-only."""
    once = np.ones((1, n), np.float32)
    weights = np.concatenate([once, draw_resamples(n, seed)]) if n > 1 else once
    weights.flags.writeable = False
    return weights


def percentile_interval(values: np.ndarray) -> tuple[float, float] | None:
    """Central `LEVEL` of a metric's (N_RESAMPLES,) values, of those that are defined; None if none is."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

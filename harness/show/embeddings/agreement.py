"""How far neighbours agree in what an image is coloured by: the number that goes with a picture."""

from dataclasses import dataclass

import numpy as np

from harness.metrics.bootstrap import once_and_resampled, percentile_interval
from harness.show.embeddings.colourings import Colouring


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Whether the k nearest images are alike.

    Of classes it is the purity: which share of the neighbours has the class of the image. Of numbers it is the
    correlation between an image's number and the mean of its neighbours'.
    """

    value: float | None
    """None: undefined, as fewer than two images are known or all are alike in numbers."""
    low: float | None
    """95 % bootstrap over images, whose neighbours stay."""
    high: float | None
    chance: float | None
    """What neighbours give that are drawn at random."""


def measure_agreement(colouring: Colouring, neighbours: np.ndarray, seed: int) -> Agreement:
    """Agreement among those images of which the colouring is known.

    Args:
        neighbours: (n, k) int64 indices of other images.
        seed: of the interval.
    """
    known = colouring.known
    values, of_neighbours = colouring.values[known], colouring.values[neighbours][known]
    usable = ~np.isnan(of_neighbours).all(axis=1)
    values, of_neighbours = values[usable], of_neighbours[usable]
    chance = _chance(colouring)
    if chance is None or len(values) < 2:
        return Agreement(value=None, low=None, high=None, chance=chance)
    weights = once_and_resampled(len(values), seed)
    if colouring.classes:
        same = np.where(np.isnan(of_neighbours), np.nan, of_neighbours == values[:, None])
        scores = weights @ np.nanmean(same, axis=1) / len(values)
    else:
        scores = _correlations(values, np.nanmean(of_neighbours, axis=1), weights)
    interval = percentile_interval(scores[1:])
    low, high = interval or (None, None)
    return Agreement(value=None if np.isnan(scores[0]) else float(scores[0]), low=low, high=high, chance=chance)


def _chance(colouring: Colouring) -> float | None:
    """Share of pairs of images that have the same class; of numbers no correlation."""
    n = int(colouring.known.sum())
    if n < 2:
        return None
    if not colouring.classes:
        return 0.0
    counts = np.bincount(colouring.values[colouring.known].astype(np.int64)).astype(np.float64)
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))


def _correlations(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B,) Pearson correlations of (n,) numbers in (B, n) weighted resamples; NaN where one does not vary."""
    x, y = x - x.mean(), y - y.mean()
    total = weights.sum(axis=1, dtype=np.float64)
    mean_x, mean_y = weights @ x / total, weights @ y / total
    variance_x = weights @ x**2 / total - mean_x**2
    variance_y = weights @ y**2 / total - mean_y**2
    scale = np.sqrt(np.clip(variance_x, 0, None) * np.clip(variance_y, 0, None))
    covariance = weights @ (x * y) / total - mean_x * mean_y
    return np.divide(covariance, scale, out=np.full(len(total), np.nan), where=scale > 0)

"""Metrics of areas: how near the predicted fractions of an image come to those of its mask, class by class.

Functions take `targets` and `predicted` (n, K) fractions and `weights` (B, n), how often each image counts in each of B
resamples. Means over classes weigh all classes alike, as scikit-learn's do; NaN is undefined.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.metrics.bootstrap import once_and_resampled
from harness.metrics.counts import mean_of_defined
from harness.metrics.scored import ClassScore, Scored, score_classes, score_split
from harness.records.labels import IGNORED

AreaWeighted = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(targets (n, K), predicted (n, K), weights (B, n)) -> (B,) values of B resamples, or (B, K) if per class."""

CONSTANT = 1e-12
"""Variance, relative to the largest squared deviation, that is rounding. A single image among n makes it 1 / n."""


def area_fractions(masks: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, K) float64: the fraction of each mask's labelled pixels that each class covers; NaN if it has none.

    Args:
        masks: (n, H, W) uint8 class indices; `IGNORED` pixels have no label.
    """
    counts = np.array([np.bincount(mask.reshape(-1), minlength=IGNORED + 1) for mask in masks], dtype=np.float64)
    counts = counts.reshape(len(masks), IGNORED + 1)[:, :n_classes]
    labelled = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, labelled, out=np.full(counts.shape, np.nan), where=labelled > 0)


def r2_per_class(targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): 1 - squared error / squared deviation from the mean; undefined for a class whose fraction is constant.

    Negative if the mean of the very images judged would have been nearer.
    """
    deviation = targets - targets.mean(axis=0)
    sums = weights @ np.hstack([np.square(targets - predicted), np.square(deviation), deviation])
    error, square, shift = np.split(sums, 3, axis=1)
    mass = weights.sum(axis=1, keepdims=True)
    variation = square - np.square(shift) / mass
    varies = variation > CONSTANT * mass * np.square(deviation).max(axis=0)
    return 1.0 - np.divide(error, variation, out=np.full(error.shape, np.nan), where=varies)


def r2(targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean R2 over the classes whose fraction varies."""
    return mean_of_defined(r2_per_class(targets, predicted, weights))


def mae_per_class(targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): mean absolute error, a fraction of the image."""
    return weights @ np.abs(targets - predicted) / weights.sum(axis=1, keepdims=True)


def mae(targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean absolute error over all classes."""
    return mae_per_class(targets, predicted, weights).mean(axis=1)


def rmse(targets: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Root mean squared error of each class, their mean over all classes."""
    return np.sqrt(weights @ np.square(targets - predicted) / weights.sum(axis=1, keepdims=True)).mean(axis=1)


@dataclass(frozen=True, kw_only=True)
class AreaMetric:
    """A score of a whole split of masks, from the fractions of each image and what was predicted."""

    name: str
    resampled: AreaWeighted
    higher_is_better: bool = True
    lower: float = 0.0
    upper: float = 1.0


AREA_METRICS: dict[str, AreaMetric] = {
    "r2": AreaMetric(name="r2", resampled=r2, lower=-np.inf),
    "mae": AreaMetric(name="mae", resampled=mae, higher_is_better=False),
    "rmse": AreaMetric(name="rmse", resampled=rmse, higher_is_better=False),
}
AREA_HEADLINE = "r2"

AREA_CLASS_METRICS: dict[str, AreaWeighted] = {"r2": r2_per_class, "mae": mae_per_class}


def headline_area_value(targets: np.ndarray, predicted: np.ndarray) -> float | None:
    """`AREA_HEADLINE` of (n, K) fractions over a whole split; None: undefined."""
    value = AREA_METRICS[AREA_HEADLINE].resampled(targets, predicted, np.ones((1, len(targets))))[0]
    return None if np.isnan(value) else float(value)


def evaluate_areas(targets: np.ndarray, predicted: np.ndarray, seed: int) -> list[Scored]:
    """All of `AREA_METRICS` in order, with 95 % bootstrap intervals over images, from the same resamples.

    Args:
        targets: (n, K) fractions of each image, NaN where it has no labelled pixel; such images do not count.
        predicted: (n, K) fractions.
    """
    targets, predicted = _labelled(targets, predicted)
    if not len(targets):
        return [Scored(metric=name, value=None, ci_low=None, ci_high=None) for name in AREA_METRICS]
    weights = once_and_resampled(len(targets), seed)
    return [score_split(m.name, m.resampled(targets, predicted, weights)) for m in AREA_METRICS.values()]


def per_class_areas(targets: np.ndarray, predicted: np.ndarray) -> list[ClassScore]:
    """R2 and mean absolute error of every class; none if no image has a labelled pixel."""
    targets, predicted = _labelled(targets, predicted)
    if not len(targets):
        return []
    once = np.ones((1, len(targets)))
    return [
        score
        for name, function in AREA_CLASS_METRICS.items()
        for score in score_classes(name, function(targets, predicted, once)[0])
    ]


def _labelled(targets: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if targets.shape != predicted.shape:
        raise ValueError(f"areas {predicted.shape} do not fit targets {targets.shape}")
    labelled = ~np.isnan(targets).any(axis=1)
    return targets[labelled], predicted[labelled]

"""Predictions of a split and how they are weighed; metrics of decisions, all from the same counts.

A metric has one value a resample; NaN is undefined. The value on the split itself is the resample in which every sample
counts once.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from leaderboards import metrics
from leaderboards.metrics import mean_of_defined, ratio

MOST_EXACT = 2**24
"""float32 holds every whole number up to this."""


class Counts(NamedTuple):
    """(B, K) float64, samples per class."""

    both: np.ndarray
    """Target and prediction (true positives)."""
    target: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True, eq=False)
class WeightedSplit:
    """What a metric is of: a split's predictions, in B resamples at once."""

    targets: np.ndarray
    """(n,) class indices, or (n, K) zeros and ones."""
    scores: np.ndarray
    """(n, K)."""
    weights: np.ndarray
    """(B, n): how often each sample counts."""

    @cached_property
    def counts(self) -> Counts:
        """The counts by one matrix product, in float32 as long as it is exact."""
        n_classes = self.scores.shape[1]
        true = one_hot(self.targets, n_classes)
        predicted = one_hot(decide(self.scores, multi_label=self.targets.ndim == 2), n_classes)
        exact = np.float32 if len(true) < MOST_EXACT else np.float64
        totals = self.weights.astype(exact, copy=False) @ np.hstack([true & predicted, true, predicted]).astype(exact)
        return Counts(*np.split(totals.astype(np.float64), 3, axis=1))


def decide(scores: np.ndarray, multi_label: bool) -> np.ndarray:
    """(n, K) probabilities -> (n,) int64 likeliest classes, the first of equals; multi-label: (n, K) uint8, >= 0.5."""
    return (scores >= 0.5).astype(np.uint8) if multi_label else scores.argmax(axis=1)


def one_hot(targets: np.ndarray, n_classes: int) -> np.ndarray:
    """(n,) class indices or (n, K) zeros and ones -> (n, K) bool."""
    return targets.astype(bool) if targets.ndim == 2 else targets[:, None] == np.arange(n_classes)


def accuracy(split: WeightedSplit) -> np.ndarray:
    """Fraction of samples whose class is predicted."""
    return metrics.accuracy(split.counts.both, split.counts.target)


def f1_per_class(split: WeightedSplit) -> np.ndarray:
    """(B, K): 2 TP / (2 TP + FP + FN); undefined for a class that neither occurs nor is predicted."""
    return metrics.f1_per_class(*split.counts)


def f1_macro(split: WeightedSplit) -> np.ndarray:
    """Mean F1 of the classes that occur or are predicted: scikit-learn's with `zero_division=nan`."""
    return mean_of_defined(f1_per_class(split))


def f1_micro(split: WeightedSplit) -> np.ndarray:
    """F1 of all decisions pooled over classes. For single labels that is the accuracy."""
    return metrics.f1_micro(*split.counts)


def balanced_accuracy(split: WeightedSplit) -> np.ndarray:
    """Mean recall of the classes that occur, for single labels: accuracy if all classes were equally frequent."""
    return mean_of_defined(recall_per_class(split))


def recall_per_class(split: WeightedSplit) -> np.ndarray:
    """(B, K): TP / (TP + FN), for single labels the accuracy within a class; undefined for a class without targets."""
    return ratio(split.counts.both, split.counts.target)

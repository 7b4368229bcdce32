"""Metrics of decisions, from counts: accuracy, F1 and recall.

Every function takes `weights` (B, n), how often each sample counts in each of B resamples, and returns one value a
resample; NaN is undefined. The value on the split itself is the resample in which every sample counts once.
"""

from typing import NamedTuple

import numpy as np


class Counts(NamedTuple):
    """(B, K) float64, samples per class."""

    both: np.ndarray
    """Target and prediction (true positives)."""
    target: np.ndarray
    predicted: np.ndarray


def decide(scores: np.ndarray, multi_label: bool) -> np.ndarray:
    """(n, K) probabilities -> (n,) int64 likeliest classes, the first of equals; multi-label: (n, K) uint8, >= 0.5."""
    return (scores >= 0.5).astype(np.uint8) if multi_label else scores.argmax(axis=1)


def one_hot(targets: np.ndarray, n_classes: int) -> np.ndarray:
    """(n,) class indices or (n, K) zeros and ones -> (n, K) float64."""
    if targets.ndim == 2:
        return targets.astype(np.float64)
    return (targets[:, None] == np.arange(n_classes)).astype(np.float64)


def count(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Counts:
    """Counts of every resample by one matrix product."""
    n_classes = scores.shape[1]
    true = one_hot(targets, n_classes)
    predicted = one_hot(decide(scores, multi_label=targets.ndim == 2), n_classes)
    totals = weights @ np.hstack([true * predicted, true, predicted])
    return Counts(*np.split(totals, 3, axis=1))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient; NaN, and no warning, where it is 0 / 0."""
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """(B, K) -> (B,): mean over classes whose value is defined; NaN if none is."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def accuracy(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fraction of samples whose class is predicted."""
    counts = count(targets, scores, weights)
    return ratio(counts.both.sum(axis=1), counts.target.sum(axis=1))


def f1_per_class(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): 2 TP / (2 TP + FP + FN); undefined for a class that neither occurs nor is predicted."""
    counts = count(targets, scores, weights)
    return ratio(2 * counts.both, counts.target + counts.predicted)


def f1_macro(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that occur or are predicted: scikit-learn's with `zero_division=nan`."""
    return mean_of_defined(f1_per_class(targets, scores, weights))


def f1_micro(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 of all decisions pooled over classes. For single labels that is the accuracy."""
    counts = count(targets, scores, weights)
    return ratio(2 * counts.both.sum(axis=1), (counts.target + counts.predicted).sum(axis=1))


def balanced_accuracy(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean recall of the classes that occur, for single labels: accuracy if all classes were equally frequent."""
    return mean_of_defined(recall_per_class(targets, scores, weights))


def recall_per_class(targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): TP / (TP + FN), for single labels the accuracy within a class; undefined for a class without targets."""
    counts = count(targets, scores, weights)
    return ratio(counts.both, counts.target)

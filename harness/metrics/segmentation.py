"""Metrics of masks, all from confusion matrices: of each image on its own, summed over a whole split.

A class that is neither in the targets nor predicted anywhere in the split is undefined and left out of means, as in
torchmetrics' Jaccard index (its `absent_score` aside). Functions take `confusions` (n, K, K), pixels of image i whose
class is the row and predicted is the column, and `weights` (B, n), how often each image counts in each of B resamples.
"""

import numpy as np

from harness.metrics.counts import Counts
from harness.records.labels import IGNORED
from leaderboards import metrics
from leaderboards.metrics import mean_of_defined, ratio


def confusion_matrices(targets: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, K, K) int64 pixel counts of each image, targets in rows.

    Args:
        targets: (n, H, W) uint8 class indices; `IGNORED` pixels do not count.
        predicted: (n, H, W) uint8 class indices.
    Raises:
        ValueError: shapes that differ, or a predicted class that does not exist.
    """
    if targets.shape != predicted.shape:
        raise ValueError(f"masks {predicted.shape} do not fit targets {targets.shape}")
    confusions = np.empty((len(targets), n_classes, n_classes), np.int64)
    for confusion, target, mask in zip(confusions, targets, predicted, strict=True):
        labelled = target != IGNORED
        cells = target[labelled].astype(np.int64) * n_classes + mask[labelled]
        if mask.max(initial=0) >= n_classes:
            raise ValueError(f"predicted class {mask.max()} of {n_classes}")
        confusion.reshape(-1)[:] = np.bincount(cells, minlength=n_classes**2)
    return confusions


def count_pixels(confusions: np.ndarray, weights: np.ndarray) -> Counts:
    """Pixels per class in every resample, by one matrix product."""
    n, k, _ = confusions.shape
    per_image = np.hstack([confusions[:, range(k), range(k)], confusions.sum(axis=2), confusions.sum(axis=1)])
    return Counts(*np.split(weights @ per_image.astype(np.float64).reshape(n, 3 * k), 3, axis=1))


def iou_per_class(confusions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): intersection over union, TP / (TP + FP + FN)."""
    return metrics.iou_per_class(*count_pixels(confusions, weights))


def miou(confusions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean IoU over the classes that occur or are predicted."""
    return mean_of_defined(iou_per_class(confusions, weights))


def pixel_accuracy(confusions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fraction of labelled pixels whose class is predicted."""
    counts = count_pixels(confusions, weights)
    return metrics.accuracy(counts.both, counts.target)


def pixel_f1_per_class(confusions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): F1 of pixels, also called Dice, 2 TP / (2 TP + FP + FN)."""
    return metrics.f1_per_class(*count_pixels(confusions, weights))


def pixel_f1_macro(confusions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean F1 over the classes that occur or are predicted."""
    return mean_of_defined(pixel_f1_per_class(confusions, weights))


def pixel_recall_per_class(confusions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, K): TP / (TP + FN), the accuracy within a class; undefined for a class without targets."""
    counts = count_pixels(confusions, weights)
    return ratio(counts.both, counts.target)

"""How much of an image each class of a mask covers: what protocols predict that work on whole images of masks."""

import numpy as np

from harness.records.labels import IGNORED
from harness.tasks.numbers import ScoredNumbers


class Areas(ScoredNumbers):
    """Fractions of an image. Single predictions are not kept."""

    def targets(self, labels: np.ndarray, n_classes: int) -> np.ndarray:
        return area_fractions(labels, n_classes)


def area_fractions(masks: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, K) float64: the fraction of each mask's labelled pixels that each class covers; NaN if it has none.

    Args:
        masks: (n, H, W) uint8 class indices; `IGNORED` pixels have no label.
    """
    counts = np.array([np.bincount(mask.reshape(-1), minlength=IGNORED + 1) for mask in masks], dtype=np.float64)
    counts = counts.reshape(len(masks), IGNORED + 1)[:, :n_classes]
    labelled = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, labelled, out=np.full(counts.shape, np.nan), where=labelled > 0)

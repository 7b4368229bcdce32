"""Labels as a matrix of numbers: what every protocol works on that averages or regresses labels."""

from typing import NamedTuple

import numpy as np

from harness.records.labels import LabelKind
from harness.records.materials import Material


def numeric_labels(material: Material) -> np.ndarray:
    """(n, K) float64 of train: the numbers themselves, or 1 where a sample has the class or label, else 0."""
    labels = material.labels("train")
    if material.label_kind is LabelKind.SINGLE_LABEL:
        return np.eye(material.n_classes)[labels]
    return labels.astype(np.float64)


TARGET_DECIMALS = 9
"""Of standardised numbers: their last digits come from the unit, and trees would break ties by them."""


class StandardisedNumbers(NamedTuple):
    """Numbers with zero mean and unit variance, and the way back."""

    targets: np.ndarray
    """(n, K) float64; a number that never varies is 0."""
    mean: np.ndarray
    """(K,) float64."""
    std: np.ndarray
    """(K,) float64, 1 where a number never varies."""

    def in_units(self, predicted: np.ndarray) -> np.ndarray:
        """(q, K) predictions of `targets` -> the same in the units of the labels."""
        return predicted * self.std + self.mean


def standardised_numbers(labels: np.ndarray) -> StandardisedNumbers:
    """(n, K) numbers as trees learn them, whatever their units."""
    mean, spread = labels.mean(axis=0), labels.std(axis=0)
    varies = np.ptp(labels, axis=0) > 0
    std = np.where(varies, spread, 1.0)
    targets = np.where(varies, (labels - mean) / std, 0.0)
    return StandardisedNumbers(np.round(targets, TARGET_DECIMALS), mean, std)

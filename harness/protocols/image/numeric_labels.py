"""Labels as a matrix of numbers: what everything works on that averages or regresses labels."""

import numpy as np

from harness.records.labels import LabelKind
from harness.records.materials import Material
from harness.solvers.standardise import Units, units_of

TARGET_DECIMALS = 9
"""Of standardised numbers: their last digits come from the unit, and trees would break ties by them."""


def numeric_labels(material: Material) -> np.ndarray:
    """The labels of train as `numbers_of` has them."""
    return numbers_of(material.labels("train"), material.label_kind, material.n_classes)


def numbers_of(labels: np.ndarray, kind: LabelKind, n_classes: int) -> np.ndarray:
    """Labels as `harness.tasks` holds them -> (n, K) float64: the numbers themselves, or 1 where an image has the class
    or label, else 0.
    """
    return np.eye(n_classes)[labels] if kind is LabelKind.SINGLE_LABEL else labels.astype(np.float64)


def standardised_numbers(labels: np.ndarray) -> tuple[np.ndarray, Units]:
    """(n, K) numbers as trees learn them, whatever their units: 0 of one that never varies; and those units."""
    std = np.where(np.ptp(labels, axis=0) > 0, labels.std(axis=0), 0.0)
    units = units_of(labels.mean(axis=0), std, rounding=0)
    return np.round(units.standardise(labels), TARGET_DECIMALS), units

"""Labels as a matrix of numbers: what every protocol works on that averages or regresses labels."""

import numpy as np

from harness.records.labels import LabelKind
from harness.records.materials import Material


def numeric_labels(material: Material) -> np.ndarray:
    """(n, K) float64 of train: the numbers themselves, or 1 where a sample has the class or label, else 0."""
    labels = material.labels("train")
    if material.label_kind is LabelKind.SINGLE_LABEL:
        return np.eye(material.n_classes)[labels]
    return labels.astype(np.float64)

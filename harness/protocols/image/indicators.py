"""Labels as an indicator matrix: what every classifier works on that averages or regresses labels."""

import numpy as np

from harness.records.labels import LabelKind
from harness.records.materials import Material


def train_indicators(material: Material) -> np.ndarray:
    """(n, K) float64: 1 where a train sample has the class or label, else 0."""
    labels = material.labels("train")
    if material.label_kind is LabelKind.SINGLE_LABEL:
        return np.eye(material.n_classes)[labels]
    return labels.astype(np.float64)

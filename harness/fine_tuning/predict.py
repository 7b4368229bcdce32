"""Predictions of a whole split by a network in training."""

from typing import Literal

import numpy as np

from harness.fine_tuning.losses import probabilities
from harness.fine_tuning.train import Training


def predict_split(training: Training, split: Literal["valid", "test"]) -> np.ndarray:
    """(n, K) float64 probabilities, or (n, H, W) uint8 classes of masks.

    Images share no layer's statistics in evaluation, so how many are predicted at a time matters for rounding only.
    """
    material, devices = training.material, training.devices
    mine = devices.share(material.n_images(split))
    parts: list[np.ndarray] = []

    def work() -> None:
        parts.clear()
        for portion in training.portions.of(len(mine)):
            logits = training.predict(material.pixels(split, mine[portion]))
            parts.append(probabilities(logits, material.label_kind))

    training.portions.attempt(work)
    found = [(row, scores) for row, scores in zip(mine.tolist(), (s for part in parts for s in part), strict=True)]
    return np.stack([scores for _, scores in sorted(devices.gather(found), key=lambda pair: pair[0])])

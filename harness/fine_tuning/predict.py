"""Whole splits through a network in training: what enters it, and what it predicts."""

from typing import Literal

import numpy as np

from baselines.meter import InputMeter, NetworkInput
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


def measure_input(training: Training) -> NetworkInput:
    """What enters the backbone: one pass over train as it is stored, without augmentation."""
    material, devices = training.material, training.devices
    mine = devices.share(material.n_images("train"))
    meters: list[InputMeter] = []

    def work() -> None:
        meters[:] = [InputMeter()]  # begins anew where memory ran out
        with meters[0].watching(training.network.backbone):
            for portion in training.portions.of(len(mine)):
                training.predict(material.pixels("train", mine[portion]))

    training.portions.attempt(work)
    first, *others = devices.gather(meters)
    for meter in others:
        first.merge(meter)
    return first.result()

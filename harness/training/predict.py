"""Whole splits through a network in training: what enters it, and what it predicts."""

from typing import Literal

import numpy as np

from baselines.meter import InputMeter, NetworkInput
from harness.training.ahead import read_ahead
from harness.training.fine_tuning import Training


def predict_split(training: Training, split: Literal["valid", "test"]) -> np.ndarray:
    """Predictions of all images of a split, as `Task.predictions` gives them; numbers in the units of the labels.

    Images share no layer's statistics in evaluation, so how many are predicted at a time matters for rounding only.
    """
    material, devices = training.material, training.devices
    mine = devices.share(material.n_images(split))
    parts: list[np.ndarray] = []

    def read(portion: slice) -> np.ndarray:
        return material.pixels(split, mine[portion])

    def work() -> None:
        parts.clear()
        for _, pixels in read_ahead(training.portions.of(len(mine)), read):
            parts.append(training.predict(split, pixels))

    with devices.agreeing():
        training.portions.attempt(work)
    gathered = np.concatenate(devices.gather(parts))
    predicted = np.empty_like(gathered)
    predicted[devices.gathered_rows(len(gathered))] = gathered
    return predicted


def measure_input(training: Training) -> NetworkInput:
    """What enters the backbone: one pass over train as it is stored, without augmentation."""
    material, devices = training.material, training.devices
    mine = devices.share(material.n_images("train"))
    meters: list[InputMeter] = []

    def read(portion: slice) -> np.ndarray:
        return material.pixels("train", mine[portion])

    def work() -> None:
        meters[:] = [InputMeter()]  # begins anew where memory ran out
        with meters[0].watching(training.network.backbone):
            for _, pixels in read_ahead(training.portions.of(len(mine)), read):
                training.outputs("train", pixels)

    with devices.agreeing():
        training.portions.attempt(work)
    first, *others = devices.gather(meters)
    for meter in others:
        first.merge(meter)
    return first.result()

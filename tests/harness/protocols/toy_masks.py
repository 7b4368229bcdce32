"""Masks and feature pyramids from arrays, for protocols that work on frozen features of pixels."""

from dataclasses import dataclass, field

import numpy as np

from harness.metrics import headline_mask_value
from harness.metrics.segmentation import confusion_matrices
from harness.records.progress import Silent
from harness.records.run import Selection

SIDE = 12


@dataclass
class ToyMasks:
    """`records.PixelMaterial` over arrays in memory; counts which splits' labels were asked for."""

    levels: dict[str, list[np.ndarray]]
    targets: dict[str, np.ndarray]
    n_classes: int = 3
    strides: tuple[int, ...] = (1, 4)
    selection: Selection = Selection.VALID
    asked: list[str] = field(default_factory=list)
    device: str = "cpu"
    progress: Silent = field(default_factory=Silent)

    @property
    def size_px(self):
        return self.targets["train"].shape[1:]

    fed_px = size_px

    def n_images(self, split):
        return len(self.targets[split])

    def maps(self, split, image):
        return [level[image] for level in self.levels[split]]

    def labels(self, split):
        assert split != "test"
        self.asked.append(split)
        return self.targets[split]

    def pixel_score(self, targets, predicted):
        value = headline_mask_value("miou", confusion_matrices(targets[None, None], predicted[None, None], 3))
        return -np.inf if value is None else value


def toy(signal=4.0, n=(6, 4, 5), seed=0, **fields):
    """Fields of 4 x 4 pixels; the fine level sees classes, the coarse one which of them is right."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((3, 5)) * signal
    levels, targets = {}, {}
    for split, count in zip(("train", "valid", "test"), n, strict=True):
        cells = rng.integers(0, 3, (count, SIDE // 4, SIDE // 4))
        targets[split] = cells.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
        fine = centres[targets[split]] + rng.standard_normal((count, SIDE, SIDE, 5))
        coarse = centres[cells][..., :2] + rng.standard_normal((*cells.shape, 2))
        levels[split] = [fine.astype(np.float16), coarse.astype(np.float16)]
    return ToyMasks(levels, targets, **fields)


def reached_miou(material, outcome):
    return headline_mask_value("miou", confusion_matrices(material.targets["test"], outcome.test_scores, 3))

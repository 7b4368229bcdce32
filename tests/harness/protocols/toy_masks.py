"""Masks and feature pyramids from arrays, for protocols that work on frozen features of pixels."""

from dataclasses import dataclass, field

import numpy as np

from harness.metrics import headline_mask_value
from harness.metrics.segmentation import confusion_matrices
from harness.records.labels import LabelKind
from harness.records.progress import Silent
from harness.records.run import Selection
from harness.tasks import TASKS

SIDE = 12


@dataclass
class ToyMasks:
    """`records.PixelMaterial` over arrays in memory; counts which splits' labels were asked for."""

    levels: dict[str, list[np.ndarray]]
    targets: dict[str, np.ndarray]
    n_classes: int = 3
    label_kind: LabelKind = LabelKind.SEGMENTATION
    metric: str = "miou"
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
        return TASKS[self.label_kind].score(self.metric, targets[None, None], predicted[None, None], self.n_classes)


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


def toy_heights(noise=0.1, n=(6, 4, 5), seed=0, **fields):
    """A number a pixel: linear in both levels but for noise, far from 0; no label in a corner and in a whole image."""
    rng = np.random.default_rng(seed)
    slopes = rng.standard_normal(7)
    levels, targets = {}, {}
    for split, count in zip(("train", "valid", "test"), n, strict=True):
        fine = rng.standard_normal((count, SIDE, SIDE, 5)).astype(np.float16)
        coarse = rng.standard_normal((count, 1, 1, 2)).repeat(SIDE // 4, 1).repeat(SIDE // 4, 2).astype(np.float16)
        whole = np.concatenate([fine, coarse.repeat(4, 1).repeat(4, 2)], axis=3).astype(np.float64)
        heights = 300 + whole @ slopes / np.linalg.norm(slopes) + noise * rng.standard_normal((count, SIDE, SIDE))
        heights[:, :2, :2] = np.nan
        heights[-1] = np.nan
        levels[split], targets[split] = [fine, coarse], heights.astype(np.float32)
    fields = {"label_kind": LabelKind.PIXEL_REGRESSION, "metric": "r2", "n_classes": 1, **fields}
    return ToyMasks(levels, targets, **fields)

"""Material for fine-tuning made from arrays, with a backbone of a few thousand weights."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from timm.models.convnext import ConvNeXt

from baselines.contract import Backbone, InputSpec, Origin
from baselines.convnext import ConvNeXtBackbone
from baselines.inputs import Preparation
from baselines.meter import NetworkInput
from harness.records.labels import LabelKind
from harness.records.progress import Silent
from harness.records.run import Selection
from harness.tasks import TASKS


def tiny_backbone(bands: int = 2, seed: int = 0) -> Backbone:
    """A ConvNeXt V2 of four blocks, strides 1, 2, 4, 8."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ConvNeXt(
            in_chans=bands,
            num_classes=0,
            depths=(1, 1, 1, 1),
            dims=(8, 16, 24, 32),
            patch_size=1,
            use_grn=True,
            ls_init_value=None,
        )
    return ConvNeXtBackbone(
        model,
        inputs=InputSpec(bands=tuple(f"b{i}" for i in range(bands)), size_multiple=8),
        origin=Origin(weights_sha256="0" * 64, description="untrained"),
    )


@dataclass
class ToyImages:
    """`records.ImageMaterial` over arrays in memory; refuses to give test labels."""

    label_kind: LabelKind
    n_classes: int
    images: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    selection: Selection = Selection.VALID
    make_backbone: Callable[[], Backbone] = tiny_backbone
    """Makes the same one each time."""
    device: str = "cpu"
    progress: Silent = field(default_factory=Silent)

    def preparation(self, split) -> Preparation:
        bands = self.images[split].shape[1]
        return Preparation(torch.zeros(bands), torch.ones(bands))

    @property
    def size_px(self):
        return self.images["train"].shape[2:]

    def backbone(self) -> Backbone:
        return self.make_backbone()

    def n_images(self, split) -> int:
        return len(self.images[split])

    def pixels(self, split, images) -> np.ndarray:
        return self.images[split][images].astype(np.float32)

    def check_entered(self, entered: NetworkInput) -> None:
        """Whatever entered is what a test wants."""

    def labels(self, split) -> np.ndarray:
        assert split in ("train", "valid")
        return self.targets[split]

    def score(self, labels, scores) -> float:
        task = TASKS[self.label_kind]
        return task.score(task.headline, labels, scores, self.n_classes)

    def features(self, split) -> np.ndarray:
        """What a frozen backbone sees: with it and `valid_score` this is `records.Material` too."""
        with torch.inference_mode():
            pixels = torch.from_numpy(self.pixels(split, slice(None)))
            return self.backbone()(pixels, self.preparation(split)).vector.numpy()

    def valid_score(self, scores) -> float:
        return self.score(self.targets["valid"], scores)

    def test_score(self, outcome) -> float:
        """What the harness would report."""
        return self.score(self.targets["test"], outcome.test_scores)


def _patterns(side: int) -> np.ndarray:
    """(4, side, side) textures of stripes: columns, rows, squares, double columns."""
    y, x = np.mgrid[:side, :side]
    return np.stack([(-1.0) ** x, (-1.0) ** y, (-1.0) ** (x + y), (-1.0) ** (x // 2)])


def textures(n: tuple[int, int, int] = (60, 40, 60), n_classes: int = 3, noise: float = 1.0, seed: int = 0, **fields):
    """One texture a class, of either sign and under noise; brightness says a little about the class too."""
    rng = np.random.default_rng(seed)
    images, targets = {}, {}
    for split, count in zip(("train", "valid", "test"), n, strict=True):
        labels = np.arange(count) % n_classes
        signs = rng.choice([-1.0, 1.0], (count, 2, 1, 1))
        brightness = (labels + rng.standard_normal(count))[:, None, None, None]
        stripes = signs * _patterns(16)[labels][:, None]
        images[split] = brightness + stripes + noise * rng.standard_normal((count, 2, 16, 16))
        targets[split] = labels
    return ToyImages(LabelKind.SINGLE_LABEL, n_classes, images, targets, **fields)


def blobs(n: tuple[int, int, int] = (12, 6, 8), seed: int = 0, noise: float = 0.7, **fields):
    """Masks of 8 x 8 px fields of three classes; each is a texture, so that no pixel alone tells its class."""
    rng = np.random.default_rng(seed)
    images, targets = {}, {}
    for split, count in zip(("train", "valid", "test"), n, strict=True):
        masks = rng.integers(0, 3, (count, 2, 2)).repeat(8, axis=1).repeat(8, axis=2)
        signs = rng.choice([-1.0, 1.0], (count, 2, 1, 1))
        values = np.take_along_axis(_patterns(16)[None], masks[:, None], axis=1)
        images[split] = signs * values + noise * rng.standard_normal((count, 2, 16, 16))
        targets[split] = masks.astype(np.uint8)
    return ToyImages(LabelKind.SEGMENTATION, 3, images, targets, **fields)


def numbers(n: tuple[int, int, int] = (60, 20, 40), seed: int = 0, noise: float = 0.3, **fields):
    """Two numbers an image, in other units: how strong its stripes are, of either sign, and how bright it is."""
    rng = np.random.default_rng(seed)
    images, targets = {}, {}
    for split, count in zip(("train", "valid", "test"), n, strict=True):
        strength, brightness = rng.uniform(0.0, 2.0, count), rng.standard_normal(count)
        signs = rng.choice([-1.0, 1.0], (count, 2, 1, 1))
        stripes = signs * strength[:, None, None, None] * _patterns(16)[0]
        images[split] = stripes + brightness[:, None, None, None] + noise * rng.standard_normal((count, 2, 16, 16))
        targets[split] = np.stack([1_000_000 + 1_000 * strength, 0.01 * brightness], axis=1)
    return ToyImages(LabelKind.REGRESSION, 2, images, targets, **fields)


def heights(n: tuple[int, int, int] = (12, 6, 8), seed: int = 0, **fields):
    """One number a pixel, a hundred more per texture of `blobs`; a fifth of the pixels has no label."""
    material = blobs(n, seed, **fields)
    rng = np.random.default_rng(seed)
    for split, masks in material.targets.items():
        unknown = rng.random(masks.shape) < 0.2
        material.targets[split] = np.where(unknown, np.nan, 300.0 + 100.0 * masks).astype(np.float32)
    material.label_kind, material.n_classes = LabelKind.PIXEL_REGRESSION, 1
    return material

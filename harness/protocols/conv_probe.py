"""Convolutional probe for masks: a small head trained on the frozen feature pyramid, the same for every backbone.

Between the linear probe, which sees each pixel's features alone, and fine-tuning, which may change them.

There is no augmentation. A flipped map is not the map of the flipped image: the encoder's kernels are not symmetric and
its padding is at the bottom and right. Maps of flipped images would be honest, at four times the disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from baselines.inputs import interpolate
from harness.errors import UserError
from harness.fine_tuning.choose import train_and_choose
from harness.fine_tuning.losses import count_terms, loss_sum, probabilities
from harness.fine_tuning.memory import Portions
from harness.fine_tuning.recipe import Schedule, count_updates, effective_batch, evaluated_after, learning_rate
from harness.fine_tuning.train import check_loss, draw_batches
from harness.protocols.conv_head import ConvHead
from harness.protocols.frozen_maps import FrozenMaps
from harness.records import IGNORED, LabelKind, Outcome, PixelMaterial, Selection


@dataclass(frozen=True, kw_only=True)
class ConvProbeSettings(Schedule):
    """The head and how it is trained; the same for every backbone and number of labels."""

    epochs: int = 20
    min_updates: int = 300
    batch_size: int = 8
    rate: float = 3e-3
    weight_decay: float = 0.05
    evaluations: int = 10
    width: int = 32
    depth: int = 2


def conv_probe(material: PixelMaterial, settings: ConvProbeSettings, seed: int) -> Outcome:
    """Trains on train, keeps the head that `material.selection` chooses: of equals the earliest, or the last.

    Args:
        seed: of the head's first weights and the order of images. On a CPU it decides every digit.
    Raises:
        UserError: features that are not finite, masks of train with fewer than two classes, a headline metric that is
            undefined on valid, or an image that does not fit into memory.
    """
    training = HeadTraining(material, settings, seed)
    chosen = train_and_choose(
        training,
        predict=lambda: training.predict("valid"),
        judge=lambda predicted: material.pixel_score(material.labels("valid").ravel(), predicted.ravel()),
        choosing=material.selection is Selection.VALID,
    )
    training.network.load_state_dict(dict(chosen.weights))
    return Outcome(
        valid_scores=chosen.valid_scores,
        test_scores=training.predict("test"),
        ran_with={
            "updates": training.n_updates,
            "effective_batch": training.batch_size,
            "chosen_after": chosen.n_updates,
            "valid_curve": chosen.curve,
            "strides": list(material.strides),
            "features": sum(training.maps.channels),
            "constant_features": training.maps.n_constant,
            "absent_classes": sorted(set(range(material.n_classes)) - set(training.classes.tolist())),
        },
        n_labels_fit=material.n_images("train"),
        n_labels_select=material.n_images("valid") if material.selection is Selection.VALID else 0,
    )


class HeadTraining:
    """One head in training, on train alone. It knows only the classes that train has, so it predicts no other."""

    def __init__(self, material: PixelMaterial, settings: ConvProbeSettings, seed: int) -> None:
        masks = material.labels("train")
        self.material = material
        self.settings = settings
        self.classes = _classes(masks)
        self._labelled = np.flatnonzero((masks != IGNORED).any(axis=(1, 2)))
        self.maps = FrozenMaps(material, self._labelled)
        self.device = torch.device(material.device)
        self.network = self._build(seed).to(self.device)
        self.optimizer = torch.optim.AdamW(self._groups(), betas=settings.betas, fused=True)
        self.portions = Portions(self.device, int(np.prod(material.size_px)))
        self.generator = torch.Generator().manual_seed(seed)
        self.batch_size = effective_batch(len(self._labelled), settings)
        self.n_updates = count_updates(len(self._labelled), settings)
        self._targets = _positions(self.classes)[masks]

    def run(self) -> Iterator[int]:
        """Trains; yields the number of updates made whenever it is time to look at valid, and after the last."""
        due = set(evaluated_after(self.n_updates, self.settings))
        batches = draw_batches(len(self._labelled), self.batch_size, self.generator)
        with self.material.progress.step("training the probe", self.n_updates) as step:
            for update in range(self.n_updates):
                for group in self.optimizer.param_groups:
                    group["lr"] = learning_rate(update, self.n_updates, self.settings)
                self._update(self._labelled[next(batches)], update)
                step.advance()
                if update + 1 in due:
                    yield update + 1

    def predict(self, split: Literal["valid", "test"]) -> np.ndarray:
        """(n, H, W) uint8 classes of every pixel of a split."""
        rows = np.arange(self.material.n_images(split))
        predicted = np.empty((len(rows), *self.material.size_px), np.uint8)

        def work() -> None:
            for portion in self.portions.of(len(rows)):
                with torch.inference_mode():
                    logits = self._logits(split, rows[portion])
                predicted[portion] = self.classes[probabilities(logits, LabelKind.SEGMENTATION)]

        self.portions.attempt(work)
        return predicted

    def _logits(self, split: Literal["train", "valid", "test"], images: np.ndarray) -> Tensor:
        maps = [level.to(self.device) for level in self.maps.read(split, images)]
        return interpolate(self.network(maps, self.material.fed_px), self.material.size_px)

    def _update(self, images: np.ndarray, update: int) -> None:
        n_terms = count_terms(self._targets[images], LabelKind.SEGMENTATION)

        def share_of_loss(portion: slice) -> Tensor:
            targets = torch.from_numpy(self._targets[images[portion]]).to(self.device)
            logits = self._logits("train", images[portion])
            return loss_sum(logits, targets, LabelKind.SEGMENTATION, smoothing=0.0) / n_terms

        loss = self.portions.add_gradients(self.optimizer, len(images), share_of_loss)
        check_loss(float(loss), update, self.n_updates, self.settings.rate)
        self.optimizer.step()

    def _build(self, seed: int) -> ConvHead:
        with torch.random.fork_rng(devices=[]):  # layers initialise from the global generator
            torch.manual_seed(seed)
            return ConvHead(
                self.maps.channels, self.material.strides, self.settings.width, self.settings.depth, len(self.classes)
            )

    def _groups(self) -> list[dict[str, object]]:
        parameters = list(self.network.parameters())
        return [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.settings.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]


def _classes(masks: np.ndarray) -> np.ndarray:
    """(k,) uint8 classes that occur; there must be two."""
    found = np.unique(masks)
    found = found[found != IGNORED]
    if len(found) < 2:
        what = f"only class {found[0]}" if len(found) else "no labelled pixel"
        raise UserError(
            f"train's masks have {what} ({len(masks)} images); a convolutional probe needs at least two classes: use a "
            "larger partition"
        )
    return found


def _positions(classes: np.ndarray) -> np.ndarray:
    """(256,) uint8: where each class is among `classes`; `IGNORED` stays."""
    positions = np.full(256, IGNORED, np.uint8)
    positions[classes] = np.arange(len(classes))
    return positions

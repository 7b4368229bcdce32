"""Convolutional probe for masks: a small head trained on the frozen feature pyramid, the same for every backbone.

Between the linear probe, which sees each pixel's features alone, and fine-tuning, which may change them.

Features of a large dataset do not fit into memory, and reading them is most of the cost. So a block of images is read
and trained on for several epochs before the next one is, and valid is judged by some of its images.

There is no augmentation. A flipped map is not the map of the flipped image: the encoder's kernels are not symmetric and
its padding is at the bottom and right. Maps of flipped images would be honest, at four times the disk.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from baselines.inputs import interpolate
from harness.errors import UserError
from harness.protocols.masks.blocks import Block, draw_blocks, plan_blocks
from harness.protocols.masks.frozen_maps import STATISTICS_FROM, FrozenMaps, spread
from harness.records.labels import IGNORED, LabelKind
from harness.records.materials import PixelMaterial
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.tasks import TASKS
from harness.training.ahead import read_ahead
from harness.training.choose import train_and_choose
from harness.training.devices import Devices
from harness.training.groups import adamw, full_rate
from harness.training.heads import ConvHead
from harness.training.loop import train
from harness.training.memory import Portions
from harness.training.recipe import Schedule, count_updates, effective_batch, evaluated_after, learning_rates

BLOCK_BYTES = 2**30
"""Of a block at most; the next one is read meanwhile. It is no setting of a machine: it decides what is seen when."""


@dataclass(frozen=True, kw_only=True)
class ConvProbeSettings(Schedule):
    """The head and how it is trained; the same for every backbone and number of labels."""

    version: int = 2
    """2: blocks of train, and part of a large valid split. What fits into a block is trained on as it was."""
    epochs: int = 20
    min_updates: int = 300
    batch_size: int = 8
    rate: float = 3e-3
    weight_decay: float = 0.05
    evaluations: int = 10
    width: int = 32
    depth: int = 2
    block: int = 256
    """Images of train in memory at a time, fewer if they take more than a GiB."""
    block_epochs: int = 5
    """Epochs made of a block before the next one is read."""
    judged: int = 128
    """Labelled images of valid that choose, at even intervals, if it has more."""


def conv_probe(material: PixelMaterial, settings: ConvProbeSettings, seed: int) -> Outcome:
    """Trains on train, keeps the head that `material.selection` chooses: of equals the earliest, or the last.

    Args:
        seed: of the head's first weights and the order of images. On a CPU it decides every digit.
    Raises:
        UserError: features that are not finite, masks of train with fewer than two classes, a headline metric that is
            undefined on valid, or an image that does not fit into memory.
    """
    training = HeadTraining(material, settings, seed)
    everything = np.arange(material.n_images("valid"))
    choosing = material.selection is Selection.VALID
    judged = _judged(material.labels("valid"), settings) if choosing else everything
    chosen = train_and_choose(
        training,
        predict=lambda: training.predict("valid", judged),
        judge=lambda predicted: material.pixel_score(material.labels("valid")[judged].ravel(), predicted.ravel()),
        choosing=choosing,
    )
    training.network.load_state_dict(dict(chosen.weights))
    is_whole = len(judged) == len(everything)
    return Outcome(
        valid_scores=chosen.valid_scores if is_whole else training.predict("valid", everything),
        test_scores=training.predict("test", np.arange(material.n_images("test"))),
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
        n_labels_select=len(judged) if choosing else 0,
    )


def images_read(
    settings: ConvProbeSettings, selection: Selection, n_train: int, n_valid: int, n_test: int, image_bytes: int
) -> int:
    """How many times the features of an image are read in a run, if all masks have labels.

    Args:
        image_bytes: of the pyramid of one image.
    """
    n_updates, batch_size = count_updates(n_train, settings), effective_batch(n_train, settings)
    block = _block_size(settings, batch_size, image_bytes)
    parts = plan_blocks(n_train, batch_size, block, settings.block_epochs, n_updates)
    training = sum(part.stop - part.start for part, _ in parts)
    looks = len(evaluated_after(n_updates, settings))
    judging = looks * min(n_valid, settings.judged) if selection is Selection.VALID else n_valid
    if selection is Selection.VALID and n_valid > settings.judged:
        judging += n_valid  # its predictions, by the head that was chosen
    return 1 + min(n_train, STATISTICS_FROM) + training + judging + n_test


@dataclass(frozen=True, eq=False)
class _Batch:
    """What an update sees."""

    levels: Sequence[np.ndarray]
    """Per level (B, h_i, w_i, D_i) float16, as stored."""
    targets: np.ndarray
    """(B, H, W) uint8 places among the classes that train has; `IGNORED` counts nothing."""


class HeadTraining:
    """One head in training, on train alone. It knows only the classes that train has, so it predicts no other."""

    def __init__(self, material: PixelMaterial, settings: ConvProbeSettings, seed: int) -> None:
        masks = material.labels("train")
        self.material = material
        self._task = TASKS[LabelKind.SEGMENTATION]
        self.settings = settings
        self.classes = _classes(masks)
        self._labelled = np.flatnonzero((masks != IGNORED).any(axis=(1, 2)))
        self.maps = FrozenMaps(material, self._labelled)
        self.device = torch.device(material.device)
        self.network = self._build(seed).to(self.device)
        self.optimizer = adamw(full_rate(self.network.parameters(), settings.weight_decay), settings.betas)
        self.portions = Portions(self.device, int(np.prod(material.size_px)))
        self.generator = torch.Generator().manual_seed(seed)
        self.batch_size = effective_batch(len(self._labelled), settings)
        self.n_updates = count_updates(len(self._labelled), settings)
        self._targets = _positions(self.classes)[masks]
        self._block = _block_size(settings, self.batch_size, self.maps.image_bytes)

    def run(self) -> Iterator[int]:
        """Trains; yields the number of updates made whenever it is time to look at valid, and after the last."""
        drawn = draw_blocks(
            len(self._labelled),
            self.batch_size,
            self._block,
            self.settings.block_epochs,
            self.n_updates,
            self.generator,
        )
        blocks = read_ahead(drawn, lambda block: self.maps.read("train", self._labelled[block.images]))
        with closing(blocks), self.material.progress.step("training the probe", self.n_updates) as step:
            yield from train(
                self.optimizer,
                self._batches(blocks),
                self._set_gradients,
                rates=learning_rates(self.n_updates, self.settings),
                looks=evaluated_after(self.n_updates, self.settings),
                devices=Devices.alone(self.material.device),
                step=step,
            )

    def predict(self, split: Literal["valid", "test"], images: np.ndarray) -> np.ndarray:
        """(n, H, W) uint8 classes of every pixel of (n,) images of a split."""
        parts: list[np.ndarray] = []

        def work() -> None:
            parts.clear()
            for _, levels in read_ahead(
                self.portions.of(len(images)), lambda part: self.maps.read(split, images[part])
            ):
                with torch.inference_mode():
                    logits = self._logits(levels)
                parts.append(self.classes[self._task.predictions(logits)])

        self.portions.attempt(work)
        return np.concatenate(parts)

    def _logits(self, levels: Sequence[np.ndarray]) -> Tensor:
        maps = [level.to(self.device) for level in self.maps.standardised(levels)]
        return interpolate(self.network(maps, self.material.fed_px), self.material.size_px)

    def _batches(self, blocks: Iterator[tuple[Block, list[np.ndarray]]]) -> Iterator["_Batch"]:
        for block, levels in blocks:
            for rows in block.batches:
                targets = self._targets[self._labelled[block.images[rows]]]
                yield _Batch([level[rows] for level in levels], targets)

    def _set_gradients(self, batch: "_Batch") -> Tensor:
        """Returns the loss."""
        n_terms = self._task.count_terms(batch.targets)

        def share_of_loss(portion: slice) -> Tensor:
            targets = torch.from_numpy(batch.targets[portion]).to(self.device)
            logits = self._logits([level[portion] for level in batch.levels])
            return self._task.loss_sum(logits, targets, smoothing=0.0) / n_terms

        return self.portions.add_gradients(self.optimizer, len(batch.targets), share_of_loss)

    def _build(self, seed: int) -> ConvHead:
        with torch.random.fork_rng(devices=[]):  # layers initialise from the global generator
            torch.manual_seed(seed)
            return ConvHead(
                self.maps.channels, self.material.strides, self.settings.width, self.settings.depth, len(self.classes)
            )


def _block_size(settings: ConvProbeSettings, batch_size: int, image_bytes: int) -> int:
    return max(batch_size, min(settings.block, BLOCK_BYTES // image_bytes))


def _judged(masks: np.ndarray, settings: ConvProbeSettings) -> np.ndarray:
    """(m,) images of valid that choose; all of them if none has a label, which is said later."""
    labelled = np.flatnonzero((masks != IGNORED).any(axis=(1, 2)))
    return (
        spread(labelled, settings.judged) if len(masks) > settings.judged and len(labelled) else np.arange(len(masks))
    )


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

"""A backbone in training as a whole, with a head: what is drawn for a batch, how it is read, and its loss."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from harness.records.labels import Split
from harness.records.materials import ImageMaterial
from harness.solvers.standardise import Units, measure_units
from harness.tasks import TASKS
from harness.tasks.task import Task
from harness.training.ahead import read_ahead
from harness.training.augment import Augmentation, draw_augmentation
from harness.training.devices import Devices
from harness.training.drop_path import draw_factors, insert_drop_paths, set_factors
from harness.training.groups import adamw, falling_rates
from harness.training.loop import draw_batches, train
from harness.training.memory import Portions
from harness.training.network import (
    ImageNetwork,
    PixelNetwork,
    build_network,
    set_training,
)
from harness.training.recipe import (
    FineTuneSettings,
    count_updates,
    effective_batch,
    evaluated_after,
    learning_rates,
)

SUMMATION = 1e-12
"""A number counts as constant if its standard deviation is within this fraction of its mean: that of a constant is what
rounding leaves of the sum. Labels are float64 and may vary in their last digits, unlike features (`ROUNDING`)."""


@dataclass(frozen=True, eq=False)
class Draw:
    """What is drawn for an effective batch of n samples, which all processes share."""

    rows: np.ndarray
    """(n,) int64 of train."""
    augmentation: Augmentation
    factors: Tensor
    """(n, number of drop paths) float32."""
    head_alone: bool
    """Whether the update is of the head alone."""


@dataclass(frozen=True, eq=False)
class Batch:
    """This process's m samples of an effective batch, read and augmented."""

    pixels: np.ndarray
    """(m, C, H, W) float32."""
    labels: np.ndarray
    """As they are held; numbers as float32 in units of train."""
    factors: Tensor | None
    """(m, number of drop paths) float32; None: nothing is dropped, as the backbone is not trained."""
    n_terms: int
    """What the loss is averaged over, of the whole effective batch."""


class Training:
    """One network in training, on train alone.

    What a sample meets (its place in the order, augmentation, dropped paths) is drawn on the CPU for the effective
    batch as a whole, so the same updates follow however it is cut up and whatever trains it, but for rounding.
    """

    def __init__(self, material: ImageMaterial, settings: FineTuneSettings, seed: int, devices: Devices) -> None:
        self.material = material
        self.task = TASKS[material.label_kind]
        self.settings = settings
        self.devices = devices
        self.labels = material.labels("train")
        self.units = _units(self.task, self.labels)
        self.network: ImageNetwork | PixelNetwork = build_network(material, seed).to(devices.device)
        self.drop_paths = insert_drop_paths(self.network.backbone, settings.drop_path)
        self.optimizer = adamw(falling_rates(self.network, settings), settings.betas)
        pixels_per_image = math.prod(material.preparation("train").size_px or material.size_px)
        self.portions = Portions(devices.device, pixels_per_image)
        self.generator = torch.Generator().manual_seed(seed)
        self.n_updates = count_updates(len(self.labels), settings)
        self._head_alone: bool | None = None  # what the network is ready for
        self._preparation = {split: material.preparation(split).to(devices.device) for split in get_args(Split)}

    def run(self) -> Iterator[int]:
        """Trains; yields the number of updates made whenever it is time to look at valid, and after the last.

        Raises:
            DivergedError: the loss is not finite.
            UserError: a single image does not fit into memory, or the network cannot be trained image by image.
        """
        batches = read_ahead(self._draws(), self._read)
        with closing(batches), self.material.progress.step("fine-tuning", self.n_updates) as step:
            yield from train(
                self.optimizer,
                batches,
                self._set_gradients,
                rates=learning_rates(self.n_updates, self.settings),
                looks=evaluated_after(self.n_updates, self.settings),
                devices=self.devices,
                step=step,
            )

    def predict(self, split: Split, pixels: np.ndarray) -> np.ndarray:
        """What the task makes of (B, C, H, W) float32 pixels of a split (`Task.predictions`); numbers in their own
        units."""
        predicted = self.task.predictions(self.outputs(split, pixels))
        return predicted if self.units is None else self.units.restore(predicted).astype(predicted.dtype)

    def outputs(self, split: Split, pixels: np.ndarray) -> Tensor:
        """What the network makes of (B, C, H, W) float32 pixels of a split, as it would be used: logits, or numbers in
        units."""
        self.network.eval()
        with torch.inference_mode(), self.devices.autocast():
            logits = self.network(torch.from_numpy(pixels).to(self.devices.device), self._preparation[split])
        return logits.float()

    def _draws(self) -> Iterator[Draw]:
        n_train = len(self.labels)
        n_head_first = round(self.settings.head_first * self.n_updates)
        orders = draw_batches(n_train, effective_batch(n_train, self.settings), self.generator)
        for update, rows in enumerate(islice(orders, self.n_updates)):
            augmentation = draw_augmentation(len(rows), self.material.size_px, self.settings, self.generator)
            factors = draw_factors(self.drop_paths, len(rows), self.generator)
            yield Draw(rows, augmentation, factors, head_alone=update < n_head_first)

    def _read(self, draw: Draw) -> Batch:
        mine = self.devices.share(len(draw.rows))
        pixels, labels = self.material.pixels("train", draw.rows[mine]), self.labels[draw.rows[mine]]
        draw.augmentation.of(mine).apply(pixels, labels if self.task.per_pixel else None)
        if self.units is not None:
            labels = self.units.standardise(labels).astype(np.float32)
        n_terms = max(1, self.task.count_terms(self.labels[draw.rows]))
        return Batch(pixels, labels, None if draw.head_alone else draw.factors[mine], n_terms)

    def _set_gradients(self, drawn: tuple[Draw, Batch]) -> Tensor:
        """Set the gradients of this process's share of an effective batch; returns its share of the loss."""
        draw, batch = drawn
        if draw.head_alone is not self._head_alone or not self.network.training:  # it walks through all modules
            set_training(self.network, head_alone=draw.head_alone)
            self._head_alone = draw.head_alone
        loss = self.portions.add_gradients(
            self.optimizer, len(batch.labels), lambda portion: self._loss(batch, portion)
        )
        set_factors(self.drop_paths, None)
        return loss

    def _loss(self, batch: Batch, portion: slice) -> Tensor:
        """A portion's share of the batch's loss."""
        device = self.devices.device
        set_factors(self.drop_paths, None if batch.factors is None else batch.factors[portion].to(device))
        with self.devices.autocast():
            logits = self.network(torch.from_numpy(batch.pixels[portion]).to(device), self._preparation["train"])
        labels = torch.from_numpy(batch.labels[portion]).to(device)
        return self.task.loss_sum(logits.float(), labels, self.settings.smoothing) / batch.n_terms


def _units(task: Task[Any], labels: np.ndarray) -> Units | None:
    """What numbers are measured in, over train's labelled values: the network learns them with mean 0 and variance 1.

    A head starts near 0 and learns at a rate that suits such numbers, whatever a benchmark measures in.
    """
    numbers = task.numbers(labels)
    return None if numbers is None else measure_units(numbers, SUMMATION)

"""The training loop. A caller takes networks from it as they are judged, and stops when it likes."""

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from harness.errors import UserError
from harness.records.materials import ImageMaterial
from harness.tasks import TASKS
from harness.training.ahead import read_ahead
from harness.training.augment import Augmentation, draw_augmentation
from harness.training.devices import Devices
from harness.training.drop_path import draw_factors, insert_drop_paths, set_factors
from harness.training.memory import Portions
from harness.training.network import (
    Classifier,
    Segmenter,
    build_network,
    parameter_groups,
    set_rate,
    set_training,
)
from harness.training.recipe import (
    FineTuneSettings,
    count_updates,
    effective_batch,
    evaluated_after,
    learning_rate,
)


class DivergedError(UserError):
    """The loss is no number any more. A trial of tuning that meets it is lost, not the tuning."""


def draw_batches(n: int, size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """(size,) int64 rows of n, batch after batch: shuffled epochs without a gap between them. Ends never."""
    rows = np.empty(0, np.int64)
    while True:
        while len(rows) < size:
            rows = np.concatenate([rows, torch.randperm(n, generator=generator).numpy()])
        yield rows[:size]
        rows = rows[size:]


def check_loss(loss: float, update: int, n_updates: int, rate: float) -> None:
    """Refuse a loss that is no number: nothing can be learned from it any more."""
    if not np.isfinite(loss):
        raise DivergedError(
            f"the loss is {loss} after {update} of {n_updates} updates at a rate of up to {rate:.2g}. Look for broken "
            "weights; fine_tune can also choose a lower rate, by --trials 16"
        )


@dataclass(frozen=True, eq=False)
class Draw:
    """What is drawn for an effective batch of n samples, which all processes share."""

    rows: np.ndarray
    """(n,) int64 of train."""
    augmentation: Augmentation
    factors: Tensor
    """(n, number of drop paths) float32."""


@dataclass(frozen=True, eq=False)
class Batch:
    """This process's m samples of an effective batch, read and augmented."""

    pixels: np.ndarray
    """(m, C, H, W) float32."""
    labels: np.ndarray
    factors: Tensor
    """(m, number of drop paths) float32."""
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
        self.network: Classifier | Segmenter = build_network(material, seed).to(devices.device)
        self.drop_paths = insert_drop_paths(self.network.backbone, settings.drop_path)
        self.optimizer = torch.optim.AdamW(parameter_groups(self.network, settings), betas=settings.betas, fused=True)
        pixels_per_image = math.prod(material.preparation.size_px or material.size_px)
        self.portions = Portions(devices.device, pixels_per_image)
        self.generator = torch.Generator().manual_seed(seed)
        self.n_updates = count_updates(len(self.labels), settings)
        self._preparation = material.preparation.to(devices.device)

    def run(self) -> Iterator[int]:
        """Trains; yields the number of updates made whenever it is time to look at valid, and after the last.

        Raises:
            DivergedError: the loss is not finite.
            UserError: a single image does not fit into memory, or the network cannot be trained image by image.
        """
        due = set(evaluated_after(self.n_updates, self.settings))
        n_head_first = round(self.settings.head_first * self.n_updates)
        batches = read_ahead(self._draws(), self._read)
        with closing(batches), self.material.progress.step("fine-tuning", self.n_updates) as step:
            for update in range(self.n_updates):
                set_rate(self.optimizer, learning_rate(update, self.n_updates, self.settings))
                head_alone = update < n_head_first
                if update in (0, n_head_first) or not self.network.training:  # it costs a walk through all modules
                    set_training(self.network, head_alone=head_alone)
                self._update(batches, update, head_alone=head_alone)
                step.advance()
                if update + 1 in due:
                    yield update + 1

    def predict(self, pixels: np.ndarray) -> Tensor:
        """Logits of (B, C, H, W) float32 pixels, as they would be used."""
        self.network.eval()
        with torch.inference_mode(), self.devices.autocast():
            logits = self.network(torch.from_numpy(pixels).to(self.devices.device), self._preparation)
        return logits.float()

    def _draws(self) -> Iterator[Draw]:
        n_train = len(self.labels)
        orders = draw_batches(n_train, effective_batch(n_train, self.settings), self.generator)
        for rows in islice(orders, self.n_updates):
            augmentation = draw_augmentation(len(rows), self.material.size_px, self.settings, self.generator)
            yield Draw(rows, augmentation, draw_factors(self.drop_paths, len(rows), self.generator))

    def _read(self, draw: Draw) -> Batch:
        mine = self.devices.share(len(draw.rows))
        pixels, labels = self.material.pixels("train", draw.rows[mine]), self.labels[draw.rows[mine]]
        draw.augmentation.of(mine).apply(pixels, labels if self.task.per_pixel else None)
        n_terms = max(1, self.task.count_terms(self.labels[draw.rows]))
        return Batch(pixels, labels, draw.factors[mine], n_terms)

    def _update(self, batches: Iterator[tuple[Draw, Batch]], update: int, *, head_alone: bool) -> None:
        with self.devices.agreeing():
            _, batch = next(batches)
            loss = self.portions.add_gradients(
                self.optimizer, len(batch.labels), lambda portion: self._loss(batch, portion, head_alone=head_alone)
            )
            set_factors(self.drop_paths, None)
        self.devices.add_gradients(self.network.parameters())
        check_loss(self.devices.total(loss), update, self.n_updates, self.settings.rate)
        with self.devices.agreeing():  # its first step makes room for two more numbers a weight
            self.optimizer.step()

    def _loss(self, batch: Batch, portion: slice, *, head_alone: bool) -> Tensor:
        """A portion's share of the batch's loss."""
        device = self.devices.device
        set_factors(self.drop_paths, None if head_alone else batch.factors[portion].to(device))
        with self.devices.autocast():
            logits = self.network(torch.from_numpy(batch.pixels[portion]).to(device), self._preparation)
        labels = torch.from_numpy(batch.labels[portion]).to(device)
        return self.task.loss_sum(logits.float(), labels, self.settings.smoothing) / batch.n_terms

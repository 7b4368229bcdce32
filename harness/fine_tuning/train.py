"""The training loop. A caller takes networks from it as they are judged, and stops when it likes."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from harness.errors import UserError
from harness.fine_tuning.augment import Augmentation, draw_augmentation
from harness.fine_tuning.devices import Devices
from harness.fine_tuning.drop_path import draw_factors, insert_drop_paths, set_factors
from harness.fine_tuning.losses import count_terms, loss_sum
from harness.fine_tuning.memory import Portions
from harness.fine_tuning.network import Classifier, Segmenter, build_network, parameter_groups, set_rate
from harness.fine_tuning.recipe import (
    FineTuneSettings,
    count_updates,
    effective_batch,
    evaluated_after,
    learning_rate,
)
from harness.records import ImageMaterial, LabelKind


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


class Training:
    """One network in training, on train alone.

    What a sample meets (its place in the order, augmentation, dropped paths) is drawn on the CPU for the effective
    batch as a whole, so the same updates follow however it is cut up and whatever trains it, but for rounding.
    """

    def __init__(self, material: ImageMaterial, settings: FineTuneSettings, seed: int, devices: Devices) -> None:
        self.material = material
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
            UserError: a single image does not fit into memory.
        """
        due = set(evaluated_after(self.n_updates, self.settings))
        n_head_first = round(self.settings.head_first * self.n_updates)
        orders = draw_batches(len(self.labels), effective_batch(len(self.labels), self.settings), self.generator)
        with self.material.progress.step("fine-tuning", self.n_updates) as step:
            for update in range(self.n_updates):
                set_rate(self.optimizer, learning_rate(update, self.n_updates, self.settings))
                head_alone = update < n_head_first
                if update in (0, n_head_first) or not self.network.training:  # it costs a walk through all modules
                    self._set_training(head_alone=head_alone)
                self._update(next(orders), update, head_alone=head_alone)
                step.advance()
                if update + 1 in due:
                    yield update + 1

    def predict(self, pixels: np.ndarray) -> Tensor:
        """Logits of (B, C, H, W) float32 pixels, as they would be used."""
        self.network.eval()
        with torch.inference_mode(), self.devices.autocast():
            logits = self.network(torch.from_numpy(pixels).to(self.devices.device), self._preparation)
        return logits.float()

    def _set_training(self, *, head_alone: bool) -> None:
        self.network.train()
        self.network.backbone.train(not head_alone)
        self.network.backbone.requires_grad_(not head_alone)

    def _update(self, rows: np.ndarray, update: int, *, head_alone: bool) -> None:
        augmentation = draw_augmentation(len(rows), self.material.size_px, self.settings, self.generator)
        factors = draw_factors(self.drop_paths, len(rows), self.generator)
        n_terms = max(1, count_terms(self.labels[rows], self.material.label_kind))
        mine = self.devices.share(len(rows))

        def share_of_loss(portion: slice) -> Tensor:
            part = mine[portion]
            set_factors(self.drop_paths, None if head_alone else factors[part].to(self.devices.device))
            return self._loss(rows[part], augmentation.of(part)) / n_terms

        loss = self.portions.add_gradients(self.optimizer, len(mine), share_of_loss)
        set_factors(self.drop_paths, None)
        self.devices.add_gradients(self.network.parameters())
        check_loss(self.devices.total(loss), update, self.n_updates, self.settings.rate)
        self.optimizer.step()

    def _loss(self, rows: np.ndarray, augmentation: Augmentation) -> Tensor:
        pixels, labels = self.material.pixels("train", rows), self.labels[rows]
        augmentation.apply(pixels, labels if self.material.label_kind is LabelKind.SEGMENTATION else None)
        device = self.devices.device
        with self.devices.autocast():
            logits = self.network(torch.from_numpy(pixels).to(device), self._preparation)
        return loss_sum(
            logits.float(), torch.from_numpy(labels).to(device), self.material.label_kind, self.settings.smoothing
        )

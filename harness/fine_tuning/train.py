"""The training loop. A caller takes networks from it as they are judged, and stops when it likes."""

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
        self.portions = Portions(devices.device, int(np.prod(material.size_px)))
        self.generator = torch.Generator().manual_seed(seed)
        self.n_updates = count_updates(len(self.labels), settings)
        self._normalisation = material.normalisation.to(devices.device)

    def run(self) -> Iterator[int]:
        """Trains; yields the number of updates made whenever it is time to look at valid, and after the last.

        Raises:
            DivergedError: the loss is not finite.
            UserError: a single image does not fit into memory.
        """
        due = set(evaluated_after(self.n_updates, self.settings))
        n_head_first = round(self.settings.head_first * self.n_updates)
        orders = self._orders()
        with self.material.progress.step("fine-tuning", self.n_updates) as step:
            for update in range(self.n_updates):
                set_rate(self.optimizer, learning_rate(update, self.n_updates, self.settings))
                self._update(next(orders), update, head_alone=update < n_head_first)
                step.advance()
                if update + 1 in due:
                    yield update + 1

    def predict(self, pixels: np.ndarray) -> Tensor:
        """Logits of (B, C, H, W) float32 pixels, as they would be used."""
        self.network.eval()
        with torch.inference_mode(), self.devices.autocast():
            logits = self.network(torch.from_numpy(pixels).to(self.devices.device), self._normalisation)
        return logits.float()

    def _orders(self) -> Iterator[np.ndarray]:
        """Rows of train, one effective batch after the other: shuffled epochs without a gap between them."""
        size = effective_batch(len(self.labels), self.settings)
        rows = np.empty(0, np.int64)
        while True:
            while len(rows) < size:
                rows = np.concatenate([rows, torch.randperm(len(self.labels), generator=self.generator).numpy()])
            yield rows[:size]
            rows = rows[size:]

    def _update(self, rows: np.ndarray, update: int, *, head_alone: bool) -> None:
        augmentation = draw_augmentation(len(rows), self.material.size_px, self.settings, self.generator)
        factors = draw_factors(self.drop_paths, len(rows), self.generator)
        n_terms = max(1, count_terms(self.labels[rows], self.material.label_kind))
        mine = self.devices.share(len(rows))
        self.network.train()
        self.network.backbone.train(not head_alone)
        self.network.backbone.requires_grad_(not head_alone)
        loss = torch.zeros((), device=self.devices.device)

        def accumulate() -> None:
            self.optimizer.zero_grad()
            loss.zero_()
            for portion in self.portions.of(len(mine)):
                part = mine[portion]
                set_factors(self.drop_paths, None if head_alone else factors[part].to(self.devices.device))
                share = self._loss(rows[part], augmentation.of(part)) / n_terms
                share.backward()
                loss.add_(share.detach())

        self.portions.attempt(accumulate)
        set_factors(self.drop_paths, None)
        self.devices.add_gradients(self.network.parameters())
        self._check(loss, update)
        self.optimizer.step()

    def _loss(self, rows: np.ndarray, augmentation: Augmentation) -> Tensor:
        pixels, labels = self.material.pixels("train", rows), self.labels[rows]
        augmentation.apply(pixels, labels if self.material.label_kind is LabelKind.SEGMENTATION else None)
        device = self.devices.device
        with self.devices.autocast():
            logits = self.network(torch.from_numpy(pixels).to(device), self._normalisation)
        return loss_sum(
            logits.float(), torch.from_numpy(labels).to(device), self.material.label_kind, self.settings.smoothing
        )

    def _check(self, loss: Tensor, update: int) -> None:
        value = self.devices.total(loss)
        if not np.isfinite(value):
            raise DivergedError(
                f"the loss is {value} after {update} of {self.n_updates} updates at a rate of up to "
                f"{self.settings.rate:.2g}. Look for broken weights, or choose the rate by --trials 16"
            )

"""The linear probe as MP-MAE's evaluation publishes it: AdamW for a fixed number of epochs, on cached features.

It is here to reproduce published numbers and to show what they leave on the table; `linear_probe` is the converged
one. As published: features pass a LayerNorm whose weight and bias are never trained (an identity for backbones that
end in one), the head is a single linear layer that starts near zero, the learning rate is scaled by the effective
batch and falls along a half cosine, weight decay spares the bias, the last epoch is scored and nothing is chosen. What
does not fill a batch, or an accumulation of batches, is dropped each epoch.

One difference: the published code leaves drop path on in the frozen encoder, so its features are noisy in training.
Cached features are not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import UserError
from harness.protocols.standardised import finite_features
from harness.records.labels import LabelKind, Split
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.training.devices import Devices
from harness.training.groups import adamw, full_rate
from harness.training.loop import train
from harness.training.recipe import cosine_rate


@dataclass(frozen=True, kw_only=True)
class LinearProbeSgdSettings:
    """The published settings. They differ between datasets only in the batch, for which there are several entries."""

    version: int = 1
    batch_size: int = 64
    accumulation: int = 16
    """Batches per update."""
    epochs: int = 100
    base_lr: float = 2e-4
    """Learning rate for an effective batch of 256; in proportion for others."""
    final_lr: float = 1e-6
    weight_decay: float = 0.3
    betas: tuple[float, float] = (0.9, 0.999)
    smoothing: float = 0.2
    """Single-label: mass spread over all classes. Multi-label: targets are s and 1 - s, not the usual s / 2."""
    norm_eps: float = 1e-6
    head_std: float = 2e-5


def linear_probe_sgd(material: Material, settings: LinearProbeSgdSettings, seed: int) -> Outcome:
    """Trains a linear head by the published recipe and scores its last epoch.

    Args:
        seed: of the head's initial weights and of the order of samples.
    Raises:
        UserError: train is too small for a single update, features that are not finite.
    """
    train, valid, test = (_normed_features(material, split, settings) for split in ("train", "valid", "test"))
    single = material.label_kind is LabelKind.SINGLE_LABEL
    head = train_head(train, material.labels("train"), material.n_classes, settings, seed)
    with torch.inference_mode():
        logits = (head(split).double() for split in (valid, test))
        valid_scores, test_scores = ((x.softmax(dim=1) if single else x.sigmoid()).numpy() for x in logits)
    return Outcome(
        valid_scores=valid_scores,
        test_scores=test_scores,
        ran_with={"updates": settings.epochs * _updates_per_epoch(len(train), settings)},
        n_labels_fit=len(train),
        n_labels_select=0,
    )


def _normed_features(material: Material, split: Split, settings: LinearProbeSgdSettings) -> Tensor:
    features = torch.from_numpy(finite_features(material, split)).float()
    return F.layer_norm(features, features.shape[1:], eps=settings.norm_eps)


def train_head(
    features: Tensor, labels: np.ndarray, n_classes: int, settings: LinearProbeSgdSettings, seed: int
) -> nn.Linear:
    """A head trained on (n, D) float32 features, with (n,) class indices or (n, K) zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    head = nn.utils.skip_init(nn.Linear, features.shape[1], n_classes)  # nothing drawn from the global generator
    nn.init.trunc_normal_(head.weight, std=settings.head_std, generator=generator)
    nn.init.zeros_(head.bias)
    targets = smooth(labels, n_classes, settings.smoothing)

    def set_gradients(rows: Tensor) -> None:
        # Batches of one size: the mean over the effective batch is the mean of their means.
        set_gradient(head, features[rows], targets[rows], single=labels.ndim == 1)

    updates = train(
        adamw(full_rate(head.parameters(), settings.weight_decay), settings.betas),
        _draw_batches(len(features), settings, generator),
        set_gradients,
        rates=learning_rates(len(features), settings),
        looks=(),
        devices=Devices.alone("cpu"),
    )
    assert not list(updates), "nothing looks at it before its end"
    return head


def _draw_batches(n_train: int, settings: LinearProbeSgdSettings, generator: torch.Generator) -> Iterator[Tensor]:
    """(effective batch,) int64 rows of train, update after update; every epoch drops what does not fill one."""
    effective = settings.batch_size * settings.accumulation
    used = _updates_per_epoch(n_train, settings) * effective
    for _ in range(settings.epochs):
        yield from torch.randperm(n_train, generator=generator)[:used].split(effective)


def learning_rates(n_train: int, settings: LinearProbeSgdSettings) -> list[float]:
    """The rate of every update: along a half cosine from the scaled base rate to the final rate.

    The published schedule counts batches, also those that are dropped at the end of an epoch.
    """
    peak = settings.base_lr * settings.batch_size * settings.accumulation / 256
    batches = n_train // settings.batch_size
    return [
        cosine_rate(
            epoch + update * settings.accumulation / batches, settings.epochs, peak=peak, final=settings.final_lr
        )
        for epoch in range(settings.epochs)
        for update in range(_updates_per_epoch(n_train, settings))
    ]


def smooth(labels: np.ndarray, n_classes: int, smoothing: float) -> Tensor:
    """(n, K) float32 targets: for single labels 1 - s shared out with s / K to each class; for multi-label s, 1 - s."""
    known = torch.from_numpy(np.array(labels, dtype=np.int64))
    if labels.ndim == 1:
        return F.one_hot(known, n_classes).float() * (1.0 - smoothing) + smoothing / n_classes
    return known.float() * (1.0 - 2.0 * smoothing) + smoothing


@torch.no_grad()
def set_gradient(head: nn.Linear, x: Tensor, targets: Tensor, *, single: bool) -> None:
    """Set the gradient of mean cross-entropy, or of binary cross-entropy averaged over samples and labels.

    Written out, as a step of so small a model costs less than recording it for automatic differentiation.
    """
    logits = head(x)
    difference = (logits.softmax(dim=1) if single else logits.sigmoid()) - targets
    difference /= len(x) if single else targets.numel()
    head.weight.grad, head.bias.grad = difference.T @ x, difference.sum(dim=0)


def _updates_per_epoch(n_train: int, settings: LinearProbeSgdSettings) -> int:
    updates = n_train // settings.batch_size // settings.accumulation
    if not updates:
        raise UserError(
            f"the published recipe makes an update of {settings.batch_size} x {settings.accumulation} samples, but "
            f"train has {n_train}. Use linear_probe_sgd_32 or linear_probe_sgd_8, the recipes published for subsets"
        )
    return updates

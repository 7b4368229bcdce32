"""What a prediction costs, and how the tasks add up; values that are missing take no part, exactly.

Every loss is a sum and the number of values it runs over, so that means are taken over the whole batch: a patch with
few valid pixels weighs by its valid pixels, and processes that share a batch can share their counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mp_mae.devices.precision import at_least_float32
from mp_mae.modalities import Kind


class LossSum(NamedTuple):
    """A loss before it is averaged; both are scalars."""

    total: Tensor
    """Summed over all valid values; 0, with zero gradients, where nothing is valid."""
    n_values: Tensor
    """int64: how many values that were."""


LossFunction = Callable[[Tensor, Tensor], LossSum]
"""(predictions, targets) -> LossSum. Predictions at removed patches (B, R, P, C) or of images (B, C)."""

CountFunction = Callable[[Tensor], Tensor]
"""targets, as a LossFunction has them -> int64 scalar: LossSum.n_values."""


@dataclass(frozen=True, kw_only=True)
class LossRules:
    """How targets become one number. `LOSS_RULES` lists them all."""

    by_kind: Mapping[Kind, LossFunction]
    fill: Callable[[Kind, Tensor], Tensor]
    """What becomes of a target before anything else is done with it."""
    counts: Mapping[Kind, CountFunction] | None
    """What the counts of `by_kind` are without a prediction; None: they depend on it."""
    skip_empty: bool
    """A task without one valid target contributes nothing. False, as published: its loss is 0 / 0, not a number, and
    so is the total; what contributes nothing is a task whose loss is exactly 0."""


def squared_error(prediction: Tensor, target: Tensor) -> LossSum:
    """Squared error at the targets that are not NaN; `prediction` and `target` have the same shape."""
    prediction = at_least_float32(prediction)
    missing = target.isnan()
    # A missing value is replaced by its prediction before any arithmetic: its error and its gradient are exactly 0.
    target = torch.where(missing, prediction.detach(), target)
    return LossSum(F.mse_loss(prediction, target, reduction="sum"), missing.numel() - missing.count_nonzero())


def cross_entropy(prediction: Tensor, target: Tensor) -> LossSum:
    """Cross-entropy of logits (B, ..., K) at the class indices (B, ...) int64 that are not -1, in nats."""
    logits = at_least_float32(prediction).movedim(-1, 1)  # many pixels side by side, not few classes
    total = F.cross_entropy(logits, target, ignore_index=-1, reduction="none").sum()  # a GPU sums this in parallel
    return LossSum(total, count_classes(target))


def count_numbers(target: Tensor) -> Tensor:
    """How many targets are not NaN."""
    return target.numel() - target.isnan().count_nonzero()


def count_classes(target: Tensor) -> Tensor:
    """How many class indices are not -1."""
    return (target >= 0).sum()


VALID_PIXELS = LossRules(
    by_kind={
        Kind.PIXEL_REGRESSION: squared_error,
        Kind.PIXEL_CLASS: cross_entropy,
        Kind.IMAGE_REGRESSION: squared_error,
        Kind.IMAGE_CLASS: cross_entropy,
    },
    fill=lambda kind, target: target,
    counts={
        Kind.PIXEL_REGRESSION: count_numbers,
        Kind.PIXEL_CLASS: count_classes,
        Kind.IMAGE_REGRESSION: count_numbers,
        Kind.IMAGE_CLASS: count_classes,
    },
    skip_empty=True,
)
"""Ours: the mean over all valid values of the batch."""


def normalise_patches(patches: Tensor) -> Tensor:
    """Patches (t - mean) / sqrt(var + 1e-6), each jointly over its pixels and bands; NaN stays NaN and counts nowhere.

    The variance is unbiased; a patch with a single valid value becomes 0.

    Args:
        patches: (B, R, P, C), NaN = missing.
    Source: He et al., 2022 (arXiv:2111.06377), section 3, "reconstruction target"; the form is MP-MAE's.
    """
    valid = ~patches.isnan()
    n = valid.sum((2, 3), keepdim=True)
    mean = patches.nansum((2, 3), keepdim=True) / n
    centred = patches - mean
    variance = centred.square().nansum((2, 3), keepdim=True) / (n - 1).clamp(min=1)
    return centred / torch.sqrt(variance + 1e-6)


class Combined(NamedTuple):
    """The tasks' losses and their total."""

    total: Tensor
    """Scalar; what is minimised."""
    means: Tensor
    """(T,) the loss of each task; 0 where it has no valid target (NaN under published rules)."""


def combine_losses(rules: LossRules, totals: Tensor, counts: Tensor, log_vars: Tensor | None) -> Combined:
    """The total of all tasks: sum_i exp(-s_i) L_i + s_i with log-variances s, or the plain sum of L_i without.

    Args:
        totals: (T,) LossSum.total of each task.
        counts: (T,) what each is divided by; fractions are fine.
        log_vars: (T,) s_i, or None.
    Source: Kendall et al., 2018 (arXiv:1705.07115), section 3.2, without its factors 1/2, as in MP-MAE.
    """
    if rules.skip_empty:
        active = counts > 0
        means = totals / torch.where(active, counts, 1)
    else:
        means = totals / counts
        active = means != 0
    weighted = means if log_vars is None else torch.exp(-log_vars) * means + log_vars
    return Combined(torch.where(active, weighted, 0).sum(), means)

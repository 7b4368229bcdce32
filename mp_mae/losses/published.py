"""Loss rules of others, to reproduce their numbers; nobody should train with them."""

from collections.abc import Callable

import torch
from torch import Tensor

from mp_mae.devices.precision import at_least_float32
from mp_mae.losses.rules import VALID_PIXELS, LossRules, LossSum
from mp_mae.modalities import Kind


def mean_of_valid_patches(prediction: Tensor, target: Tensor) -> LossSum:
    """Mean squared error of each patch over its valid values; the count is of patches that have one.

    A patch with one valid pixel weighs as much as a complete one.
    """
    means, n_valid = _patch_errors(prediction, target)
    return LossSum(means.sum(), (n_valid > 0).sum())


def count_patches(target: Tensor) -> Tensor:
    """How many patches of (B, R, P, C) have a value."""
    return (~target.isnan()).flatten(2).any(2).sum()


def mean_of_nonzero_patches(prediction: Tensor, target: Tensor) -> LossSum:
    """Mean as in `mean_of_valid_patches`, but a patch predicted without any error does not count: published MP-MAE."""
    means, _ = _patch_errors(prediction, target)
    return LossSum(means.sum(), (means != 0).sum())


def fill_as_published(kind: Kind, target: Tensor) -> Tensor:
    """Missing pixels become 0, the band's mean, and are trained; images without a class are trained as class 0."""
    if kind is Kind.PIXEL_REGRESSION:
        return target.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    if kind is Kind.IMAGE_CLASS:
        return target.clamp(min=0)
    return target


def _patch_errors(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Mean squared error (B, R) over valid values, 0 without one; number (B, R) int64 of valid values."""
    valid = ~target.isnan()
    error = torch.where(valid, at_least_float32(prediction) - torch.where(valid, target, 0), 0)
    n_valid = valid.sum((2, 3))
    return error.square().sum((2, 3)) / n_valid.clamp(min=1), n_valid


def _with_pixel_regression(
    loss: Callable[[Tensor, Tensor], LossSum],
) -> dict[Kind, Callable[[Tensor, Tensor], LossSum]]:
    return {**VALID_PIXELS.by_kind, Kind.PIXEL_REGRESSION: loss}


VALID_PATCHES = LossRules(
    by_kind=_with_pixel_regression(mean_of_valid_patches),
    fill=VALID_PIXELS.fill,
    counts={**(VALID_PIXELS.counts or {}), Kind.PIXEL_REGRESSION: count_patches},
    skip_empty=True,
)
"""Missing data are excluded, but patches weigh alike."""

PUBLISHED = LossRules(
    by_kind=_with_pixel_regression(mean_of_nonzero_patches), fill=fill_as_published, counts=None, skip_empty=False
)
"""What published MP-MAE was trained with, exactly."""

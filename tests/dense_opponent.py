"""The same model computed the usual way: the yardstick for speed and memory, and a check of every result.

Existing implementations without a sparse engine run the encoder densely over the whole image and zero the removed
sites after every operation that could fill them, evaluate the decoder once for every modality, predict all patches,
and mask the error at the end. Parameters are those of an MPMAE, so both must give the same losses and gradients.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mp_mae.losses.rules import VALID_PIXELS, combine_losses
from mp_mae.masking import Mask
from mp_mae.modalities import Kind, Modality
from mp_mae.model import MPMAE


def dense_total(model: MPMAE, x: Tensor, targets: dict[str, Tensor], mask: Mask) -> Tensor:
    """The total of MPMAE.forward(x, targets, mask); shared decoder, per-sample GRN, rules "valid_pixels"."""
    rows, cols = x.shape[-2] // model.config.encoder.patch, x.shape[-1] // model.config.encoder.patch
    removed = x.new_zeros(len(x), rows * cols).scatter(1, mask.removed, 1.0).view(-1, 1, rows, cols)
    features = encode_dense(model.encoder, x, 1 - removed)
    projected = F.conv2d(features, model.tokens.proj.weight[..., None, None], model.tokens.proj.bias)
    tokens = projected * (1 - removed) + model.tokens.mask_token.view(1, -1, 1, 1) * removed
    branch: Any = model.branches[0]
    totals, counts = [], []
    for task in model.tasks:
        decoded = branch.blocks(tokens)
        if task.kind.is_pixel:
            head = branch.pixel_heads[task.name]
            prediction = F.conv2d(decoded, head.weight[..., None, None], head.bias)
            error, valid = _pixel_errors(model, task, prediction, targets[task.name])
            weight = removed.flatten(1).view(len(x), -1, *[1] * (error.ndim - 2)) * valid
        else:
            pooled = branch.image_norm(decoded.permute(0, 2, 3, 1)).mean((1, 2))
            error, valid = _errors(task.kind, branch.image_heads[task.name](pooled), targets[task.name])
            weight = valid
        totals.append((error * weight).sum())
        counts.append(weight.sum())
    return combine_losses(VALID_PIXELS, torch.stack(totals), torch.stack(counts), model.log_vars).total


def encode_dense(encoder: Any, x: Tensor, visible: Tensor) -> Tensor:
    """(B, C, H, W), (B, 1, rows, cols) 1 = visible -> last map, at visible sites exactly the sparse one."""

    def keep(y: Tensor) -> Tensor:
        scale = y.shape[-1] // visible.shape[-1]
        return y * visible.repeat_interleave(scale, 2).repeat_interleave(scale, 3)

    x = keep(encoder.stem(keep(x)))
    for stage in encoder.stages:
        x = keep(stage.downsample(x))
        for block in stage.blocks:
            hidden = F.gelu(block.mlp.fc1(block.norm(block.conv_dw(x).permute(0, 2, 3, 1))))
            hidden = keep(hidden.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            x = x + keep(block.mlp.fc2(block.mlp.grn(hidden)).permute(0, 3, 1, 2))
    return x


def _pixel_errors(model: MPMAE, task: Modality, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Errors and validity at every pixel of every patch, (B, L, P, C) or (B, L, P)."""
    patch = model.config.encoder.patch
    images = target.unsqueeze(1) if task.kind.is_class else target
    target = F.pixel_unshuffle(images, patch).flatten(2).unflatten(1, (-1, patch**2)).permute(0, 3, 2, 1)
    if task.kind.is_class:
        target = target.squeeze(-1)
    if task.name == "sentinel2" and model.config.normalise_optical:
        mean = target.nanmean((2, 3), keepdim=True)
        n = (~target.isnan()).sum((2, 3), keepdim=True)
        variance = (target - mean).square().nansum((2, 3), keepdim=True) / (n - 1)
        target = (target - mean) / (variance + 1e-6).sqrt()
    return _errors(task.kind, prediction.flatten(2).mT.unflatten(-1, (patch**2, -1)), target)


def _errors(kind: Kind, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if kind.is_class:
        errors = F.cross_entropy(prediction.movedim(-1, 1), target, ignore_index=-1, reduction="none")
        return errors, target >= 0
    valid = ~target.isnan()
    return (prediction - torch.where(valid, target, 0)).square(), valid

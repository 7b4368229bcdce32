"""The masked encoder by brute force: every layer densely, every site that does not exist set to zero after it.

Slow and simple, the definition that the packed encoder must equal.
"""

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mp_mae.masking import Mask


def masked_dense(
    encoder: Any, x: Tensor, mask: Mask, grn: Literal["sample", "batch"] = "sample", holes: str = "sites"
) -> Tensor:
    """(B, C, H, W) -> (B, D, H / patch, W / patch), zero at removed patches."""
    patch = encoder.patch
    rows, cols = x.shape[2] // patch, x.shape[3] // patch
    visible = torch.zeros(len(x), rows * cols, dtype=torch.bool).scatter(1, mask.visible, True).view(-1, 1, rows, cols)
    sites = visible.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    if holes == "absent":
        sites = sites & (x != 0).any(1, keepdim=True)
    stem = encoder.stem
    x = stem.conv(torch.where(sites, x, 0))
    x = torch.where(sites, stem.act(stem.conv_norm(x)), 0)
    sites = _coarser(sites, patch // 8)
    x = torch.where(sites, stem.patch_norm(stem.patch(x)), 0)
    return masked_stages(encoder, x, sites, grn)


def masked_stages(encoder: Any, x: Tensor, sites: Tensor, grn: Literal["sample", "batch"] = "sample") -> Tensor:
    """What comes after a stem, of sites (B, 1, h, w) bool."""
    for index, stage in enumerate(encoder.stages):
        if index:
            x = stage.downsample[1](torch.where(sites, stage.downsample[0](x), 0))
            sites = _coarser(sites, 2)
            x = torch.where(sites, x, 0)
        for block in stage.blocks:
            x = x + torch.where(sites, _branch(block, x, sites, grn), 0)
    return x


def _branch(block: Any, x: Tensor, sites: Tensor, grn: str) -> Tensor:
    hidden = F.gelu(block.mlp.fc1(block.norm(block.conv_dw(x).permute(0, 2, 3, 1))))
    hidden = torch.where(sites.permute(0, 2, 3, 1), hidden, 0)
    respond = block.mlp.grn
    norm = torch.linalg.vector_norm(hidden, dim=(1, 2) if grn == "sample" else (0, 1, 2), keepdim=True)
    hidden = respond.weight * hidden * norm / (norm.mean(-1, keepdim=True) + respond.eps) + respond.bias + hidden
    return block.mlp.fc2(hidden).permute(0, 3, 1, 2)


def _coarser(sites: Tensor, k: int) -> Tensor:
    return F.max_pool2d(sites.double(), k).bool()

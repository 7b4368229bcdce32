"""The way between images and patches, which are numbered row by row, as are the pixels inside one."""

import torch
from torch import Tensor


def gather_patches(images: Tensor, index: Tensor, patch: int) -> Tensor:
    """The listed patches alone, copied once.

    Args:
        images: (B, C, H, W), or (B, H, W) for class maps; H and W are multiples of `patch`.
        index: (B, R) int64, patch numbers of each image.
        patch: side of a patch in pixels.
    Returns:
        (B, R, patch * patch, C), or (B, R, patch * patch) for class maps.
    """
    if images.ndim == 3:
        return gather_patches(images.unsqueeze(1), index, patch).squeeze(-1)
    cols = images.shape[-1] // patch
    grid = images.unflatten(3, (cols, patch)).unflatten(2, (-1, patch)).permute(0, 2, 4, 3, 5, 1)  # (B, h, w, p, p, C)
    batch = torch.arange(len(images), device=images.device).unsqueeze(1)
    return grid[batch, index // cols, index % cols].flatten(2, 3)


def patches_to_images(patches: Tensor, cols: int) -> Tensor:
    """Images from all their patches: (B, L, patch * patch, C) -> (B, C, H, W), `cols` patches side by side."""
    patch = round(patches.shape[2] ** 0.5)
    grid = patches.unflatten(2, (patch, patch)).unflatten(1, (-1, cols))  # (B, h, w, p, p, C)
    return grid.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


def gather_tokens(tokens: Tensor, index: Tensor) -> Tensor:
    """Features of the listed patches: (B, L, D), (B, R) -> (B, R, D)."""
    return tokens.gather(1, index.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))

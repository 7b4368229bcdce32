"""Level 2 of the hand-crafted features: how much a map changes from pixel to pixel, and in which directions."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.floors.distribution import mean_and_deviation

SCALES = (1, 2, 4)
"""Sides in pixels of the blocks whose means are looked at."""
N_DIRECTIONS = 8
N_TEXTURE = 4 * len(SCALES)
"""Features of a map."""


def describe_texture(maps: Tensor) -> Tensor:
    """Four features of each map at each scale: mean and deviation of its gradient's size, coherence and entropy of its
    direction.

    A direction is a line, not an arrow: an edge is the same from dark to bright and from bright to dark. Coherence is
    1 where all gradients lie along one line and 0 where none is preferred; entropy is 1 where all eight directions are
    as frequent. Both are 0 of a map without gradients.

    Args:
        maps: (B, M, H, W) float32 without missing values. Blocks at the bottom and right may be smaller.
    Returns:
        (B, M, 12) float32, the finest scale first.
    """
    scaled = (maps if side == 1 else F.avg_pool2d(maps, side, ceil_mode=True) for side in SCALES)
    return torch.cat([_describe_gradients(*gradients(x)) for x in scaled], dim=-1)


def gradients(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Downward and rightward central differences of (B, M, H, W) maps; beyond the border its values are repeated."""
    return _central_difference(maps, -2), _central_difference(maps, -1)


def _central_difference(maps: Tensor, dim: int) -> Tensor:
    n = maps.shape[dim]
    border = maps.narrow(dim, 0, 1), maps.narrow(dim, n - 1, 1)
    after = torch.cat([maps.narrow(dim, 1, n - 1), border[1]], dim)
    before = torch.cat([border[0], maps.narrow(dim, 0, n - 1)], dim)
    return (after - before) / 2


def _describe_gradients(down: Tensor, right: Tensor) -> Tensor:
    """(B, M, 4)."""
    down, right = down.flatten(2), right.flatten(2)
    size = (down.square() + right.square()).sqrt()
    entropy = _direction_entropy(down, right, size)
    return torch.stack([*mean_and_deviation(size), _coherence(down, right), entropy], dim=-1)


def _coherence(down: Tensor, right: Tensor) -> Tensor:
    """(l1 - l2) / (l1 + l2) of the eigenvalues of the structure tensor of a whole map."""
    dd, rr, dr = (down * down).sum(-1), (right * right).sum(-1), (down * right).sum(-1)
    return anisotropy(dd, rr, dr)


def anisotropy(first: Tensor, second: Tensor, mixed: Tensor, least: float = 0.0) -> Tensor:
    """(l1 - l2) / (l1 + l2) of the eigenvalues of [[first, mixed], [mixed, second]]; 0 where their sum is not more than
    `least`."""
    trace = first + second
    return torch.where(trace > least, torch.hypot(first - second, 2 * mixed) / trace, 0.0)


def _direction_entropy(down: Tensor, right: Tensor, size: Tensor) -> Tensor:
    """The entropy of the histogram of directions, each gradient counting by its size; as a part of the largest.

    The directions along rows, columns and diagonals are in the middle of a bin each: gradients of whole numbers often
    have them exactly, and at an edge the last digit would decide.
    """
    bins = torch.atan2(down, right).mul_(N_DIRECTIONS / math.pi).round_().remainder_(N_DIRECTIONS).long()
    histogram = size.new_zeros(*size.shape[:-1], N_DIRECTIONS).scatter_add_(-1, bins, size)
    return normalised_entropy(histogram)


def normalised_entropy(histogram: Tensor) -> Tensor:
    """(B, M, K) weights -> (B, M) from 0, all in one bin, to 1, all bins alike; 0 of nothing at all."""
    shares = histogram / histogram.sum(-1, keepdim=True).clamp(min=torch.finfo(histogram.dtype).tiny)
    return -torch.xlogy(shares, shares).sum(-1) / math.log(histogram.shape[-1])

"""Level 3 of the hand-crafted features: patterns of neighbours, corners, and where in a map what values lie.

Ojala, Pietikainen and Maenpaa, Multiresolution gray-scale and rotation invariant texture classification with local
binary patterns, 2002. Harris and Stephens, A combined corner and edge detector, 1988.
"""

import torch
from torch import Tensor

from baselines.floors.distribution import mean_and_deviation, percentile, sort_values
from baselines.floors.texture import anisotropy, gradients, normalised_entropy

N_STRUCTURE = 16
"""Features of a map."""
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
"""(down, right) of a pixel's neighbours, once around it."""
N_PATTERNS = 2 ** len(NEIGHBOURS)
CORNER_K = 0.04
CORNER_LEAST = 0.01
"""Part of the strongest response that a corner must exceed."""
TAILS = (0.25, 0.75)
ONE_POINT = 1e-9
"""Variance of places, in half sides squared, up to which they are one place."""


def describe_structure(maps: Tensor) -> Tensor:
    """Features of each map: patterns (2), corners (2), its quadrants (8), the places of its low and high values (4).

    Args:
        maps: (B, M, H, W) float32 without missing values.
    Returns:
        (B, M, 16) float32.
    """
    return torch.cat([_binary_patterns(maps), _corners(maps), _quadrants(maps), _tails(maps)], dim=-1)


def _binary_patterns(maps: Tensor) -> Tensor:
    """(B, M, 2): of the 256 patterns which neighbours of a pixel are no less than it, the entropy, as a part of the
    largest, and the share of those that change at most twice around the pixel. Both 0 without any pixel that has all
    its neighbours."""
    height, width = maps.shape[-2] - 2, maps.shape[-1] - 2
    if height < 1 or width < 1:
        return maps.new_zeros(*maps.shape[:2], 2)
    centre = maps[..., 1:-1, 1:-1]
    patterns = torch.zeros_like(centre, dtype=torch.uint8)
    for bit, (down, right) in enumerate(NEIGHBOURS):
        neighbour = maps[..., 1 + down : 1 + down + height, 1 + right : 1 + right + width]
        patterns |= (neighbour >= centre).to(torch.uint8) << bit
    counts = _count(patterns.flatten(2)).to(maps.dtype)  # (B, M, 256)
    uniform = counts[..., _uniform_patterns()].sum(-1) / (height * width)
    return torch.stack([normalised_entropy(counts), uniform], dim=-1)


def _count(patterns: Tensor) -> Tensor:
    """(B, M, N) uint8 -> (B, M, 256) how often each value occurs."""
    images, maps, _ = patterns.shape
    first = torch.arange(images * maps, device=patterns.device).view(images, maps, 1) * N_PATTERNS
    counts = torch.bincount((patterns + first).flatten(), minlength=images * maps * N_PATTERNS)
    return counts.view(images, maps, N_PATTERNS)


def _uniform_patterns() -> list[int]:
    """The patterns that change at most twice around the pixel."""
    n = len(NEIGHBOURS)
    turned = [(pattern >> 1) | ((pattern & 1) << (n - 1)) for pattern in range(N_PATTERNS)]
    return [pattern for pattern, other in enumerate(turned) if (pattern ^ other).bit_count() <= 2]


def _corners(maps: Tensor) -> Tensor:
    """(B, M, 2): corners a pixel, and the mean response where it is positive (0 elsewhere), of the map brought to 0..1.

    A corner is a pixel whose response no neighbour exceeds; of several as strong side by side each counts.
    """
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    span = high - low
    down, right = gradients(torch.where(span > 0, (maps - low) / span, 0.0))
    dd, rr, dr = (_window_mean(product) for product in (down * down, right * right, down * right))
    response = dd * rr - dr * dr - CORNER_K * (dd + rr).square()
    strongest = response.amax((-2, -1), keepdim=True).clamp(min=0)
    corners = (response > CORNER_LEAST * strongest) & (response == _window_max(response))
    return torch.stack([corners.to(maps.dtype).mean((-2, -1)), response.clamp(min=0).mean((-2, -1))], dim=-1)


def _window_mean(maps: Tensor) -> Tensor:
    """The mean of the 3 x 3 pixels around each; beyond the border its values are repeated."""
    for dim in (-2, -1):
        before, here, after = _shifted(maps, dim)
        maps = (before + here + after) / 3
    return maps


def _window_max(maps: Tensor) -> Tensor:
    for dim in (-2, -1):
        before, here, after = _shifted(maps, dim)
        maps = torch.maximum(torch.maximum(before, after), here)
    return maps


def _shifted(maps: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Each pixel's neighbour before it, itself, and the neighbour after it, along one side."""
    n = maps.shape[dim]
    padded = torch.cat([maps.narrow(dim, 0, 1), maps, maps.narrow(dim, n - 1, 1)], dim)
    return padded.narrow(dim, 0, n), maps, padded.narrow(dim, 2, n)


def _quadrants(maps: Tensor) -> Tensor:
    """(B, M, 8): mean and standard deviation of each quarter; a row or column in the middle is of both sides."""
    height, width = maps.shape[-2:]
    rows = slice(0, (height + 1) // 2), slice(height // 2, height)
    columns = slice(0, (width + 1) // 2), slice(width // 2, width)
    quarters = [maps[..., of_rows, of_columns].flatten(2) for of_rows in rows for of_columns in columns]
    return torch.stack([part for quarter in quarters for part in mean_and_deviation(quarter)], dim=-1)


def _tails(maps: Tensor) -> Tensor:
    """(B, M, 4): of the pixels below the 25th percentile, then of those above the 75th, how much they lie along a line
    and how far they spread."""
    values = sort_values(maps)
    low, high = (percentile(values, share)[..., None, None] for share in TAILS)
    return torch.cat([_places((maps < low).to(maps.dtype)), _places((maps > high).to(maps.dtype))], dim=-1)


def _places(chosen: Tensor) -> Tensor:
    """(B, M, H, W) of 0 and 1 -> (B, M, 2): anisotropy of the covariance of the places of the ones, and the root of its
    trace, in half sides of the image; 0 of less than two places."""
    y, x = (_positions(n, chosen.device) for n in chosen.shape[-2:])
    of_rows, of_columns = chosen.sum(-1).double(), chosen.sum(-2).double()
    along_rows = (chosen * x.to(chosen.dtype)).sum(-1).double()
    n = of_rows.sum(-1).clamp(min=1)
    mean_y, mean_x = (of_rows * y).sum(-1) / n, (of_columns * x).sum(-1) / n
    yy = ((of_rows * y * y).sum(-1) / n - mean_y.square()).clamp(min=0)
    xx = ((of_columns * x * x).sum(-1) / n - mean_x.square()).clamp(min=0)
    yx = (along_rows * y).sum(-1) / n - mean_y * mean_x
    return torch.stack([anisotropy(yy, xx, yx, ONE_POINT), (yy + xx).sqrt()], dim=-1).to(chosen.dtype)


def _positions(n: int, device: torch.device) -> Tensor:
    """(n,) float64 from -1 to 1; of one position 0."""
    return torch.linspace(-1, 1, n, dtype=torch.float64, device=device) if n > 1 else torch.zeros(n, device=device)

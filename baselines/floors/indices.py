"""Spectral indices: the ratios of bands that remote sensing has used for fifty years."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.bands import BandInfo


class Index(NamedTuple):
    """(first - second) / (first + second), each band by any of its common names, the best one first."""

    first: tuple[str, ...]
    second: tuple[str, ...]


_NIR = ("nir", "nir08")
"""A narrow band stands in for the wide one."""
INDICES = {
    "NDVI": Index(_NIR, ("red",)),
    "NDWI": Index(("green",), _NIR),
    "NDBI": Index(("swir16",), _NIR),
    "NBR": Index(_NIR, ("swir22",)),
}
"""Vegetation (Rouse et al. 1974), open water (McFeeters 1996), built-up land (Zha et al. 2003), burnt land (Garcia and
Caselles 1991)."""

LEAST_SUM = 1e-6
"""Part of the two values' size up to which their sum is nothing to divide by."""


def find_indices(bands: Sequence[BandInfo]) -> list[tuple[int, int]]:
    """The channels of both bands of each index that can be formed, in the order of INDICES."""
    pairs = ((_find(index.first, bands), _find(index.second, bands)) for index in INDICES.values())
    return [(first, second) for first, second in pairs if first is not None and second is not None]


def _find(names: Sequence[str], bands: Sequence[BandInfo]) -> int | None:
    known = [band.common_name for band in bands]
    return next((known.index(name) for name in names if name in known), None)


def index_maps(x: Tensor, bands: Sequence[BandInfo]) -> Tensor:
    """(B, C, H, W) values that nobody standardised -> (B, K, H, W), a map for each index that can be formed.

    It is 0 where the sum is not positive: of no data, and of negative reflectance.
    """
    pairs = find_indices(bands)
    first, second = x[:, [first for first, _ in pairs]], x[:, [second for _, second in pairs]]
    total = first + second
    return torch.where(total > LEAST_SUM * (first.abs() + second.abs()), (first - second) / total, 0.0)

"""Prepare pixels for a backbone: size, unit, no data, normalisation, limits, padding."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.bands import BandInfo, Unit
from baselines.units import Curve

EXTRACTION_VERSION = 1
"""Of the preprocessing that all backbones share (this file). Raised when the same pixels would enter a network as other
numbers: stored features are then made anew, and runs are new runs."""


class PixelKind(StrEnum):
    """What stored values mean, where statistics made of other images can only hold if they mean the same."""

    SENTINEL2_L1C = "Sentinel-2 L1C (top of the atmosphere)"
    """Reflectance x 10,000."""
    SENTINEL2_L2A = "Sentinel-2 L2A (surface)"
    """Reflectance x 10,000."""
    PHOTOGRAPH = "8-bit colour"
    """0 to 255."""
    SENTINEL1 = "Sentinel-1 in dB"
    COHERENCE = "interferometric coherence"
    """0 to 1."""

    @property
    def unit(self) -> Unit:
        """The unit that statistics of such pixels are in."""
        return _UNITS[self]


_UNITS = {
    PixelKind.SENTINEL2_L1C: Unit.DN_10000,
    PixelKind.SENTINEL2_L2A: Unit.DN_10000,
    PixelKind.PHOTOGRAPH: Unit.UINT8,
    PixelKind.SENTINEL1: Unit.DECIBEL,
    PixelKind.COHERENCE: Unit.COHERENCE,
}


class Moments(NamedTuple):
    """What the values of one band have in common."""

    mean: float
    std: float
    """Positive."""


IMAGENET = {"red": Moments(0.485, 0.229), "green": Moments(0.456, 0.224), "blue": Moments(0.406, 0.225)}
"""What standardises photographs by custom: of ImageNet's, as values of 0 to 1."""
IMAGENET_8_BIT = {band: Moments(255 * mean, 255 * std) for band, (mean, std) in IMAGENET.items()}
"""The like of values of 0 to 255."""

PretrainingStatistics = Mapping[PixelKind, Mapping[str, Moments]]
"""What standardised a backbone's input while it was trained, in the unit of each kind of pixels, by the band's name."""


class Preparation(NamedTuple):
    """What is done to stored pixels before a network sees them."""

    mean: Tensor
    """(C,) float32 per band, in the unit of the pixels."""
    std: Tensor
    """(C,) float32, positive."""
    size_px: tuple[int, int] | None = None
    """(height, width) images are resampled to; None: they keep their own."""
    curves: tuple[Curve | None, ...] = ()
    """What converts each band's unit before it is standardised, where no factor does: `mean` and `std` are then in the
    new unit. Empty: no band needs one."""
    bands: tuple[BandInfo, ...] = ()
    """What is known of each band; empty: nothing, which will do for a backbone that uses none of it."""

    def to(self, device: torch.device) -> "Preparation":
        return self._replace(mean=self.mean.to(device), std=self.std.to(device))


def prepare(
    pixels: Tensor, preparation: Preparation, limits: tuple[float, float] | None = None, multiple: int = 1
) -> Tensor:
    """Resampled, converted, standardised, clipped, padded: resampled as raw values, where no data can still be told.

    Args:
        limits: the least and the greatest value that enters; None: any.
        multiple: of both sides, in pixels.
    """
    sized = pixels if preparation.size_px is None else resample(pixels, preparation.size_px)
    standardised = standardise(convert(sized, preparation.curves), preparation)
    return pad_to_multiple(standardised if limits is None else standardised.clamp(*limits), multiple)


def convert(pixels: Tensor, curves: tuple[Curve | None, ...]) -> Tensor:
    """(B, C, H, W) float32 with each band's unit converted by its curve; the pixels themselves if there is none."""
    if not any(curves):
        return pixels
    bands = zip(pixels.unbind(1), curves, strict=True)
    return torch.stack([band if curve is None else curve.apply(band) for band, curve in bands], dim=1)


def resample(x: Tensor, size_px: tuple[int, int]) -> Tensor:
    """(B, C, H, W) float32 at another size: bilinear, with the wider filter that prevents aliasing where it shrinks.

    A new pixel is the weighted mean of the old ones in reach that have data; if these have less than half of the
    weight, it has none (NaN).
    """
    known = torch.isfinite(x)
    if bool(known.all()):
        return interpolate(x, size_px)
    weight = interpolate(known.to(x.dtype), size_px)
    mean = interpolate(torch.where(known, x, 0.0), size_px) / weight
    return torch.where(weight >= 0.5, mean, torch.nan)


def interpolate(x: Tensor, size_px: tuple[int, int]) -> Tensor:
    """(B, C, H, W) without missing values at another size; itself if it has that size."""
    if tuple(x.shape[-2:]) == size_px:
        return x
    return F.interpolate(x, size=size_px, mode="bilinear", antialias=True)


def standardise(pixels: Tensor, preparation: Preparation) -> Tensor:
    """(x - mean) / std per band of (B, C, H, W) float32; what is not finite (no data) becomes 0: the mean given."""
    x = (pixels - preparation.mean[:, None, None]) / preparation.std[:, None, None]
    return torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the bottom and right border of (B, C, H, W) until both sides are a multiple.

    Without it a strided encoder would drop the last rows and columns of an image without a word.
    """
    down, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x

"""Prepare pixels for a backbone: no data, normalisation, size."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Normalisation(NamedTuple):
    """Per-band statistics in the unit of the pixels."""

    mean: Tensor
    """(C,) float32."""
    std: Tensor
    """(C,) float32, positive."""

    def to(self, device: torch.device) -> "Normalisation":
        return Normalisation(self.mean.to(device), self.std.to(device))


def standardise(pixels: Tensor, normalisation: Normalisation) -> Tensor:
    """(x - mean) / std per band of (B, C, H, W) float32; what is not finite (no data) becomes 0, the band's mean."""
    x = (pixels - normalisation.mean[:, None, None]) / normalisation.std[:, None, None]
    return torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the bottom and right border of (B, C, H, W) until both sides are a multiple.

    Without it a strided encoder would drop the last rows and columns of an image without a word.
    """
    down, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x

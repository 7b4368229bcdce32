"""Feature maps of pixels as a network gets them: every channel standardised by train. Reading them is what costs."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.errors import UserError
from harness.protocols.masks.hypercolumn import in_single_precision
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.solvers.standardise import Units, units_of

STATISTICS_FROM = 512
"""Images of train that standardise channels, spread evenly, if there are more: each has thousands of pixels."""


def spread(images: np.ndarray, at_most: int) -> np.ndarray:
    """All of (n,) images, or so many of them at even intervals."""
    if len(images) <= at_most:
        return images
    return images[np.linspace(0, len(images) - 1, at_most).round().astype(np.int64)]


class FrozenMaps:
    """The pyramids of one run. Every channel has mean 0 and variance 1 over train, whatever it was measured in."""

    def __init__(self, material: PixelMaterial, images: np.ndarray) -> None:
        """
        Args:
            images: (n,) those of train that give the statistics.
        Raises:
            UserError: one of their features is not finite.
        """
        self._material = material
        first = material.maps("train", int(images[0]))
        self.image_bytes: int = sum(level.nbytes for level in first)
        sums = [np.zeros((2, level.shape[-1])) for level in first]
        cells = [0] * len(sums)
        for image in spread(images, STATISTICS_FROM).tolist():
            for i, level in enumerate(_finite_maps(material, "train", image)):
                flat = level.reshape(-1, level.shape[-1]).astype(np.float64)
                sums[i] += flat.sum(axis=0), (flat**2).sum(axis=0)
                cells[i] += len(flat)
        self._units = [_units_of_moments(total / n) for total, n in zip(sums, cells, strict=True)]
        self.channels: list[int] = [total.shape[1] for total in sums]
        self.n_constant: int = sum(units.n_constant for units in self._units)

    def read(self, split: Split, images: np.ndarray) -> list[np.ndarray]:
        """Per level (B, h_i, w_i, D_i) float16 of images of a split, as stored.

        Raises:
            UserError: a feature is not finite.
        """
        pyramids = [_finite_maps(self._material, split, image) for image in images.tolist()]
        return [np.stack(of_level) for of_level in zip(*pyramids, strict=True)]

    def standardised(self, levels: Sequence[np.ndarray]) -> list[Tensor]:
        """What was read, as a network gets it: per level (B, D_i, h_i, w_i) float32."""
        return [
            torch.from_numpy(units.standardise(in_single_precision(level))).permute(0, 3, 1, 2)
            for level, units in zip(levels, self._units, strict=True)
        ]


def _finite_maps(material: PixelMaterial, split: Split, image: int) -> list[np.ndarray]:
    maps = list(material.maps(split, image))
    if not all(np.isfinite(level).all() for level in maps):
        raise UserError(f"features of image {image} of the {split} split are not finite. Look for broken weights.")
    return maps


def _units_of_moments(moments: np.ndarray) -> Units:
    """Units in float32, as maps are standardised in, from the (2, D) float64 first two moments."""
    mean, square = moments
    units = units_of(mean, np.sqrt(np.maximum(square - mean**2, 0.0)))
    return Units(units.mean.astype(np.float32), units.scale.astype(np.float32))

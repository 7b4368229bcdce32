"""Augmentation: flips and random erasing, drawn for a whole effective batch before any pixel is read.

So what happens to a sample depends on the seed alone, not on how the batch is cut up. Erased pixels become no data,
which the backbone's own input preparation turns into the band's mean.

Zhong et al., Random Erasing Data Augmentation, 2020 (arXiv:1708.04896): 2 % to a third of the area, any shape between
1 : 0.3 and 0.3 : 1.
"""

from dataclasses import dataclass

import numpy as np
import torch

from harness.training.recipe import FineTuneSettings

AREA = (0.02, 1 / 3)
LOG_SHAPE = (np.log(0.3), np.log(1 / 0.3))


@dataclass(frozen=True, eq=False)
class Augmentation:
    """What happens to each of n samples."""

    flipped: np.ndarray
    """(n, 2) bool: up-down, left-right."""
    erased: np.ndarray
    """(n, 4) int64 top, bottom, left, right in pixels; an empty box if nothing is erased."""

    def of(self, rows: np.ndarray) -> "Augmentation":
        return Augmentation(self.flipped[rows], self.erased[rows])

    def apply(self, pixels: np.ndarray, masks: np.ndarray | None) -> None:
        """Change, in place, (n, C, H, W) float32 and, flipped likewise but not erased, (n, H, W)."""
        down, right = self.flipped.T
        for images in (pixels,) if masks is None else (pixels, masks):
            images[down] = images[down][..., ::-1, :]
            images[right] = images[right][..., ::-1]
        for i in np.flatnonzero(self.erased.any(axis=1)):
            top, bottom, left, end = self.erased[i]
            pixels[i, :, top:bottom, left:end] = np.nan


def draw_augmentation(
    n: int, size_px: tuple[int, int], settings: FineTuneSettings, generator: torch.Generator
) -> Augmentation:
    """For n samples of (height, width)."""
    # The same numbers are drawn whatever is switched on, so that settings differ in nothing else.
    draws = torch.rand(n, 7, generator=generator, dtype=torch.float64).numpy()
    flipped = (draws[:, :2] < 0.5) & settings.flips
    area = AREA[0] + draws[:, 3] * (AREA[1] - AREA[0])
    shape = np.exp(LOG_SHAPE[0] + draws[:, 4] * (LOG_SHAPE[1] - LOG_SHAPE[0]))
    extent = np.minimum(np.stack([np.sqrt(area * shape), np.sqrt(area / shape)], axis=1), 1.0) * size_px  # (n, 2)
    start = draws[:, 5:] * (np.asarray(size_px) - extent)
    box = np.stack([start, start + extent], axis=2).round().astype(np.int64).reshape(n, 4)
    box[draws[:, 2] >= settings.erasing] = 0
    return Augmentation(flipped, box)

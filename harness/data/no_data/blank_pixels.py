"""Pixels in which no channel has data: there is nothing to see, so nobody can be asked what is there."""

import numpy as np

from harness.records.labels import IGNORED
from harness.store.arrays import StoredArray

_BLOCK_BYTES = 2**25
"""Of pixels that are in memory at a time, as they are stored."""


def without_blank(labels: np.ndarray, images: StoredArray | np.ndarray) -> np.ndarray:
    """Labels of pixels, (N, H, W), without those where no channel of the image has data: `IGNORED` is there of
    classes, NaN of numbers.

    Args:
        images: (N, C, H, W); NaN or infinite where there are no data.
    """
    kept = labels.copy()
    unlabelled = np.nan if labels.dtype.kind == "f" else IGNORED
    step = max(1, _BLOCK_BYTES // max(1, images[:1].nbytes))
    for start in range(0, len(labels), step):
        block = slice(start, start + step)
        kept[block][is_blank(images[block])] = unlabelled
    return kept


def is_blank(images: np.ndarray) -> np.ndarray:
    """(N, H, W) bool of (N, C, H, W): where no channel has data."""
    return ~np.isfinite(images).any(axis=1)

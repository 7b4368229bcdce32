"""Statistics of a dataset that comes with none: of the pixels that may be learnt from."""

import math
from collections.abc import Iterator

import numpy as np

from harness.data.arrays import ArrayCache
from harness.data.band_statistics import MeanAndStd, Statistics
from harness.data.partitions import Partition

_BLOCK_BYTES = 2**25
"""Of pixels that are in memory at a time, as they are stored."""


def compute_statistics(arrays: ArrayCache, partition: Partition) -> Statistics:
    """Mean and standard deviation of each channel over all pixels of the train split that have data.

    Sums are of each image in double precision and then exact over images, so neither their order nor how many are read
    at a time decides a digit. A channel without any data has NaN, which cannot normalise.
    """
    rows = np.sort(arrays.rows(partition.train))
    sums = [_of_images(block) for block in _blocks(arrays, rows)]
    counts, totals = (np.concatenate([block[part] for block in sums]) for part in (0, 1))  # (n, C) each
    n_pixels = counts.sum(axis=0)
    means = np.array([_fsum(total) for total in totals.T]) / np.where(n_pixels, n_pixels, np.nan)
    squares = np.concatenate([_squares(block, means) for block in _blocks(arrays, rows)])
    found = {
        channel: MeanAndStd(float(mean), math.sqrt(_fsum(of_channel) / n) if n else math.nan)
        for channel, mean, of_channel, n in zip(arrays.bands, means, squares.T, n_pixels, strict=True)
    }
    return Statistics(found, f"{arrays.dataset}, statistics of {partition.name}'s train split")


def _blocks(arrays: ArrayCache, rows: np.ndarray) -> Iterator[np.ndarray]:
    """The pixels (B, C, H, W) float64 of rows, some at a time; NaN where there are no data."""
    image_bytes = max(1, arrays.pixels[0].nbytes)
    step = max(1, _BLOCK_BYTES // image_bytes)
    for start in range(0, len(rows), step):
        pixels = arrays.read(rows[start : start + step], range(len(arrays.bands))).astype(np.float64)
        yield np.where(np.isfinite(pixels), pixels, np.nan)


def _of_images(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B, C) number of pixels that have data, and their sum."""
    return (~np.isnan(pixels)).sum(axis=(2, 3)), np.nansum(pixels, axis=(2, 3))


def _squares(pixels: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(B, C) sum of squared distances from the channel's mean."""
    return np.nansum((pixels - means[:, None, None]) ** 2, axis=(2, 3))


def _fsum(values: np.ndarray) -> float:
    return math.fsum(values.tolist())

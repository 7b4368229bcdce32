"""What is no data in an image, in one place: every source's pixels come through here."""

from collections.abc import Callable, Sequence

import numpy as np

from harness.data.description import Band
from harness.records.measured import is_measured


def mark_no_data(pixels: np.ndarray, bands: Sequence[Band]) -> np.ndarray:
    """(C, H, W) with NaN where a band has the value that it declares for no data, and where nobody can have measured
    what is stored, though it is finite. Infinite values stay: they are no data as they are.

    Integers become floating point where a band declares a value, or where a pixel has to be marked; else the pixels
    themselves are handed back.
    """
    declared = {channel: band.no_data for channel, band in enumerate(bands) if band.no_data is not None}
    absurd = np.isfinite(pixels) & ~is_measured(pixels)
    if not declared and not absurd.any():
        return pixels
    marked = pixels.astype(np.result_type(pixels.dtype, np.float32))
    with np.errstate(over="ignore"):  # a value that the type cannot hold is nowhere
        for channel, value in declared.items():
            marked[channel][pixels[channel] == value] = np.nan
    marked[absurd] = np.nan
    return marked


def resample_data(band: np.ndarray, resample: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A band (H, W) at another size, as `baselines.inputs.resample` has it: a new pixel is the weighted mean of those
    in reach that have data; if these have less than half of the weight, it has none (NaN).

    Args:
        resample: gives an array of numbers its new size, linearly in its values.
    """
    known = np.isfinite(band)
    if known.all():
        return resample(band)
    weight = resample(known.astype(band.dtype))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = resample(np.where(known, band, band.dtype.type(0))) / weight
    return np.where(weight >= 0.5, mean, band.dtype.type(np.nan))

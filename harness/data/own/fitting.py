"""Images and masks of another size than most: cropped or resampled to it."""

from functools import partial

import numpy as np
from PIL import Image

from harness.data.no_data.marking import resample_data
from harness.data.own.settings import Fit


def fit_image(pixels: np.ndarray, size_px: tuple[int, int], fit: Fit) -> np.ndarray:
    """(C, H, W) at (height, width). What a crop lacks is NaN, so integers become floating point."""
    if pixels.shape[1:] == size_px:
        return pixels
    if fit is Fit.RESAMPLE:
        resized = np.stack([resample_data(band.astype(np.float32), partial(_bilinear, size_px)) for band in pixels])
        return (np.rint(resized) if pixels.dtype.kind in "iu" else resized).astype(pixels.dtype)
    return np.stack([_middle(band, size_px, np.nan) for band in pixels])


def _bilinear(size_px: tuple[int, int], values: np.ndarray) -> np.ndarray:
    return _resized(values, size_px, Image.Resampling.BILINEAR)


def fit_mask(mask: np.ndarray, size_px: tuple[int, int], fit: Fit, unlabelled: float) -> np.ndarray:
    """(H, W) at (height, width). What a crop lacks is `unlabelled`."""
    if mask.shape == size_px:
        return mask
    if fit is Fit.RESAMPLE:
        return _resized(mask.astype(np.float32), size_px, Image.Resampling.NEAREST).astype(mask.dtype)
    return _middle(mask, size_px, unlabelled)


def _resized(values: np.ndarray, size_px: tuple[int, int], how: Image.Resampling) -> np.ndarray:
    height, width = size_px
    return np.asarray(Image.fromarray(values).resize((width, height), how))


def _middle(values: np.ndarray, size_px: tuple[int, int], border: float) -> np.ndarray:
    """Rows and columns of the middle; beyond the image the border's value."""
    for axis, wanted in enumerate(size_px):
        more = wanted - values.shape[axis]
        before = abs(more) // 2
        if more > 0:
            around = [(0, 0), (0, 0)]
            around[axis] = (before, more - before)
            kept_type = values.dtype if float(border).is_integer() else np.result_type(values.dtype, np.float32)
            values = np.pad(values.astype(kept_type), around, constant_values=border)
        else:
            values = np.take(values, range(before, before + wanted), axis=axis)
    return values

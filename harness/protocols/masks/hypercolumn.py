"""The hypercolumn of a pixel: all levels of a feature pyramid at its place, bilinearly resampled and concatenated.

Hariharan et al., Hypercolumns for Object Segmentation and Fine-grained Localization, CVPR 2015. Cell c of a map with
stride s covers pixels c * s to (c + 1) * s - 1, so pixel p lies at (p + 1/2) / s - 1/2 in cells, the convention of
`align_corners=False`; beyond the outermost cell centres the border repeats.

Resampling is linear, so a linear map of hypercolumns is the sum of its parts at the levels' own resolutions, each
resampled afterwards: prediction never builds hypercolumns of whole images.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

AT_ONCE_BYTES = 2**19
"""Of a map in single precision: about half of a core's cache."""


def hypercolumns(
    maps: Sequence[np.ndarray],
    strides: Sequence[int],
    y: np.ndarray,
    x: np.ndarray,
    zoom: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """Features of single pixels.

    Args:
        maps: per level (h_i, w_i, D_i), of one image.
        y, x: (p,) int64 rows and columns of pixels of the mask.
        zoom: (down, across) pixels that a cell's stride counts per pixel of the mask.
    Returns:
        (p, sum D_i) float32.
    """
    columns = []
    for level, stride in zip(maps, strides, strict=True):
        top, bottom, down = _neighbours(y, stride / zoom[0], level.shape[0])
        left, right, across = _neighbours(x, stride / zoom[1], level.shape[1])
        column = ((1 - down) * (1 - across))[:, None] * level[top, left].astype(np.float32)
        if down.any() or across.any():  # else each pixel has its own cell
            column += ((1 - down) * across)[:, None] * level[top, right].astype(np.float32)
            column += (down * (1 - across))[:, None] * level[bottom, left].astype(np.float32)
            column += (down * across)[:, None] * level[bottom, right].astype(np.float32)
        columns.append(column)
    return np.hstack(columns)


def pixel_logits(
    maps: Sequence[np.ndarray],
    strides: Sequence[int],
    coefficients: Sequence[np.ndarray],
    intercepts: np.ndarray,
    size_px: tuple[int, int],
    zoom: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """A linear map of every pixel's hypercolumn, level by level.

    Args:
        maps: per level (h_i, w_i, D_i), of one image.
        coefficients: per level (K, D_i) float32.
        intercepts: (K,) float32.
        size_px: (H, W) of the mask.
        zoom: as for `hypercolumns`.
    Returns:
        (K, H, W) float32.
    """
    cells = [_logits_of_cells(level, weights) for level, weights in zip(maps, coefficients, strict=True)]
    cells[-1] += intercepts[:, None, None]  # where they are fewest; resampling leaves a constant as it is
    levels = (
        _resample(torch.from_numpy(of_level)[None], (stride / zoom[0], stride / zoom[1]), size_px)
        for of_level, stride in zip(cells, strides, strict=True)
    )
    total = next(levels)
    for level in levels:
        total += level
    return total[0].numpy()


def likeliest(logits: np.ndarray) -> np.ndarray:
    """(K, ...) values, K up to 256, all finite -> (...) uint8 place of the largest, the first of equals.

    Class by class: NumPy's `argmax` along an axis that is not the last takes ten times as long.
    """
    largest, place = logits[0], np.zeros(logits.shape[1:], np.uint8)
    for k, of_class in enumerate(logits[1:], start=1):
        place = np.maximum(place, (of_class > largest) * np.uint8(k))
        largest = np.maximum(largest, of_class)
    return place


def in_single_precision(level: np.ndarray) -> np.ndarray:
    """A map as float32, the caller's own, by PyTorch: NumPy takes seven times as long to widen half precision."""
    return torch.from_numpy(level.copy()).float().numpy()  # of a copy, as stored maps are read-only


def _logits_of_cells(level: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(h, w, D) float16 or float32 and (K, D) -> (K, h, w) float32, as many cells at a time as the processor's cache
    holds in single precision."""
    cells = level.reshape(-1, level.shape[-1])
    at_once = max(1, AT_ONCE_BYTES // (4 * level.shape[-1]))
    logits = np.empty((len(weights), len(cells)), np.float32)
    for start in range(0, len(cells), at_once):
        part = in_single_precision(cells[start : start + at_once])
        logits[:, start : start + at_once] = (part @ weights.T).T
    return logits.reshape(-1, *level.shape[:2])


def _neighbours(pixels: np.ndarray, stride: float, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Along one axis: the two cells around each of (p,) pixels, and the float32 weight of the second."""
    at = np.clip((pixels + 0.5) / stride - 0.5, 0, cells - 1)
    first = np.floor(at).astype(np.int64)
    return first, np.minimum(first + 1, cells - 1), (at - first).astype(np.float32)


def _resample(level: Tensor, stride: tuple[float, float], size_px: tuple[int, int]) -> Tensor:
    """(1, K, h, w) cells -> (1, K, H, W) pixels: padding is cut off, a border no cell covers repeats the last one."""
    if stride == (1, 1) and level.shape[2:] == size_px:
        return level
    # Of the operator itself a size may be asked for that is not the stride times the cells.
    return torch.ops.aten.upsample_bilinear2d.default(level, size_px, False, *stride)

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
    total = torch.from_numpy(np.repeat(intercepts, size_px[0] * size_px[1]).reshape(1, -1, *size_px))
    for level, stride, weights in zip(maps, strides, coefficients, strict=True):
        height, width, channels = level.shape
        product = in_single_precision(level.reshape(-1, channels)) @ weights.T  # (h * w, K)
        cells = torch.from_numpy(np.ascontiguousarray(product.T)).reshape(1, -1, height, width)
        total += _resample(cells, (stride / zoom[0], stride / zoom[1]), size_px)
    return total[0].numpy()


def in_single_precision(level: np.ndarray) -> np.ndarray:
    """A map as float32, by PyTorch: NumPy takes seven times as long to widen half precision."""
    return torch.from_dlpack(level).float().numpy()


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

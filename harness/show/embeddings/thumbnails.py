"""Small pictures of images, as somebody would look at them, in one sheet."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from matplotlib.image import imsave

from harness.data.arrays import ArrayCache
from harness.data.band_matching import common_name
from harness.data.description import PICTURE, Band
from harness.records.progress import Progress

_COLOURS = ("red", "green", "blue")
_RADAR = ("VV", "VH")
_PERCENTILES = (2, 98)
_MOST_STRETCH = 10
_SAMPLED_SIDE = 16
"""Pixels a line whose percentiles stand for those of a whole picture."""
_SIDES = (64, 48, 32, 16)
"""Pixels; whole blocks of a JPEG, so that no picture runs into its neighbour."""
_MOST_PIXELS = 8_200_000
"""Of a sheet: 2,000 pictures of 64 px."""
_MOST_BYTES = 3_000_000
_QUALITIES = (85, 70, 50, 30, 15)
_BATCH = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class Sheet:
    """Pictures of n images in rows from the top left."""

    jpeg: bytes
    side: int
    """Pixels of one picture."""
    columns: int
    shown: str
    """Which bands are red, green and blue."""


def draw_sheet(arrays: ArrayCache, bands: Sequence[Band], rows: np.ndarray, progress: Progress) -> Sheet:
    """The pictures of some images.

    Args:
        bands: what the channels of the arrays are.
        rows: (n,) int64 of the arrays.
    """
    side = next((side for side in _SIDES if len(rows) * side**2 <= _MOST_PIXELS), _SIDES[-1])
    channels, shown = choose_channels(bands)
    with progress.step("drawing thumbnails", len(rows)) as step:
        small = []
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            small.append(shrink(arrays.read(batch, channels).astype(np.float32), side))
            step.advance(len(batch))
    columns = int(np.ceil(np.sqrt(len(rows))))
    pictures = stretch(np.concatenate(small))
    return Sheet(jpeg=_encode(_tile(pictures, columns)), side=side, columns=columns, shown=shown)


def choose_channels(bands: Sequence[Band]) -> tuple[tuple[int, int, int], str]:
    """Channels for red, green and blue, and what they are: the colours, else radar, else the first band in grey."""
    pictured = [i for i, band in enumerate(bands) if band.kind == PICTURE]
    by_light = {common_name(band): i for i, band in reversed(list(enumerate(bands)))}
    if all(colour in by_light for colour in _COLOURS):
        red, green, blue = (by_light[colour] for colour in _COLOURS)
        return (red, green, blue), "red, green, blue"
    if len(pictured) >= 3:
        return (pictured[0], pictured[1], pictured[2]), "the stored picture"
    by_end = {band.name.rpartition(" ")[2].upper(): i for i, band in reversed(list(enumerate(bands)))}
    if all(polarisation in by_end for polarisation in _RADAR):
        vv, vh = (by_end[polarisation] for polarisation in _RADAR)
        return (vv, vh, vv), "VV, VH, VV"
    return (0, 0, 0), bands[0].name


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """(B, side, side, 3) float32 of (B, 3, H, W): means of areas where an image is larger, else the nearest pixel."""
    height, width = pixels.shape[2:]
    factor = max(1, min(height, width) // side)
    i, j = (np.arange(side) * (size // factor) // side for size in (height, width))
    if factor == 1:
        return pixels[:, :, i[:, None], j].transpose(0, 2, 3, 1)
    cut = pixels[:, :, : height // factor * factor, : width // factor * factor]
    blocks = cut.reshape(*cut.shape[:2], height // factor, factor, width // factor, factor)
    known = np.isfinite(blocks)
    count = known.sum(axis=(3, 5))
    total = np.where(known, blocks, 0).sum(axis=(3, 5), dtype=np.float64)
    means = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return means[:, :, i[:, None], j].transpose(0, 2, 3, 1).astype(np.float32)


def stretch(pictures: np.ndarray) -> np.ndarray:
    """(n, s, s, 3) uint8: each picture from its own 2nd to its 98th percentile, all colours alike; NaN is black.

    Channels get one scale first, that of all pictures together. A picture that is nearly the same all over is stretched
    `_MOST_STRETCH` times at most, so that it stays so.
    """
    step = max(1, pictures.shape[1] // _SAMPLED_SIDE)
    known = np.where(np.isfinite(pictures), pictures, np.float32(np.nan))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of pictures and channels without any data
        low, high = np.nanpercentile(known[:, ::step, ::step], _PERCENTILES, axis=(0, 1, 2)).astype(np.float32)  # (3,)
        units = (known - low) / np.where(high > low, high - low, np.float32(1))
        of_each = np.nanpercentile(units[:, ::step, ::step], _PERCENTILES, axis=(1, 2, 3), keepdims=True)
    low, high = of_each.astype(np.float32)  # (n, 1, 1, 1)
    shown = (units - (low + high) / 2) / np.maximum(high - low, 1 / _MOST_STRETCH) + 0.5
    return np.nan_to_num(255 * np.clip(shown, 0, 1)).round().astype(np.uint8)


def _tile(pictures: np.ndarray, columns: int) -> np.ndarray:
    n, side = pictures.shape[:2]
    lines = -(-n // columns)
    sheet = np.zeros((lines * columns, side, side, 3), np.uint8)
    sheet[:n] = pictures
    return sheet.reshape(lines, columns, side, side, 3).swapaxes(1, 2).reshape(lines * side, columns * side, 3)


def _encode(sheet: np.ndarray) -> bytes:
    """A JPEG of the best quality that is small enough to be mailed."""
    encoded = b""
    for quality in _QUALITIES:
        buffer = BytesIO()
        imsave(buffer, sheet, format="jpeg", pil_kwargs={"quality": quality})
        encoded = buffer.getvalue()
        if len(encoded) <= _MOST_BYTES:
            break
    return encoded

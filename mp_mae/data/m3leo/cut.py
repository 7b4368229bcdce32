"""A chip's tiles: cells of a grid at 10 m, or the whole chip averaged to coarser pixels; and where each tile lies."""

import hashlib

import numpy as np

from mp_mae.data.m3leo.choices import CHIP_PX, Choices
from mp_mae.data.m3leo.layout import Box


def draw_cells(chip: str, choices: Choices) -> np.ndarray:
    """Rows and columns (n, 2) int64 of the grid cells of a chip, sorted. They follow from seed and name alone.

    For whole chips the grid has a single cell.
    """
    per_side = _cells_per_side(choices)
    chosen = np.arange(per_side**2)
    if choices.cut == "tiles" and choices.tiles_per_chip is not None:
        seed = int.from_bytes(hashlib.sha256(f"{choices.seed} {chip}".encode()).digest()[:8], "little")
        chosen = np.sort(np.random.default_rng(seed).permutation(chosen)[: choices.tiles_per_chip])
    return np.stack([chosen // per_side, chosen % per_side], axis=1)


def count_cells(choices: Choices) -> int:
    """Tiles that every chip gives."""
    return (
        _cells_per_side(choices) ** 2
        if choices.tiles_per_chip is None or choices.cut == "whole"
        else choices.tiles_per_chip
    )


def cut_tiles(chip: np.ndarray, cells: np.ndarray, choices: Choices, *, is_class: bool) -> np.ndarray:
    """Tiles (n, C, S, S) of a chip (C, 448, 448) float32, NaN = missing.

    A pixel of a whole chip is the mean of those below it that are known; of classes the most frequent, of several the
    smallest.
    """
    if choices.cut == "tiles":
        side = choices.side
        return np.stack([chip[:, y * side : (y + 1) * side, x * side : (x + 1) * side] for y, x in cells.tolist()])
    factor = CHIP_PX // choices.side
    blocks = chip.reshape(len(chip), choices.side, factor, choices.side, factor).swapaxes(2, 3)
    blocks = blocks.reshape(*blocks.shape[:3], factor**2)  # (C, S, S, pixels of a block)
    return (_most_frequent(blocks) if is_class else _mean(blocks))[None]


def cell_centres(box: Box, cells: np.ndarray, choices: Choices) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude (n,) float64, in degrees, of the centres of cells.

    Straight lines in the box around the chip. Its edges are those of a map grid, turned against the meridians by up to
    a few degrees, so a centre is good to a few hundred metres.
    """
    side = choices.side if choices.cut == "tiles" else CHIP_PX
    down, right = ((cells + 0.5) * side / CHIP_PX).T
    return box.north + down * (box.south - box.north), box.west + right * (box.east - box.west)


def _cells_per_side(choices: Choices) -> int:
    return CHIP_PX // choices.side if choices.cut == "tiles" else 1


def _mean(blocks: np.ndarray) -> np.ndarray:
    known = np.isfinite(blocks)
    count = known.sum(axis=-1)
    total = np.where(known, blocks, 0).sum(axis=-1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _most_frequent(blocks: np.ndarray) -> np.ndarray:
    codes = np.unique(blocks[np.isfinite(blocks)])
    if not len(codes):
        return np.full(blocks.shape[:-1], np.nan, np.float32)
    counts = np.stack([(blocks == code).sum(axis=-1) for code in codes])
    return np.where(counts.any(axis=0), codes[counts.argmax(axis=0)], np.nan).astype(np.float32)

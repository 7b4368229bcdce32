"""Which part of each tile is cut out, and turned how: shared by all pixel modalities of the tile."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mp_mae.data.order import CROP_STREAM, random_bits
from mp_mae.errors import UserError

DEFAULT_CROPS = {64: 56, 128: 112}
"""Side of the crop by side of the tile, both in pixels (MMEarth's geometry: 8 and 16 px patches)."""

ORIENTATIONS = 8
"""The ways a square can lie. The bits of an orientation: 1 flips the rows, 2 flips the columns, 4 then transposes."""


@dataclass(frozen=True, eq=False)
class Crops:
    """One crop of each of B tiles: its first row and column, and its orientation, (B,) int64."""

    top: np.ndarray
    left: np.ndarray
    orientation: np.ndarray

    def __getitem__(self, tiles: np.ndarray) -> "Crops":
        return Crops(self.top[tiles], self.left[tiles], self.orientation[tiles])


def crop_side(side: int, crop: int | None) -> int:
    """The crop's side in pixels: as asked for, or what belongs to the tile's side.

    Raises:
        UserError: the crop does not fit, or none was asked for and the tiles have an unusual side.
    """
    if crop is None:
        if side not in DEFAULT_CROPS:
            usual = ", ".join(f"{whole} -> {part}" for whole, part in DEFAULT_CROPS.items())
            raise UserError(f"The tiles are {side} px; crops are known for {usual}. Pass the crop's side in pixels.")
        return DEFAULT_CROPS[side]
    if not 1 <= crop <= side:
        raise UserError(f"A crop of {crop} px does not fit tiles of {side} px. Choose 1 to {side}.")
    return crop


def centre_crops(n: int, side: int, crop: int) -> Crops:
    """Crops of the middle, upright: for evaluation."""
    start = np.full(n, (side - crop) // 2)
    return Crops(start, start, np.zeros(n, np.int64))


def random_crops(n_tiles: int, side: int, crop: int, *, seed: int, epoch: int, turn: bool, draw: int = 0) -> Crops:
    """A crop for each row 0 .. n_tiles - 1 of the file. A row's crop depends on seed, epoch, draw and row alone.

    Places are uniform over all there are; with `turn`, orientations are uniform over all eight, else upright.

    Args:
        draw: number of the crop among those of one tile; crops of different numbers are independent.
    """
    bits = random_bits(n_tiles, seed, epoch, CROP_STREAM + 2 * draw)  # odd streams; even ones are other things
    places = np.uint64(side - crop + 1)
    top, left = ((bits >> np.uint64(shift) & np.uint64(0xFFFF)) * places >> np.uint64(16) for shift in (0, 16))
    orientation = bits >> np.uint64(32) & np.uint64(ORIENTATIONS - 1 if turn else 0)
    return Crops(top.astype(np.int64), left.astype(np.int64), orientation.astype(np.int64))


def join_crops(parts: Sequence[Crops]) -> Crops:
    """The crops of several batches in one, in their order."""
    return Crops(
        np.concatenate([part.top for part in parts]),
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.orientation for part in parts]),
    )

"""What an import of own images is asked for: everything that decides the bytes it writes."""

from dataclasses import dataclass
from math import isfinite

from mp_mae.data.own.bands import Channels
from mp_mae.errors import UserError

SMALLEST_SIDE, LARGEST_SIDE = 16, 512


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Settings of an import. Raises UserError for one that cannot be."""

    side: int
    """Height and width of a tile in pixels."""
    channels: Channels | None
    """What the channels of every file are; None: as each file says."""
    no_data: float | None
    """Value of pixels that have none, beside what the files themselves say."""
    held_out: float
    """Share of the images that is for validation."""

    def __post_init__(self) -> None:
        if not SMALLEST_SIDE <= self.side <= LARGEST_SIDE:
            raise UserError(f"--side {self.side}: wanted {SMALLEST_SIDE} to {LARGEST_SIDE} pixels.")
        if not 0 <= self.held_out < 1:
            raise UserError(f"--held-out {self.held_out}: wanted a share from 0 to below 1, for example 0.05.")
        if self.no_data is not None and not isfinite(self.no_data):
            raise UserError(f"--no-data {self.no_data}: wanted a number. NaN and infinity are no data anyway.")

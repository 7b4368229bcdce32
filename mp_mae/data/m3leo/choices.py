"""What an import of M3LEO is asked for: everything that decides the bytes it writes."""

from dataclasses import dataclass

from mp_mae.errors import UserError

CHIP_PX = 448
"""Side of a chip in pixels of 10 m."""

SEASONS = ("winter", "spring", "summer", "fall")
"""In the order of the bands of s1grd."""

CUTS = ("tiles", "whole")
"""A chip is cut into a grid of tiles at 10 m, or averaged to a single tile of coarser pixels."""

DAMAGED = ("stop", "skip")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Settings of an import. Raises UserError for one that cannot be."""

    season: str
    """Of radar and coherence: one of SEASONS."""
    month: int
    """Of the optical image, 1 to 12."""
    side: int
    """Height and width of a tile in pixels."""
    cut: str
    """One of CUTS."""
    tiles_per_chip: int | None
    """Cells of the grid drawn from each chip; None: all of them."""
    seed: int
    """Of that draw."""
    rgb_white: int
    """Stored value of Sentinel-2 that the byte 255 becomes; 255 leaves the bytes as they are."""
    coherence_scale: float
    """Stored value that means a coherence of 1."""
    gssic_seasons: tuple[str, ...] | None
    """Order of the seasons in files of gssic that do not name them."""
    without: tuple[str, ...]
    """Modalities that are left out, by their name in MMEarth."""
    damaged: str
    """One of DAMAGED: whether a file that cannot be used ends the import, or its modality is missing in its chip."""

    def __post_init__(self) -> None:
        _check("season", self.season, self.season in SEASONS, f"one of {', '.join(SEASONS)}")
        _check("month", self.month, 1 <= self.month <= 12, "a number from 1 to 12")
        _check("side", self.side, 8 <= self.side <= CHIP_PX, f"8 to {CHIP_PX} pixels")
        _check("cut", self.cut, self.cut in CUTS, f"one of {', '.join(CUTS)}")
        _check("damaged", self.damaged, self.damaged in DAMAGED, f"one of {', '.join(DAMAGED)}")
        _check("rgb-white", self.rgb_white, 255 <= self.rgb_white <= 65535, "255 to 65535")
        _check("coherence-scale", self.coherence_scale, 0 < self.coherence_scale < float("inf"), "a positive number")
        if self.gssic_seasons is not None:
            given = ",".join(self.gssic_seasons)
            _check("gssic-seasons", given, sorted(self.gssic_seasons) == sorted(SEASONS), "each of the four seasons")
        if self.cut == "whole":
            _check("side", self.side, CHIP_PX % self.side == 0, f"a divisor of {CHIP_PX} for --cut whole")
        elif self.tiles_per_chip is not None:
            cells = (CHIP_PX // self.side) ** 2
            possible = f"1 to {cells} for tiles of {self.side} pixels"
            _check("tiles-per-chip", self.tiles_per_chip, 1 <= self.tiles_per_chip <= cells, possible)


def _check(option: str, found: object, fits: bool, wanted: str) -> None:
    if not fits:
        raise UserError(f"--{option} {found}: wanted {wanted}.")

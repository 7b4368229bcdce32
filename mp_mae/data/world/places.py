"""Places and days of tiles: drawn by number, and never from the same region for two purposes.

The globe between 56 S and 74 N is cut into blocks of two degrees and every block belongs to one purpose. Places are
uniform over blocks, and so denser towards the poles: MMEarth too samples the world's ecoregions evenly and not its area
(Nedungadi et al., 2024, section 3). All places are on land: the simulated world has no sea.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from mp_mae.data.world.hashing import mix, uniform, word
from mp_mae.data.world.sky.sun import sun_position

Purpose = Literal["pretrain", "train", "valid", "test"]
"""Pretraining, or a split of the tasks on which pretrained models are compared."""

SHARES: dict[Purpose, float] = {"pretrain": 0.6, "train": 0.2, "valid": 0.1, "test": 0.1}
"""Share of the blocks that belong to each purpose."""

BLOCK_DEGREES = 2.0
SOUTH, NORTH, WEST = -56.0, 74.0, -180.0
MARGIN_DEGREES = 0.1
"""Edge of a block that stays empty, in degrees of a great circle: places of two blocks are at least 22 km apart."""

FIRST_DAY, N_DAYS = np.datetime64("2017-01-01"), 1461
"""2017 to 2020, the years of MMEarth."""

LOWEST_SUN_DEGREES = 12.0
"""Sentinel-2 takes no useful image of a place with less."""

DAY_TRIALS = 64
"""Days of which the first with enough sun is taken. At 74 N four in ten have, so one is always among them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Places and days of n tiles. A tile is a function of the world's seed, its place and its key alone."""

    latitude: np.ndarray
    """(n,) float64 degrees north."""
    longitude: np.ndarray
    """(n,) float64 degrees east, -180 to 180."""
    day: np.ndarray
    """(n,) datetime64[D]."""
    key: np.ndarray
    """(n,) uint64: the randomness of each tile."""

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, rows: slice | np.ndarray) -> "Places":
        return Places(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @staticmethod
    def concatenate(parts: Sequence["Places"]) -> "Places":
        names = [field.name for field in fields(Places)]
        return Places(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True, kw_only=True)
class Box:
    """A part of the globe in whole blocks, from row and column on, counted from 56 S and 180 W."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def south(self) -> float:
        return SOUTH + BLOCK_DEGREES * self.row

    @property
    def north(self) -> float:
        return self.south + BLOCK_DEGREES * self.rows

    @property
    def west(self) -> float:
        return WEST + BLOCK_DEGREES * self.column

    @property
    def east(self) -> float:
        return self.west + BLOCK_DEGREES * self.columns


GLOBE = Box(row=0, column=0, rows=round((NORTH - SOUTH) / BLOCK_DEGREES), columns=round(360 / BLOCK_DEGREES))


def draw_places(seed: int, purpose: Purpose, indices: np.ndarray, stream: str = "", *, inside: Box = GLOBE) -> Places:
    """The places number `indices` (n,) of a purpose; each is the same whatever it is drawn with.

    `stream` tells apart those who draw for one purpose, such as tasks: other places, in the same blocks.
    """
    rows, columns = _blocks(seed, purpose, inside)
    key = mix(word("place"), seed, word(purpose), word(stream), np.asarray(indices, np.int64))
    block = (mix(key, 1) % np.uint64(len(rows))).astype(np.int64)
    latitude, longitude = _inside(rows[block], columns[block], uniform(mix(key, 2)), uniform(mix(key, 3)))
    return Places(latitude=latitude, longitude=longitude, day=_sunny_day(key, latitude), key=key)


def block_purpose(seed: int, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """(n,) int64: which purpose, counted in the order of SHARES, owns the block that is `row` from 56 S and `column`
    from 180 W."""
    edges = np.cumsum(list(SHARES.values()))[:-1]
    return np.searchsorted(edges, uniform(mix(word("block"), seed, row, column)), side="right")


def _blocks(seed: int, purpose: Purpose, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every block of the box that the purpose owns."""
    row, column = (index.reshape(-1) for index in np.indices((box.rows, box.columns)))
    row, column = row + box.row, column + box.column
    own = block_purpose(seed, row, column) == get_args(Purpose).index(purpose)
    return row[own], column[own]


def _inside(
    row: np.ndarray, column: np.ndarray, northing: np.ndarray, easting: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude within blocks, clear of the margin; northing and easting in [0, 1)."""
    south = SOUTH + BLOCK_DEGREES * row
    west = WEST + BLOCK_DEGREES * column
    poleward = np.maximum(np.abs(south), np.abs(south + BLOCK_DEGREES))  # where a degree of longitude is shortest
    margin_east = MARGIN_DEGREES / np.cos(np.radians(poleward))
    latitude = south + MARGIN_DEGREES + northing * (BLOCK_DEGREES - 2 * MARGIN_DEGREES)
    longitude = west + margin_east + easting * (BLOCK_DEGREES - 2 * margin_east)
    return latitude, longitude


def _sunny_day(key: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """(n,) datetime64[D]: for each place the first of the days drawn on which the sun is high enough."""
    trials = mix(key[:, None], 4, np.arange(DAY_TRIALS)) % np.uint64(N_DAYS)
    days = FIRST_DAY + trials.astype(np.int64).astype("timedelta64[D]")  # (n, trials)
    high_enough = np.degrees(sun_position(latitude[:, None], days).elevation) >= LOWEST_SUN_DEGREES
    return days[np.arange(len(key)), high_enough.argmax(axis=1)]

"""Areas of interest: five parts of the globe of different character, which any seed has somewhere.

An area is the box of blocks whose covers, as its climate and people let expect them, come nearest to those wanted.
Blocks keep their purposes, so places of an area for training and for testing are as far apart as any.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from mp_mae.data.world.land.cover import expected_cover
from mp_mae.data.world.places import (
    BLOCK_DEGREES,
    FIRST_DAY,
    GLOBE,
    SHARES,
    SOUTH,
    WEST,
    Box,
    Places,
    Purpose,
    block_purpose,
    draw_places,
)
from mp_mae.data.world.sky.climate import build_climate, draw_regions
from mp_mae.data.world.tiles import COVERS

ROWS, COLUMNS = 8, 10
"""Blocks of an area: 16 degrees of latitude by 20 of longitude."""

FEWEST_BLOCKS = 4
"""Of each purpose in an area."""


@dataclass(frozen=True, kw_only=True)
class Area:
    """What is looked for on the globe."""

    title: str
    covers: dict[str, float]
    """Wanted shares by name of COVERS, relative to each other."""


AREAS: dict[str, Area] = {
    "boreal": Area(
        title="needleleaf forest, bogs and lakes of the north or of the far south",
        covers={
            "needleleaf forest": 50, "wetland": 10, "grassland": 10, "cropland": 10, "water": 6, "built-up": 5,
            "moss and lichen": 5,
        },
    ),
    "tropics": Area(
        title="evergreen forest with clearings, fields and rivers",
        covers={
            "evergreen broadleaf forest": 40, "deciduous broadleaf forest": 15, "cropland": 15, "grassland": 8,
            "built-up": 7, "water": 5, "wetland": 5,
        },
    ),
    "steppe": Area(
        title="bare ground, shrubs and dry grass, with fields where there is water",
        covers={"bare ground": 35, "shrubland": 20, "grassland": 20, "cropland": 10, "built-up": 8, "water": 2},
    ),
    "settled": Area(
        title="towns among fields",
        covers={"built-up": 45, "cropland": 20, "grassland": 12, "shrubland": 8, "water": 8, "wetland": 4},
    ),
    "farmland": Area(
        title="fields, meadows and deciduous woods",
        covers={"cropland": 50, "deciduous broadleaf forest": 15, "grassland": 15, "built-up": 10, "water": 5},
    ),
}  # fmt: skip
"""In the order in which they are looked for: each keeps off those before it."""


def area_places(seed: int, area: str, purpose: Purpose, indices: np.ndarray) -> Places:
    """The places number `indices` (n,) of a purpose in an area of AREAS; each is the same whatever it is drawn with."""
    return draw_places(seed, purpose, indices, f"area {area}", inside=area_boxes(seed)[area])


@cache
def area_boxes(seed: int) -> dict[str, Box]:
    """Where each area of AREAS is on the globe of a seed.

    The box with the largest Bhattacharyya coefficient of wanted and expected covers (Bhattacharyya, 1943), among those
    in which each purpose has enough blocks and which touch no area before.
    """
    expected, free = _candidates(seed)
    boxes = {}
    for name, area in AREAS.items():
        wanted = np.array([area.covers.get(cover, 0) for cover in COVERS], float)
        nearness = np.tensordot(np.sqrt(wanted / wanted.sum()), np.sqrt(expected), axes=1)
        row, column = np.unravel_index(np.where(free, nearness, -1).argmax(), free.shape)
        boxes[name] = Box(row=int(row), column=int(column), rows=ROWS, columns=COLUMNS)
        free[max(row - ROWS + 1, 0) : row + ROWS, max(column - COLUMNS + 1, 0) : column + COLUMNS] = False
    return boxes


def _candidates(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected cover (covers, r, c) of the box that starts at each block, and whether each purpose has room (r, c)."""
    row, column = (index.reshape(-1) for index in np.indices((GLOBE.rows, GLOBE.columns)))
    n = len(row)
    middles = Places(
        latitude=SOUTH + BLOCK_DEGREES * (row + 0.5),
        longitude=WEST + BLOCK_DEGREES * (column + 0.5),
        day=np.full(n, FIRST_DAY),
        key=np.zeros(n, np.uint64),
    )
    regions = draw_regions(seed, middles)
    expected = expected_cover(build_climate(regions, middles), regions)
    purpose = block_purpose(seed, row, column)
    owned = np.stack([purpose == number for number in range(len(SHARES))])
    has_room = np.all(_means(owned) * (ROWS * COLUMNS) > FEWEST_BLOCKS - 0.5, axis=0)
    return _means(expected), has_room


def _means(of_blocks: np.ndarray) -> np.ndarray:
    """Values (k, blocks) of every block -> (k, r, c): their means over the box that starts at a block."""
    table = of_blocks.reshape(-1, GLOBE.rows, GLOBE.columns)
    return np.lib.stride_tricks.sliding_window_view(table, (ROWS, COLUMNS), axis=(1, 2)).mean(axis=(-2, -1))

"""Areas of interest are parts of the globe, differ in character on any seed, and keep purposes apart."""

from typing import get_args

import numpy as np
import pytest

from mp_mae.data.world.areas import AREAS, COLUMNS, FEWEST_BLOCKS, ROWS, area_boxes, area_places
from mp_mae.data.world.places import GLOBE, Places, Purpose, block_purpose, draw_places
from mp_mae.data.world.simulate import simulate
from mp_mae.data.world.tiles import COVERS, Tiles

SEEDS = (0, 1, 2)
PURPOSES = get_args(Purpose)


@pytest.fixture(scope="module")
def tiles() -> dict[str, Tiles]:
    return {area: simulate(0, area_places(0, area, "train", np.arange(120)), 16) for area in AREAS}


def share(tiles: Tiles, *covers: str) -> float:
    return float(np.isin(tiles.cover, [COVERS.index(name) for name in covers]).mean())


@pytest.mark.parametrize("area", AREAS)
def test_wanted_covers_are_covers(area):
    assert set(AREAS[area].covers) <= set(COVERS)
    assert min(AREAS[area].covers.values()) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_areas_are_whole_on_the_globe_and_do_not_touch(seed):
    owner = np.zeros((GLOBE.rows, GLOBE.columns), int)
    for box in area_boxes(seed).values():
        assert (box.rows, box.columns) == (ROWS, COLUMNS)
        owner[box.row : box.row + ROWS, box.column : box.column + COLUMNS] += 1
    assert owner.sum() == len(AREAS) * ROWS * COLUMNS
    assert owner.max() == 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("area", AREAS)
def test_places_lie_in_their_area_and_in_blocks_of_their_purpose(seed, area):
    box = area_boxes(seed)[area]
    for number, purpose in enumerate(PURPOSES):
        places = area_places(seed, area, purpose, np.arange(300))
        assert places.latitude.min() > box.south
        assert places.latitude.max() < box.north
        assert places.longitude.min() > box.west
        assert places.longitude.max() < box.east
        row, column = ((places.latitude + 56) // 2).astype(int), ((places.longitude + 180) // 2).astype(int)
        assert (block_purpose(seed, row, column) == number).all()
        assert len(set(zip(row.tolist(), column.tolist(), strict=True))) >= FEWEST_BLOCKS


def test_a_box_knows_its_degrees():
    assert (GLOBE.south, GLOBE.north, GLOBE.west, GLOBE.east) == (-56, 74, -180, 180)


def test_a_place_of_an_area_is_the_same_whatever_it_is_drawn_with():
    many, few = area_places(3, "steppe", "test", np.arange(40)), area_places(3, "steppe", "test", np.array([31, 4]))
    for name in ("latitude", "longitude", "day", "key"):
        assert (getattr(few, name) == getattr(many, name)[[31, 4]]).all()


def test_areas_share_no_tile_with_each_other_and_with_the_rest_of_the_globe():
    drawn = [area_places(0, area, "train", np.arange(100)) for area in AREAS] + [
        draw_places(0, "train", np.arange(100))
    ]
    assert len(set(Places.concatenate(drawn).key.tolist())) == 100 * (len(AREAS) + 1)


def test_each_area_has_most_of_what_it_is_looked_for(tiles):
    characters = {
        "boreal": ("needleleaf forest",),
        "tropics": ("evergreen broadleaf forest",),
        "steppe": ("bare ground", "shrubland"),
        "settled": ("built-up",),
        "farmland": ("cropland",),
    }
    for area, covers in characters.items():
        shares = {name: share(of_area, *covers) for name, of_area in tiles.items()}
        assert max(shares, key=shares.__getitem__) == area, shares
        others = max(value for name, value in shares.items() if name != area)
        assert shares[area] > 1.2 * others, shares


def test_every_area_has_something_of_every_question(tiles):
    """Fields, buildings and water, and ground without either, on more than one tile in fifty."""
    for area, of_area in tiles.items():
        for covers in (("cropland",), ("built-up",), ("water",)):
            where = np.isin(of_area.cover, [COVERS.index(name) for name in covers]).mean(axis=(1, 2))
            assert (where > 0.05).mean() > 0.02, (area, covers)
            assert (where < 0.5).mean() > 0.02, (area, covers)

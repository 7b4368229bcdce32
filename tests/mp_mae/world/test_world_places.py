"""Places are drawn by number, and those of two purposes never come near each other."""

from typing import get_args

import numpy as np
import pytest

from mp_mae.data.world.places import LOWEST_SUN_DEGREES, SHARES, Places, Purpose, draw_places
from mp_mae.data.world.sky.sun import sun_position

PURPOSES = get_args(Purpose)


def points(places: Places) -> np.ndarray:
    """(n, 3) on a sphere of the earth's radius in km."""
    phi, lam = np.radians(places.latitude), np.radians(places.longitude)
    return 6371 * np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


@pytest.mark.parametrize("seed", [0, 1])
def test_places_of_two_purposes_are_at_least_20_km_apart(seed):
    drawn = [points(draw_places(seed, purpose, np.arange(2500))) for purpose in PURPOSES]
    for i, one in enumerate(drawn):
        for other in drawn[i + 1 :]:
            squared = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
            assert np.sqrt(max(squared.min(), 0)) > 20


def test_a_place_is_the_same_whatever_it_is_drawn_with():
    many = draw_places(5, "train", np.arange(100), "a task")
    few = draw_places(5, "train", np.array([70, 3]), "a task")
    for name in ("latitude", "longitude", "day", "key"):
        assert (getattr(few, name) == getattr(many, name)[[70, 3]]).all()


@pytest.mark.parametrize("other", [(6, "train", "a"), (5, "valid", "a"), (5, "train", "b")])
def test_seed_purpose_and_stream_tell_places_apart(other):
    seed, purpose, stream = other
    one, two = draw_places(5, "train", np.arange(50), "a"), draw_places(seed, purpose, np.arange(50), stream)
    assert not set(one.key.tolist()) & set(two.key.tolist())
    assert not set(one.latitude.tolist()) & set(two.latitude.tolist())


def test_purposes_share_the_globe_as_said():
    inside = [draw_places(2, purpose, np.arange(4000)) for purpose in PURPOSES]
    blocks = [len(set(zip(p.latitude // 2, p.longitude // 2, strict=True))) for p in inside]
    assert blocks[2] < blocks[1] < blocks[0]  # validation's blocks are fewer than training's, and so on
    assert sum(SHARES.values()) == pytest.approx(1)


def test_places_lie_on_the_globe_in_the_years_of_mmearth_and_in_daylight():
    places = draw_places(0, "pretrain", np.arange(5000))
    assert -56 < places.latitude.min() < -54
    assert 72 < places.latitude.max() < 74
    assert places.longitude.min() > -180
    assert places.longitude.max() < 180
    assert {str(year) for year in places.day.astype("datetime64[Y]")} == {"2017", "2018", "2019", "2020"}
    elevation = np.degrees(sun_position(places.latitude, places.day).elevation)
    assert elevation.min() >= LOWEST_SUN_DEGREES


def test_places_can_be_sliced_and_joined():
    places = draw_places(0, "test", np.arange(10))
    again = Places.concatenate([places[:3], places[np.arange(3, 10)]])
    assert len(again) == 10
    assert (again.key == places.key).all()


def test_the_sun_stands_south_in_the_north_and_higher_in_summer():
    days = np.array(["2019-06-21", "2019-12-21"], "datetime64[D]")
    north, south = sun_position(np.full(2, 50.0), days), sun_position(np.full(2, -50.0), days)
    assert north.elevation[0] > north.elevation[1]
    assert south.elevation[0] < south.elevation[1]
    assert (np.cos(north.azimuth) < 0).all()
    assert (np.cos(south.azimuth) > 0).all()
    assert (np.sin(north.azimuth) > 0).all()  # in the morning it is in the east

"""Labels follow the stated rules, and err as often as stated."""

import numpy as np
import pytest

from harness.demo import labels
from mp_mae.data.world.places import draw_places
from mp_mae.data.world.tiles import COVERS, CROPS, Tiles

CLASSES = list(labels.LANDCOVER)


def tiles_of(cover=None, crop=None):
    n = len(cover if cover is not None else crop)
    empty = np.zeros((n, 64, 64), np.uint8)
    return Tiles(
        places=draw_places(0, "train", np.arange(n)),
        modalities={},
        s2_level=np.full(n, "l1c"),
        cover=empty if cover is None else cover,
        crop=empty if crop is None else crop,
        climate_zone=np.zeros(n, np.uint8),
    )


def covered(name, n, **patches):
    """n tiles of one cover whose first rows of the centre, so many, have another."""
    cover = np.full((n, 64, 64), COVERS.index(name), np.uint8)
    for other, rows in patches.items():
        cover[:, :, 16 : 16 + rows] = COVERS.index(other.replace("_", " "))
    return cover


@pytest.mark.parametrize("name", COVERS)
def test_a_tile_of_one_cover_has_its_class(name):
    expected = next((k for k, covers in enumerate(labels.LANDCOVER.values()) if name in covers), -1)
    assert (labels.landcover(tiles_of(covered(name, 50))) == expected).all()


def test_water_needs_less_of_the_centre_than_grass_does():
    a_quarter_water = labels.landcover(tiles_of(covered("shrubland", 400, water=8)))
    a_quarter_grass = labels.landcover(tiles_of(covered("shrubland", 400, grassland=8)))
    assert (a_quarter_water == CLASSES.index("water")).mean() > 0.7
    assert (a_quarter_grass == CLASSES.index("shrubland")).mean() > 0.9


def test_what_lies_around_the_centre_does_not_count():
    cover = covered("grassland", 100)
    cover[:, :8] = COVERS.index("water")
    assert (labels.landcover(tiles_of(cover)) == CLASSES.index("grassland")).all()


def test_interpreters_err_as_often_as_stated():
    found = labels.landcover(tiles_of(covered("shrubland", 4000, grassland=6)))
    assert (found == CLASSES.index("grassland")).mean() == pytest.approx(labels.MISTAKEN, abs=0.015)


def test_presence_is_uncertain_near_the_threshold_only():
    shares = {}
    for n_rows in (0, 1, 4, 20):
        cover = covered("shrubland", 400)
        cover[:, :n_rows] = COVERS.index("mangrove")
        shares[n_rows] = labels.covers_present(tiles_of(cover))[:, CLASSES.index("wetland")].mean()
    assert shares[0] == 0
    assert shares[1] < 0.05
    assert 0.4 < shares[4] < 0.8
    assert shares[20] == 1


def test_some_parcels_are_declared_wrong_and_then_as_a_whole():
    crop = np.zeros((800, 64, 64), np.uint8)
    crop[:, 4:20, 4:20], crop[:, 30:50, 30:50] = 1, len(CROPS)
    declared = labels.crops(tiles_of(crop=crop))
    assert (declared[crop == 0] == 0).all()
    for part in (declared[:, 4:20, 4:20], declared[:, 30:50, 30:50]):
        flat = part.reshape(len(part), -1)
        assert (flat == flat[:, :1]).all()
        assert flat.min() >= 1
        assert flat.max() <= len(CROPS)
        wrong = (flat[:, 0] != np.bincount(flat[:, 0]).argmax()).mean()
        assert wrong == pytest.approx(labels.MISDECLARED, abs=0.02)


def test_a_label_depends_on_its_tile_alone():
    cover = np.random.default_rng(0).integers(0, len(COVERS), (20, 64, 64)).astype(np.uint8)
    crop = np.random.default_rng(1).integers(0, 3, (20, 64, 64)).astype(np.uint8)
    everything = tiles_of(cover, crop)
    for label in (labels.landcover, labels.covers_present, labels.crops):
        last = Tiles(
            places=everything.places[19:],
            modalities={},
            s2_level=everything.s2_level[19:],
            cover=cover[19:],
            crop=crop[19:],
            climate_zone=everything.climate_zone[19:],
        )
        np.testing.assert_array_equal(label(last)[0], label(everything)[19])

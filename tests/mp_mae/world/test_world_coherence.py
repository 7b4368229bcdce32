"""Coherence follows from what lies on the ground and from the days between two images, and changes no other sensor."""

from math import exp, lgamma, log

import numpy as np
import pytest

from mp_mae.data.world import simulate as spine
from mp_mae.data.world.land.parcels import Parcels
from mp_mae.data.world.land.phenology import CALENDARS, Season, days_since_worked
from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.places import Places, draw_places
from mp_mae.data.world.sensors.coherence import BASELINES_DAYS, LOOKS, estimate
from mp_mae.data.world.simulate import simulate
from mp_mae.data.world.tiles import COVERS, CROPS, Tiles
from mp_mae.modalities import COHERENCE_STORED

BEFORE = {  # mean and standard deviation of what was recorded on the first eight tiles of 32 px, before there was any
    "sentinel2": (2145.627694936899, 2455.266853639329),
    "sentinel2_cloudmask": (0.0, 0.0),
    "sentinel2_cloudprod": (16383.75, 28377.487418506593),
    "sentinel2_scl": (68.108154296875, 107.92188414792753),
    "sentinel1": (-16.6033776824576, 6.6420948683045955),
    "aster": (180.0814208984375, 306.70227737944634),
    "era5": (215.89878538569124, 125.07493169311054),
    "dynamic_world": (4.6273193359375, 2.6763760956648888),
    "canopy_height_eth": (13.086181640625, 30.889708501044595),
    "esa_worldcover": (36.9537353515625, 23.55311449375098),
    "lat": (0.5669386591762304, 0.42258792907061465),
    "lon": (-0.17240319307893515, 0.6857675586322435),
    "month": (-0.1478765867650509, 0.6914712623627137),
    "biome": (0.07142857142857142, 0.25753937681885636),
    "eco_region": (0.001182033096926714, 0.03436038263297549),
}


@pytest.fixture(scope="module")
def tiles() -> Tiles:
    return simulate(0, draw_places(0, "pretrain", np.arange(400)), size_px=32)


def of_cover(tiles: Tiles, *names: str) -> np.ndarray:
    """(4,) mean coherence of the pixels of some covers, by pair."""
    where = np.isin(tiles.cover, [COVERS.index(name) for name in names])
    return np.array([np.nanmean(tiles.modalities["coherence"][:, pair][where]) for pair in range(4)])


def touzi(true: float, looks: float) -> float:
    """Mean of the estimate from so many looks: Touzi et al., 1999, as the series of its 3F2(3/2, L, L; L + 1/2, 1)."""
    total, term = 0.0, 1.0
    for k in range(2000):
        total += term
        term *= (1.5 + k) * (looks + k) ** 2 / ((looks + 0.5 + k) * (1 + k) ** 2) * true**2
    return exp(lgamma(looks) + lgamma(1.5) - lgamma(looks + 0.5) + looks * log(1 - true**2)) * total


def test_every_other_modality_is_what_it_was_before_there_was_coherence():
    now = simulate(0, draw_places(0, "pretrain", np.arange(8)), size_px=32).modalities
    assert set(now) == {*BEFORE, "coherence"}
    for name, expected in BEFORE.items():
        values = now[name].astype(float)
        recorded = values[np.isfinite(values)]
        assert (recorded.mean(), recorded.std()) == pytest.approx(expected, rel=1e-6), name


def test_no_other_modality_notices_what_coherence_draws(monkeypatch):
    places = draw_places(0, "pretrain", np.arange(4))
    own = simulate(0, places, 32)
    monkeypatch.setattr(spine, "coherence", lambda *_: np.zeros((4, 4, 32, 32), np.float32))
    without = simulate(0, places, 32)
    for name in BEFORE:
        assert own.modalities[name].tobytes() == without.modalities[name].tobytes(), name
    assert (without.modalities["coherence"] == 0).all()


def test_pairs_are_those_of_the_table():
    assert tuple(f"{days} days" for days in BASELINES_DAYS) == COHERENCE_STORED


def test_values_are_coherences_over_cells_of_40_m(tiles):
    stored = tiles.modalities["coherence"]
    assert stored.shape == (400, 4, 32, 32)
    assert stored.dtype == np.float32
    values = stored[np.isfinite(stored)]
    assert 0 <= values.min() < 0.02
    assert 0.9 < values.max() < 1
    cells = stored.reshape(400, 4, 8, 4, 8, 4)
    assert np.array_equal(cells, np.broadcast_to(cells[:, :, :, :1, :, :1], cells.shape), equal_nan=True)


def test_a_size_that_no_cell_divides_has_smaller_cells_at_its_edge():
    stored = simulate(0, draw_places(0, "pretrain", np.arange(3)), 19).modalities["coherence"]
    assert stored.shape == (3, 4, 19, 19)
    assert np.array_equal(stored[..., 16:, :], np.broadcast_to(stored[..., 16:17, :], (3, 4, 3, 19)), equal_nan=True)


def test_a_pair_is_recorded_all_over_a_tile_or_not_at_all_and_the_longest_are_missing_first(tiles):
    known = np.isfinite(tiles.modalities["coherence"])
    recorded = known.all(axis=(2, 3))
    assert (recorded == known.any(axis=(2, 3))).all()
    assert (recorded[:, :-1] >= recorded[:, 1:]).all()
    assert (recorded[:, 0] == recorded[:, 1]).all()
    assert 0.04 < (~recorded).all(axis=1).mean() < 0.11
    assert 0.15 < (~recorded[:, 3]).mean() < 0.28
    assert 0.06 < (~recorded[:, 2]).mean() < 0.17


def test_where_the_radar_records_no_vertical_polarisation_there_is_no_coherence(tiles):
    vertical = np.isfinite(tiles.modalities["sentinel1"][:, [0, 4]]).any(axis=(1, 2, 3))
    assert (~vertical).any()
    assert np.isnan(tiles.modalities["coherence"][~vertical]).all()


def test_built_up_and_bare_ground_persist_forests_and_water_do_not(tiles):
    kept = of_cover(tiles, "built-up")
    bare = of_cover(tiles, "bare ground")
    open_plants = of_cover(tiles, "shrubland", "grassland")
    forest = of_cover(tiles, "evergreen broadleaf forest", "deciduous broadleaf forest", "needleleaf forest")
    assert (kept > 0.6).all()
    assert (bare > 0.6).all()
    assert (open_plants > forest + 0.04).all()
    assert (open_plants < bare - 0.2).all()
    assert (forest < 0.3).all()
    lakes = (tiles.cover == COVERS.index("water")).reshape(400, 8, 4, 8, 4).all(axis=(2, 4))  # whole cells
    cells = tiles.modalities["coherence"][:, :, ::4, ::4]
    assert np.nanmean(np.moveaxis(cells, 1, -1)[lakes]) == pytest.approx(touzi(0.0, LOOKS), abs=0.01)


def test_coherence_falls_with_the_days_between_two_images(tiles):
    for cover in ("grassland", "cropland", "shrubland", "built-up"):
        assert (np.diff(of_cover(tiles, cover)) < 0).all(), cover


def test_green_plants_take_coherence_away_in_their_season():
    n = 120

    def of_month(latitude: float, month: str, cover: str) -> float:
        places = Places(
            latitude=np.full(n, latitude),
            longitude=np.linspace(-180, 178, n),
            day=np.full(n, np.datetime64(f"2018-{month}-15")),
            key=np.arange(n).astype(np.uint64),
        )
        return float(of_cover(simulate(0, places, 16), cover)[0])

    assert of_month(12.0, "02", "grassland") > of_month(12.0, "09", "grassland") + 0.1  # it rains in summer
    assert of_month(47.0, "04", "cropland") > of_month(47.0, "06", "cropland") + 0.1


@pytest.mark.parametrize("true", [0.0, 0.2, 0.5, 0.8, 0.95])
def test_the_estimate_has_the_bias_of_few_looks(true):
    noise = TileNoise(0, np.arange(50).astype(np.uint64), "test")
    drawn = estimate(np.full((50, 4, 16, 16), true, np.float32), noise)
    assert drawn.mean() == pytest.approx(touzi(true, LOOKS), abs=3e-3)
    bound = (1 - true**2) / np.sqrt(2 * LOOKS)  # Cramér and Rao's; reached where coherence is high
    assert drawn.std() == pytest.approx(bound, rel=0.15 if true > 0.4 else 0.6)


def test_the_days_since_a_field_was_worked_follow_its_calendar():
    crops = np.array(
        [[1 + CROPS.index("maize"), 1 + CROPS.index("winter cereal"), 1 + CROPS.index("orchard")]], np.uint8
    )
    parcels = Parcels(
        index=np.zeros((1, 1, 1), np.int32),
        crop=crops,
        vigour=np.zeros((1, 3), np.float32),
        delay_days=np.zeros((1, 3), np.float32),
    )

    def on(day: float, pace: float = 1.0) -> list[float]:
        facts = {"herbs": np.ones(1), "leaves": np.ones(1)}
        season = Season(days_in=np.array([day]), pace=np.array([pace]), **facts)
        return days_since_worked(season, parcels)[0].tolist()

    maize, cereal = CALENDARS["maize"], CALENDARS["winter cereal"]
    sown, reaped = maize.rises - 2 * maize.rise_days, cereal.falls + 2 * cereal.fall_days  # days 48 and 100
    assert on(40) == [np.inf, np.inf, np.inf]
    assert on(60) == [60 - sown, np.inf, np.inf]
    assert on(105) == [105 - sown, 105 - reaped, np.inf]
    assert on(150) == [150 - sown, 150 - (cereal.falls + 55), np.inf]  # ploughed
    assert on(30, pace=0.5) == [0.5 * (60 - sown), np.inf, np.inf]


def test_pairs_are_lost_between_whose_images_a_field_was_worked(monkeypatch):
    places = draw_places(0, "pretrain", np.arange(60))

    def on_cropland(days: float) -> np.ndarray:
        monkeypatch.setattr(spine, "days_since_worked", lambda _, parcels: np.full(parcels.crop.shape, days, "f4"))
        return of_cover(simulate(0, places, 32), "cropland")

    never, of_late = on_cropland(np.inf), on_cropland(30.0)
    assert (of_late[:2] == never[:2]).all()  # 12 and 24 days
    assert (of_late[2:] < never[2:] - 0.05).all()  # 36 and 48

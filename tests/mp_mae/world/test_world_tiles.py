"""A tile is a function of seed and place; its modalities are what MMEarth stores and follow from one truth."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mp_mae.data.world.places import Places, draw_places
from mp_mae.data.world.simulate import simulate
from mp_mae.data.world.sky.sun import sun_position
from mp_mae.data.world.tiles import CLIMATE_ZONES, COVERS, CROPS, Tiles
from mp_mae.modalities import MODALITIES, S2_STORED, WORLDCOVER_CODES, Kind

STORED = {
    "sentinel2": np.uint16,
    "sentinel2_cloudmask": np.uint16,
    "sentinel2_cloudprod": np.uint16,
    "sentinel2_scl": np.uint8,
    "sentinel1": np.float32,
    "aster": np.int16,
    "era5": np.float32,
    "dynamic_world": np.uint8,
    "canopy_height_eth": np.int8,
    "esa_worldcover": np.uint8,
    "lat": np.float32,
    "lon": np.float32,
    "month": np.float32,
    "biome": np.uint8,
    "eco_region": np.uint16,
    "coherence": np.float32,
}
"""As in the files of MMEarth v001, and coherence."""


@pytest.fixture(scope="module")
def tiles() -> Tiles:
    return simulate(0, draw_places(0, "pretrain", np.arange(400)), size_px=32)


def bands(tiles: Tiles, *names: str) -> np.ndarray:
    """(bands, n, H, W) float64 of Sentinel-2."""
    return np.stack([tiles.modalities["sentinel2"][:, S2_STORED.index(name)] for name in names]).astype(float)


def assert_same(one: Tiles, other: Tiles) -> None:
    for name in one.modalities:
        assert one.modalities[name].tobytes() == other.modalities[name].tobytes(), name
    for name in ("s2_level", "cover", "crop", "climate_zone"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def pick(tiles: Tiles, rows: np.ndarray) -> Tiles:
    return replace(
        tiles,
        places=tiles.places[rows],
        modalities={name: values[rows] for name, values in tiles.modalities.items()},
        s2_level=tiles.s2_level[rows],
        cover=tiles.cover[rows],
        crop=tiles.crop[rows],
        climate_zone=tiles.climate_zone[rows],
    )


@pytest.mark.parametrize("size_px", [32, 64])
def test_a_tile_does_not_depend_on_its_batch(size_px):
    places = draw_places(3, "train", np.arange(40))
    together = simulate(3, places, size_px)
    for rows in (np.array([17]), np.array([39, 0, 20]), np.arange(5, 22)):
        assert_same(simulate(3, places[rows], size_px), pick(together, rows))


def test_a_tile_does_not_depend_on_the_number_of_threads():
    """64 px: the products of smaller tiles are not worth a second thread to the library."""
    places = draw_places(0, "pretrain", np.arange(16))
    with threadpool_limits(1, user_api="blas"):
        one = simulate(0, places, size_px=64)
    with threadpool_limits(4, user_api="blas"):
        assert_same(simulate(0, places, size_px=64), one)


def test_another_seed_is_another_world():
    places = draw_places(0, "train", np.arange(4))
    first, second = simulate(0, places, 32), simulate(1, places, 32)
    assert (first.modalities["sentinel2"] != second.modalities["sentinel2"]).mean() > 0.9
    assert (first.modalities["era5"] != second.modalities["era5"]).any(axis=1).all()


def test_another_key_is_another_tile_in_the_same_climate():
    place = draw_places(0, "train", np.arange(1))
    elsewhere = replace(place, key=place.key + np.uint64(1))
    first, second = simulate(0, place, 32), simulate(0, elsewhere, 32)
    assert (first.modalities["aster"] != second.modalities["aster"]).any()
    assert first.climate_zone == second.climate_zone


def test_stored_types_and_shapes_are_those_of_mmearth(tiles):
    assert {name: values.dtype for name, values in tiles.modalities.items()} == STORED
    for name, modality in MODALITIES.items():
        row = (
            (len(modality.stored), 32, 32) if modality.kind.is_pixel else (modality.n_classes or len(modality.stored),)
        )
        assert tiles.modalities[name].shape == (400, *row), name
    for name in ("sentinel2_cloudmask", "sentinel2_cloudprod", "sentinel2_scl"):
        assert tiles.modalities[name].shape == (400, 1, 32, 32)


def test_the_cirrus_band_and_scene_classes_exist_in_one_level_each(tiles):
    level, cirrus = tiles.s2_level, tiles.modalities["sentinel2"][:, S2_STORED.index("B10")]
    assert (cirrus[level == "l2a"] == 0).all()
    assert (cirrus[level == "l1c"] > 0).all()
    assert (tiles.modalities["sentinel2_scl"][level == "l1c"] == 255).all()
    assert (tiles.modalities["sentinel2_cloudprod"][level == "l1c"] == 65535).all()
    assert tiles.modalities["sentinel2_cloudprod"][level == "l2a"].max() <= 100
    assert 0.4 < (level == "l1c").mean() < 0.6


def test_the_blue_haze_is_in_uncorrected_images(tiles):
    blue, red = bands(tiles, "B1", "B4").mean(axis=(2, 3))
    raw = tiles.s2_level == "l1c"
    assert np.median(blue[raw] - red[raw]) > np.median(blue[~raw] - red[~raw]) + 300


def test_coarse_bands_have_coarse_pixels(tiles):
    (edge,) = bands(tiles, "B5")
    assert (edge[:, ::2, ::2] == edge[:, 1::2, 1::2]).all()
    (aerosol,) = bands(tiles, "B1")
    assert (aerosol[:, :6, :6] == aerosol[:, :1, :1]).all()
    (red,) = bands(tiles, "B4")
    assert (red[:, ::2, ::2] != red[:, 1::2, 1::2]).mean() > 0.9


def test_radar_orbits_and_polarisations_are_missing_as_in_nature(tiles):
    recorded = np.isfinite(tiles.modalities["sentinel1"]).all(axis=(2, 3)).reshape(-1, 2, 4)
    assert (recorded == np.isfinite(tiles.modalities["sentinel1"]).any(axis=(2, 3)).reshape(-1, 2, 4)).all()
    assert recorded.any(axis=(1, 2)).all()
    one_missing = ~recorded.any(axis=2)
    assert 0.07 < one_missing[:, 0].mean() < 0.23
    assert 0.07 < one_missing[:, 1].mean() < 0.23
    polar = recorded[:, :, 2:].any(axis=(1, 2))
    assert polar.any()
    assert (np.abs(tiles.places.latitude[polar]) > 60).all()
    assert not (recorded[:, :, 2:].any(axis=(1, 2)) & recorded[:, :, :2].any(axis=(1, 2))).any()
    values = tiles.modalities["sentinel1"]
    assert values[np.isfinite(values)].min() > -55
    assert values.max() < 25


def test_ranges_are_those_of_the_earth(tiles):
    m = tiles.modalities
    assert 0.005 < (m["canopy_height_eth"] == 127).mean() < 0.2
    assert (m["canopy_height_eth"] >= 0).all()
    assert 25 < np.where(m["canopy_height_eth"] == 127, 0, m["canopy_height_eth"])[:, 0].max() <= 60
    assert m["aster"][:, 0].min() > -100
    assert 800 < m["aster"][:, 0].max() < 6500
    assert m["aster"][:, 1].min() >= 0
    assert 20 < m["aster"][:, 1].max() < 80
    weather = m["era5"][np.isfinite(m["era5"]).all(axis=1)].reshape(-1, 3, 4)
    assert (weather[..., 1] < weather[..., 0]).all()
    assert (weather[..., 0] < weather[..., 2]).all()
    assert weather[..., :3].min() > 220
    assert weather[..., :3].max() < 330
    assert weather[..., 3].min() > 0
    assert weather[:, 2, 3].max() < 8
    for name in ("lat", "lon", "month"):
        np.testing.assert_allclose((m[name] ** 2).sum(axis=1), 1, atol=1e-6)


def test_labels_hold_their_codes_and_no_others(tiles):
    assert set(np.unique(tiles.modalities["dynamic_world"])) == set(range(10))  # 0: below clouds
    assert set(np.unique(tiles.modalities["esa_worldcover"])) - {0} == set(WORLDCOVER_CODES)
    for name in ("biome", "eco_region"):
        assert set(np.unique(tiles.modalities[name])) == {0, 1}
        assert (tiles.modalities[name].sum(axis=1) <= 1).all()
        assert tiles.modalities[name].sum() > 0.95 * 400


def test_labels_are_right_mostly_and_wrong_sometimes(tiles):
    water = tiles.cover == COVERS.index("water")
    labelled = tiles.modalities["esa_worldcover"][:, 0] == 80
    assert 0.75 < labelled[water].mean() < 0.99
    assert labelled[~water].mean() < 0.02
    crops = tiles.cover == COVERS.index("cropland")
    assert 0.6 < (tiles.modalities["esa_worldcover"][:, 0] == 40)[crops].mean() < 0.95


def test_crops_grow_on_cropland_alone(tiles):
    assert ((tiles.crop > 0) == (tiles.cover == COVERS.index("cropland"))).all()
    assert tiles.crop.max() == len(CROPS)


def test_a_parcel_has_one_crop(tiles):
    crop = tiles.crop
    both = (crop[:, :, 1:] > 0) & (crop[:, :, :-1] > 0)
    assert (crop[:, :, 1:] == crop[:, :, :-1])[both].mean() > 0.85


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.reshape(-1), other.reshape(-1))[0, 1])


def test_optical_images_show_what_the_pixel_modalities_hold(tiles):
    blue, red, near, short = (np.log(band) for band in bands(tiles, "B2", "B4", "B8", "B11"))
    clear = tiles.modalities["sentinel2_cloudmask"][:, 0] == 0
    height = tiles.modalities["canopy_height_eth"][:, 0].astype(float)
    land = clear & (height != 127)
    assert correlation((near - red)[land], height[land]) > 0.2
    assert correlation(short[land], height[land]) < -0.3
    vertical = tiles.modalities["sentinel1"][:, :2].astype(float)  # ascending VV and VH
    seen = clear & np.isfinite(vertical).all(axis=1)
    assert correlation((near - red)[seen], vertical[:, 1][seen]) > 0.3
    assert correlation(vertical[:, 1][land & seen], height[land & seen]) > 0.5
    snow = tiles.modalities["dynamic_world"][:, 0] == 9
    assert (blue - short)[snow & clear].mean() > (blue - short)[~snow & clear].mean() + 1


def test_slopes_that_face_the_sun_are_bright(tiles):
    elevation, slope = np.moveaxis(tiles.modalities["aster"].astype(float), 1, 0)
    steep = slope.mean(axis=(1, 2)) > 10
    azimuth = sun_position(tiles.places.latitude, tiles.places.day).azimuth[:, None, None]
    south, east = np.gradient(elevation, axis=(1, 2))
    away = np.sin(azimuth) * east - np.cos(azimuth) * south  # rises towards the sun, so it faces away
    (near,) = np.log(bands(tiles, "B8"))
    assert steep.sum() > 20
    assert correlation(near[steep] - near[steep].mean(axis=(1, 2), keepdims=True), away[steep]) < -0.3


def test_optical_images_show_what_the_image_modalities_hold(tiles):
    green = np.log(bands(tiles, "B2", "B3", "B4", "B8", "B9", "B11", "B12")).mean(axis=(2, 3)).T  # (n, 7)
    design = np.column_stack([green, tiles.s2_level == "l1c", np.ones(len(green))])
    usable = np.isfinite(tiles.modalities["era5"]).all(axis=1)
    fit, check = usable & (np.arange(400) < 300), usable & (np.arange(400) >= 300)
    for name, wanted in (("era5", 0.2), ("lat", 0.1)):
        values = tiles.modalities[name][:, 0] if name == "era5" else np.abs(tiles.modalities[name][:, 0])
        weights = np.linalg.lstsq(design[fit], values[fit], rcond=None)[0]
        error = ((design[check] @ weights - values[check]) ** 2).mean()
        assert 1 - error / values[check].var() > wanted, name
    biome = tiles.modalities["biome"].argmax(axis=1)
    centres = np.stack(
        [green[:300][biome[:300] == b].mean(axis=0) if (biome[:300] == b).any() else np.full(7, 9e9) for b in range(14)]
    )
    nearest = ((green[300:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    assert (nearest == biome[300:]).mean() > 0.2


def test_vegetation_is_green_in_its_own_summer():
    """The same month has opposite signs in the two hemispheres: season must be seen, not read from a calendar."""
    n = 150
    rows = np.arange(n)

    def greenness(latitude: float, month: str) -> float:
        places = Places(
            latitude=np.full(n, latitude),
            longitude=np.linspace(-180, 178, n),
            day=np.full(n, np.datetime64(f"2018-{month}-15")),
            key=rows.astype(np.uint64),
        )
        red, near = bands(simulate(0, places, 16), "B4", "B8")
        return float(((near - red) / (near + red)).mean())

    assert greenness(47.0, "07") > greenness(47.0, "01") + 0.1
    assert greenness(-47.0, "01") > greenness(-47.0, "07") + 0.1


def test_no_class_is_rare():
    places = draw_places(0, "train", np.arange(2000))
    tiles = simulate(0, places, size_px=16)
    zones = np.bincount(tiles.climate_zone, minlength=len(CLIMATE_ZONES)) / 2000
    assert zones.min() > 0.02, dict(zip(CLIMATE_ZONES, zones, strict=True))
    crops = np.bincount(tiles.crop[tiles.crop > 0], minlength=len(CROPS) + 1)[1:]
    assert (crops / crops.sum()).min() > 0.02, dict(zip(CROPS, crops, strict=True))
    covers = np.bincount(tiles.cover.reshape(-1), minlength=len(COVERS)) / tiles.cover.size
    assert covers.min() > 0.002, dict(zip(COVERS, covers, strict=True))


def test_every_kind_of_modality_is_there(tiles):
    assert {MODALITIES[name].kind for name in tiles.modalities if name in MODALITIES} == set(Kind)


@pytest.mark.parametrize(("n", "size_px"), [(0, 64), (1, 8)])
def test_nothing_to_simulate_is_refused(n, size_px):
    with pytest.raises(ValueError, match="wanted places and tiles of at least 16 px"):
        simulate(0, draw_places(0, "test", np.arange(n)), size_px)

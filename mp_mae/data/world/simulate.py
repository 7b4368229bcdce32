"""The spine: from places to tiles, one call for each step from the globe to the products."""

import numpy as np

from mp_mae.data.threads import one_blas_thread
from mp_mae.data.world.hashing import mix, uniform, word
from mp_mae.data.world.land.cover import CROPLAND, draw_cover
from mp_mae.data.world.land.ecoregions import N_BIOMES, N_ECOREGIONS, biomes, ecoregions
from mp_mae.data.world.land.parcels import build_parcels
from mp_mae.data.world.land.phenology import build_season, days_since_worked
from mp_mae.data.world.land.spectra import tile_spectra
from mp_mae.data.world.land.surface import build_surface
from mp_mae.data.world.land.terrain import build_terrain, illumination
from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.places import Places
from mp_mae.data.world.sensors import labels
from mp_mae.data.world.sensors.coherence import SAMPLED, coherence
from mp_mae.data.world.sensors.optics import draw_sky, to_product
from mp_mae.data.world.sensors.radar import sentinel1
from mp_mae.data.world.sky.climate import build_climate, climate_zones, draw_regions
from mp_mae.data.world.sky.sun import sun_position
from mp_mae.data.world.sky.weather import build_weather, era5
from mp_mae.data.world.tiles import Tiles

WORLD_VERSION = 1
"""Another version draws another world from the same seed."""

SMALLEST_PX = 16
BLOCK_PIXELS = 16 * 64 * 64
"""Pixels simulated at a time: intermediate arrays of so many stay in the processor's cache."""

L1C_SHARE = 0.5
UNKNOWN_BIOME = 0.005
"""Share of tiles that no ecoregion covers."""


def simulate(seed: int, places: Places, size_px: int = 64) -> Tiles:
    """The tiles at places, of size_px x size_px pixels of 10 m.

    A tile is a function of seed, place, key and size: the same bits in whatever batch, process or order, and with
    whatever number of threads.

    Raises:
        ValueError: no places, or tiles of fewer than 16 px.
    """
    if not len(places) or size_px < SMALLEST_PX:
        raise ValueError(f"wanted places and tiles of at least {SMALLEST_PX} px; found {len(places)} and {size_px} px")
    step = max(BLOCK_PIXELS // size_px**2, 1)
    starts = range(0, len(places), step)
    with one_blas_thread():
        return Tiles.concatenate(places, (_simulate_block(seed, places[at : at + step], size_px) for at in starts))


def _simulate_block(seed: int, places: Places, size_px: int) -> Tiles:
    noise = TileNoise(seed, places.key)
    regions = draw_regions(seed, places)
    climate = build_climate(regions, places)
    weather = build_weather(climate, places.day, noise)
    season = build_season(climate, weather)
    sun = sun_position(places.latitude, places.day)

    terrain = build_terrain(regions, noise, size_px)
    cover = draw_cover(climate, regions, terrain, noise, size_px)
    parcels = build_parcels(climate, regions, noise, size_px)
    surface = build_surface(cover, parcels, climate, weather, season, terrain, noise)

    spectra = tile_spectra(regions, weather.wetness, climate.aridity, noise)
    shares = surface.shares
    ground = (spectra @ shares.reshape(*shares.shape[:2], -1)).reshape(len(places), -1, size_px, size_px)
    sky = draw_sky(sun, noise, size_px)
    top_of_atmosphere = is_l1c(places)
    light = illumination(terrain, sun)
    modalities = {
        "sentinel2": to_product(ground, light, sky, sun, climate, weather, top_of_atmosphere, noise),
        **labels.cloud_masks(cover, surface, sky, top_of_atmosphere),
        "sentinel1": sentinel1(cover, surface, weather, terrain, places, noise),
        "aster": labels.aster(terrain, noise),
        "era5": era5(climate, weather, places.day, noise),
        "dynamic_world": labels.dynamic_world(cover, surface, sky, noise),
        "canopy_height_eth": labels.canopy_height(surface, cover, noise),
        "esa_worldcover": labels.world_cover(cover, noise),
        **_where_and_when(places),
        **_biogeography(seed, biomes(climate, regions), places),
        "coherence": coherence(
            cover,
            surface,
            parcels.at_pixels(days_since_worked(season, parcels))[SAMPLED],
            weather,
            terrain,
            places,
            TileNoise(seed, places.key, "coherence"),
        ),
    }
    return Tiles(
        places=places,
        modalities=modalities,
        s2_level=np.where(top_of_atmosphere, "l1c", "l2a"),
        cover=cover,
        crop=np.where(cover == CROPLAND, parcels.at_pixels(parcels.crop), 0).astype(np.uint8),
        climate_zone=climate_zones(climate, places.latitude),
    )


def is_l1c(places: Places) -> np.ndarray:
    """(n,) bool: whose Sentinel-2 product is L1C; the others' is L2A."""
    return uniform(mix(places.key, word("level"))) < L1C_SHARE


def _where_and_when(places: Places) -> dict[str, np.ndarray]:
    """Latitude, longitude and month as sine and cosine, (n, 2) float32."""
    month = places.day.astype("datetime64[M]").astype(np.int64) % 12 + 1
    angles = {"lat": np.radians(places.latitude), "lon": np.radians(places.longitude), "month": 2 * np.pi * month / 12}
    return {name: np.stack([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32) for name, angle in angles.items()}


def _biogeography(seed: int, biome: np.ndarray, places: Places) -> dict[str, np.ndarray]:
    """Biome and ecoregion as one-hot rows; all zeros where unknown."""
    known = uniform(mix(places.key, word("known"))) >= UNKNOWN_BIOME
    rows = np.flatnonzero(known)
    of_biome = np.zeros((len(biome), N_BIOMES), np.uint8)
    of_biome[rows, biome[rows]] = 1
    of_region = np.zeros((len(biome), N_ECOREGIONS), np.uint16)
    of_region[rows, ecoregions(seed, biome, places)[rows]] = 1
    return {"biome": of_biome, "eco_region": of_region}

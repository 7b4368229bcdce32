"""What covers the ground of every pixel on the day of the image: shares of materials, canopy, snow.

All pixels of a tile with the same cover, and all of one parcel, start from the same state; fractal stands, snow and
grain make them differ.
"""

from dataclasses import dataclass

import numpy as np

from mp_mae.data.world.land.cover import CROPLAND
from mp_mae.data.world.land.parcels import Parcels
from mp_mae.data.world.land.phenology import Season, crop_states
from mp_mae.data.world.land.spectra import MATERIALS
from mp_mae.data.world.land.terrain import Terrain
from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sky.climate import LAPSE_RATE, Climate
from mp_mae.data.world.sky.weather import Weather
from mp_mae.data.world.tiles import COVERS, CROPS

_AT = {name: row for row, name in enumerate(MATERIALS)}

STANDS_PX, STAND_AMPLITUDES = (16, 5), (1.0, 0.6)
"""Plots of older and younger, denser and sparser plants."""


@dataclass(frozen=True, kw_only=True)
class Trait:
    """What does not change with the season. Greenness and leaf water against a common leaf; grain of the texture."""

    red_edge: float = 0.0
    leaf_water: float = 0.0
    grain: float = 0.05
    stand: float = 0.12
    """How much leaf cover varies between stands."""
    height_m: float = 0.0
    """Height of the canopy where growth is best."""
    snow: float = 1.0
    """Share of lying snow that is seen from above."""


COVER_TRAITS: dict[str, Trait] = {
    "water": Trait(grain=0.02, snow=0.0),
    "evergreen broadleaf forest": Trait(red_edge=-0.5, leaf_water=0.6, grain=0.13, stand=0.08, height_m=38, snow=0.3),
    "deciduous broadleaf forest": Trait(red_edge=0.1, leaf_water=0.3, grain=0.11, stand=0.10, height_m=28, snow=0.5),
    "needleleaf forest": Trait(grain=0.10, stand=0.16, height_m=30, snow=0.3),
    "shrubland": Trait(red_edge=-0.3, leaf_water=-0.5, grain=0.10, stand=0.30, height_m=4, snow=0.8),
    "grassland": Trait(red_edge=0.4, leaf_water=-0.2, grain=0.03, stand=0.16),
    "cropland": Trait(),
    "built-up": Trait(grain=0.28, stand=0.30, height_m=3, snow=0.6),
    "bare ground": Trait(grain=0.04),
    "snow and ice": Trait(grain=0.02),
    "wetland": Trait(red_edge=0.2, leaf_water=0.5, grain=0.06, stand=0.25, height_m=1),
    "mangrove": Trait(red_edge=-0.2, leaf_water=0.9, grain=0.09, stand=0.12, height_m=17),
    "moss and lichen": Trait(grain=0.05, stand=0.15),
}

CROP_TRAITS: dict[str, Trait] = {
    "winter cereal": Trait(red_edge=-0.3, leaf_water=-0.2, grain=0.03),
    "spring cereal": Trait(red_edge=0.3, leaf_water=-0.5, grain=0.03),
    "rapeseed": Trait(red_edge=0.5, leaf_water=0.7, grain=0.03),
    "maize": Trait(red_edge=-0.9, leaf_water=0.3, grain=0.04),
    "soybean": Trait(red_edge=1.0, leaf_water=0.8, grain=0.03),
    "rice": Trait(red_edge=0.5, leaf_water=0.1, grain=0.02),
    "sugarcane": Trait(red_edge=-0.6, leaf_water=-0.8, grain=0.05),
    "orchard": Trait(red_edge=-0.2, leaf_water=-0.4, grain=0.14, height_m=5),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """What the ground is made of; (n, H, W) float32 unless said otherwise."""

    shares: np.ndarray
    """(n, M, H, W): weights of MATERIALS; what is missing to 1 is shade."""
    canopy_m: np.ndarray
    snow: np.ndarray
    """Share of the pixel under snow."""

    def share(self, material: str) -> np.ndarray:
        return self.shares[:, _AT[material]]


def build_surface(
    cover: np.ndarray,
    parcels: Parcels,
    climate: Climate,
    weather: Weather,
    season: Season,
    terrain: Terrain,
    noise: TileNoise,
) -> Surface:
    """Materials of every pixel; cover (n, H, W) as drawn."""
    n, size = len(cover), cover.shape[-1]
    states = np.concatenate([_cover_states(climate, season), _parcel_states(season, parcels)], axis=2)  # (n, M, S)
    state = np.where(cover == CROPLAND, parcels.index + len(COVERS), cover).reshape(n, -1)
    shares = _look_up(states, state)  # (n, M, H W)
    traits = _traits(parcels)  # (n, 4, S)
    grain_size, stand_size, height, holds_snow = np.moveaxis(_look_up(traits, state), 1, 0)
    stand = noise.fractal(1, size, STANDS_PX, STAND_AMPLITUDES).reshape(n, -1)
    grain = noise.normal(size * size)

    growth = (0.35 + 0.75 * climate.productivity).astype(np.float32)[:, None]
    canopy = height * growth * np.exp(np.float32(0.28) * stand + np.float32(0.10) * grain)
    bright = np.clip(1 + (grain_size + np.float32(0.002) * canopy) * grain, 0.4, 1.9) * (1 - np.float32(0.007) * canopy)
    shares *= bright[:, None]
    shares[:, _AT["leaf"]] *= np.clip(1 + stand_size * stand, 0.2, 1.6)
    snow = _snow(weather, climate, terrain, stand) * holds_snow
    shares *= (1 - snow)[:, None]
    shares[:, _AT["snow"]] += snow
    picture = (n, size, size)
    return Surface(
        shares=shares.reshape(n, -1, size, size), canopy_m=canopy.reshape(picture), snow=snow.reshape(picture)
    )


def _cover_states(climate: Climate, season: Season) -> np.ndarray:
    """(n, M, covers) float32: shares of materials in each cover; the column of cropland is not used."""
    herbs, leaves = season.herbs, season.leaves
    sparse = np.clip(0.12 + 0.5 * climate.aridity, 0.15, 0.9)  # shrubs' share of the ground
    turf = np.clip(0.25 + 0.75 * climate.aridity, 0.3, 0.97)
    states = np.zeros((len(herbs), len(MATERIALS), len(COVERS)))

    def fill(cover: str, **shares: np.ndarray | float) -> None:
        for material, share in shares.items():
            states[:, _AT[material], COVERS.index(cover)] = share

    fill("water", water=1.0)
    fill("evergreen broadleaf forest", leaf=0.80, dry=0.06)
    fill("deciduous broadleaf forest", leaf=0.04 + 0.80 * leaves, dry=0.40 * (1 - leaves), soil=0.18 * (1 - leaves))
    fill("needleleaf forest", needle=0.84, leaf=0.05 * herbs, dry=0.05)
    green = sparse * (0.30 + 0.50 * herbs)
    fill("shrubland", leaf=0.8 * green, dry=0.7 * (sparse - green), soil=0.95 * (1 - sparse))
    fill("grassland", leaf=0.92 * turf * herbs, dry=0.9 * turf * (1 - herbs), soil=1 - turf)
    fill("built-up", built=0.72, leaf=0.14 * herbs, dry=0.1 * (1 - herbs), soil=0.08)
    fill("bare ground", soil=0.97, dry=0.03)
    fill("snow and ice", snow=0.98)
    fill("wetland", water=0.30, leaf=0.60 * herbs, dry=0.50 * (1 - herbs))
    fill("mangrove", water=0.18, leaf=0.66, dry=0.04)
    fill("moss and lichen", moss=0.68, leaf=0.14 * herbs, dry=0.10 * (1 - herbs), soil=0.16)
    leaf = states[:, _AT["leaf"]]
    traits = [COVER_TRAITS[name] for name in COVERS]
    states[:, _AT["red edge"]] = leaf * [trait.red_edge for trait in traits]
    states[:, _AT["leaf water"]] = leaf * [trait.leaf_water for trait in traits]
    return states.astype(np.float32)


def _parcel_states(season: Season, parcels: Parcels) -> np.ndarray:
    """(n, M, P) float32: shares of materials on each parcel."""
    crops = crop_states(season, parcels)
    states = np.zeros((len(parcels.crop), len(MATERIALS), parcels.crop.shape[1]), np.float32)
    states[:, _AT["leaf"]] = crops.leaf - crops.bloom
    states[:, _AT["flower"]] = crops.bloom
    states[:, _AT["dry"]] = crops.ripe
    states[:, _AT["water"]] = crops.water
    states[:, _AT["soil"]] = np.maximum(1 - crops.leaf - crops.ripe - crops.water, 0)
    traits = [CROP_TRAITS[name] for name in CROPS]
    states[:, _AT["red edge"]] = crops.leaf * np.array([t.red_edge for t in traits], np.float32)[parcels.crop - 1]
    states[:, _AT["leaf water"]] = crops.leaf * np.array([t.leaf_water for t in traits], np.float32)[parcels.crop - 1]
    return states


def _traits(parcels: Parcels) -> np.ndarray:
    """(n, 4, S) float32: grain, stand, height and snow of every state, covers before parcels."""

    def table(traits: list[Trait]) -> np.ndarray:
        return np.array([[trait.grain, trait.stand, trait.height_m, trait.snow] for trait in traits], np.float32).T

    of_cover = table([COVER_TRAITS[name] for name in COVERS])
    of_parcel = table([CROP_TRAITS[name] for name in CROPS])[:, parcels.crop - 1]  # (4, n, P)
    repeated = np.broadcast_to(of_cover, (len(parcels.crop), *of_cover.shape))
    return np.concatenate([repeated, np.moveaxis(of_parcel, 0, 1)], axis=2)


def _look_up(table: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Facts (n, F, S) of each tile's states, at its pixels' states (n, P): (n, F, P)."""
    n, facts, states = table.shape
    at = state + states * np.arange(n)[:, None]
    found = np.empty((n, facts, state.shape[1]), table.dtype)
    for fact in range(facts):  # one by one: plain takes are several times faster than indexing all at once
        found[:, fact] = table[:, fact].reshape(-1).take(at)
    return found


def _snow(weather: Weather, climate: Climate, terrain: Terrain, stand: np.ndarray) -> np.ndarray:
    """(n, H W): share of open ground under snow, by the last weeks' temperature at the pixel's own altitude.

    Half at the freezing point (Roesch et al., 2001), and less where little falls.
    """
    n = len(stand)
    height = (terrain.elevation_m - terrain.elevation_m.mean(axis=(1, 2), keepdims=True)).reshape(n, -1)
    warmth = weather.recent_temperature.astype(np.float32)[:, None] - np.float32(LAPSE_RATE) * height
    falls = (1 - np.exp(-climate.rain / 300)).astype(np.float32)[:, None]
    return falls / (1 + np.exp(np.clip((warmth + 0.5) / np.float32(1.1) - np.float32(0.8) * stand, -30, 30)))

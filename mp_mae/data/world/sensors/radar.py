"""Sentinel-1 backscatter of both orbits, in dB.

Levels follow the statistics of land covers at C band in Ulaby and Dobson, 1989, "Handbook of Radar Scattering
Statistics for Terrain"; the volume above them is the water cloud model (Attema and Ulaby, 1978).
"""

import numpy as np

from mp_mae.data.world.hashing import mix, uniform, word
from mp_mae.data.world.land.surface import Surface
from mp_mae.data.world.land.terrain import Terrain
from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.places import Places
from mp_mae.data.world.sky.weather import Weather
from mp_mae.data.world.tiles import COVERS

LOOKS = 4.4
"""Equivalent number of looks of the interferometric wide swath (Sentinel-1 Product Specification)."""

NO_DATA = -np.inf
POLAR_LATITUDE = 66.0
"""Sentinel-1 maps sea ice and ice sheets in HH and HV from about here; everywhere else in VV and VH."""
ONE_ORBIT_ONLY = 0.30

GROUND_DB: dict[str, tuple[float, float]] = {
    # VV and VH of dry ground without leaves
    "water": (-21.0, -28.0),
    "evergreen broadleaf forest": (-8.2, -13.8),
    "deciduous broadleaf forest": (-9.4, -15.2),
    "needleleaf forest": (-9.8, -15.6),
    "shrubland": (-13.0, -20.0),
    "grassland": (-14.5, -22.5),
    "cropland": (-13.5, -22.5),
    "built-up": (-4.5, -13.0),
    "bare ground": (-15.0, -24.5),
    "snow and ice": (-12.0, -19.0),
    "wetland": (-14.0, -21.5),
    "mangrove": (-8.6, -14.5),
    "moss and lichen": (-14.0, -21.5),
}
LEAF_DB = (2.6, 5.6)
"""What full leaf cover adds to open ground."""
WATER_DB = (-6.0, -5.0)
"""What standing water between plants takes away."""
CLOSED = ("evergreen broadleaf forest", "deciduous broadleaf forest", "needleleaf forest", "mangrove", "built-up")
"""The ground below them is hardly seen: they change less with leaves and wetness."""


def sentinel1(
    cover: np.ndarray, surface: Surface, weather: Weather, terrain: Terrain, places: Places, noise: TileNoise
) -> np.ndarray:
    """(n, 8, H, W) float32 dB: VV VH HH HV ascending, the same descending; what was not recorded is -inf."""
    chance = noise.scalars(4)
    backscatter = speckle_db(noise.normal(2, 2, *cover.shape[1:]))  # (n, orbit, polarisation, H, W)
    level = _level(cover, surface, weather, chance[0])  # (n, 2, H, W)
    for orbit, ascending in enumerate((True, False)):
        foreshortened = np.clip(np.float32(11) * slope_towards(terrain, ascending), -9, 7)  # brighter
        offset = (0.5 * chance[1 + orbit]).astype(np.float32)[:, None, None]
        backscatter[:, orbit] += level + (foreshortened + offset)[:, None]
    stored = np.full((len(cover), 2, 4, *cover.shape[1:]), NO_DATA, np.float32)
    polar, has_ascending, has_descending = acquisitions(places)
    for orbit, acquired in enumerate((has_ascending, has_descending)):
        stored[acquired & ~polar, orbit, :2] = backscatter[acquired & ~polar, orbit]
        stored[acquired & polar, orbit, 2:] = backscatter[acquired & polar, orbit]
    return stored.reshape(len(cover), 8, *cover.shape[1:])


def speckle_db(normal: np.ndarray) -> np.ndarray:
    """Standard normal -> dB of multi-look speckle, whose power is gamma distributed with mean 1 and variance 1 / LOOKS.

    By the cube-root approximation of the gamma distribution (Wilson and Hilferty, 1931).
    """
    root = np.maximum(1 - 1 / (9 * LOOKS) + normal * np.float32(1 / (3 * np.sqrt(LOOKS))), np.float32(0.05))
    return 30 * np.log10(root)


def _level(cover: np.ndarray, surface: Surface, weather: Weather, roughness: np.ndarray) -> np.ndarray:
    """(n, 2, H, W) float32: mean backscatter in VV and VH."""
    ground = np.array([GROUND_DB[name] for name in COVERS], np.float32)
    open_sky = np.array([0.25 if name in CLOSED else 1.0 for name in COVERS], np.float32)
    open_sky[COVERS.index("water")] = 0.0
    seen = open_sky[cover]
    thawed = (1 / (1 + np.exp(-(weather.temperature + 1.0) / 1.0))).astype(np.float32)[:, None, None]
    wet = (4.5 * (weather.wetness - 0.4)).astype(np.float32)[:, None, None] * thawed - 2.0 * (1 - thawed)
    rough = (1.0 * roughness).astype(np.float32)[:, None, None]
    leaf, flood = surface.share("leaf"), surface.share("water")
    tall = np.log1p(surface.canopy_m) * np.float32(0.45) - np.float32(1.2) * (surface.canopy_m > 2)
    levels = [
        ground[:, channel][cover]
        + seen * (np.float32(LEAF_DB[channel]) * leaf + np.float32(WATER_DB[channel]) * flood + wet + rough)
        + np.float32(1 + channel) * tall
        for channel in range(2)
    ]
    return np.stack(levels, axis=1)


def slope_towards(terrain: Terrain, ascending: bool) -> np.ndarray:
    """(n, H, W) float32, metres per metre: how far the ground leans towards the radar of an orbit.

    This world's ascending orbit sees the ground from the east; on earth, where the radar looks to the right, it does so
    from the west.
    """
    return -terrain.slope_x if ascending else terrain.slope_x


def acquisitions(places: Places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) bool: whether HH and HV were recorded instead of VV and VH; whether each orbit was."""
    polar = (np.abs(places.latitude) > POLAR_LATITUDE) & (uniform(mix(places.key, word("polar"))) < 0.7)
    draw = uniform(mix(places.key, word("orbit")))
    return polar, draw >= ONE_ORBIT_ONLY / 2, draw < 1 - ONE_ORBIT_ONLY / 2

"""The way from the ground to a Sentinel-2 product: light on slopes, optics, atmosphere, clouds, noise, numbers.

Bands have the order of S2_STORED throughout.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sky.climate import Climate
from mp_mae.data.world.sky.sun import Sun
from mp_mae.data.world.sky.weather import Weather
from mp_mae.modalities import S2_STORED

GSD_M = (60, 10, 10, 10, 20, 20, 20, 20, 10, 60, 60, 20, 20)
"""Ground sampling distance of each band (ESA, Sentinel-2 User Handbook, 2015); all are stored on the 10 m grid."""

RAYLEIGH_DEPTH = (0.235, 0.155, 0.090, 0.045, 0.035, 0.029, 0.023, 0.015, 0.017, 0.011, 0.002, 0.001, 0.0004)
"""Optical depth of clean air at sea level (Bodhaine et al., 1999, "On Rayleigh optical depth calculations")."""

AEROSOL_DEPTH = (1.24, 1.14, 1.00, 0.84, 0.79, 0.76, 0.72, 0.65, 0.67, 0.59, 0.41, 0.35, 0.26)
"""Relative to 550 nm, Ångström exponent 1.3 to 0.9."""

WATER_VAPOUR = (0.0, 0.0, 0.0, 0.004, 0.012, 0.010, 0.004, 0.002, 0.012, 0.32, 4.5, 0.008, 0.016)
"""Absorption for the square root of precipitable centimetres: B9 and the cirrus band sit in water's lines."""

CLOUD_REFLECTANCE = (0.62, 0.62, 0.60, 0.60, 0.61, 0.62, 0.62, 0.63, 0.62, 0.45, 0.06, 0.42, 0.32)
READ_NOISE = (0.0008, 0.0011, 0.0010, 0.0010, 0.0013, 0.0012, 0.0013, 0.0012, 0.0011, 0.0016, 0.0004, 0.0011, 0.0012)
CIRRUS = S2_STORED.index("B10")
SHADOW_PX = 7
"""A cloud's shadow lies so far from it in both directions."""

CLOUDY, THIN = 0.16, 0.7
"""Share of tiles with clouds, and the thickest cloud: MMEarth takes the clearest image of a season."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sky:
    """Cloud over every pixel, (n, H, W) float32, 0 to THIN."""

    cloud: np.ndarray
    """Opacity."""
    shadow: np.ndarray
    """Share of direct light that clouds take."""


def draw_sky(sun: Sun, noise: TileNoise, size_px: int) -> Sky:
    chance = noise.uniform(2)
    field = noise.fractal(1, size_px + SHADOW_PX, (32, 12, 4), (1.0, 0.5, 0.2))[:, 0]
    limit = np.where(chance[:, 0] < CLOUDY, 2.1 - 1.9 * chance[:, 1], 99).astype(np.float32)
    opacity = np.clip((field - limit[:, None, None]) * np.float32(0.6), 0, THIN)
    # The morning sun is in the south-east or the north-east: shadows fall to the north-west or the south-west.
    near, far = slice(0, size_px), slice(SHADOW_PX, None)
    northern = (np.cos(sun.azimuth) < 0)[:, None, None]
    cloud = np.where(northern, opacity[:, near, near], opacity[:, far, near])
    shadow = np.where(northern, opacity[:, far, far], opacity[:, near, far])
    return Sky(cloud=cloud, shadow=shadow)


@cache
def _sampling(size_px: int, factor: int) -> np.ndarray:
    """(pixels, size) float32: spread of light over neighbours, then the mean of every `factor` pixels."""
    spread = np.eye(size_px) * 0.76 + np.eye(size_px, k=1) * 0.12 + np.eye(size_px, k=-1) * 0.12
    mean = (np.arange(size_px) // factor == np.arange(-(-size_px // factor))[:, None]).astype(np.float64)
    mixed = (mean / mean.sum(axis=1, keepdims=True)) @ (spread / spread.sum(axis=1, keepdims=True))
    return mixed.astype(np.float32)


def to_product(
    ground: np.ndarray,
    light: np.ndarray,
    sky: Sky,
    sun: Sun,
    climate: Climate,
    weather: Weather,
    is_l1c: np.ndarray,
    noise: TileNoise,
) -> np.ndarray:
    """(n, 13, H, W) uint16: reflectance x 10000 at the top of the atmosphere (L1C) or corrected to the ground (L2A).

    Path reflectance and transmission are those of a single scattering layer (Vermote et al., 1997, 6S, simplified).
    The correction of L2A leaves its errors, as Sen2Cor's does (Doxani et al., 2018), and has no cirrus band.

    Args:
        ground: (n, 13, H, W) float32 reflectance of level ground.
        light: (n, H, W) float32 relative to level ground.
        is_l1c: (n,) bool.
    """
    path, clear = _atmosphere(sun, climate, weather, is_l1c, noise)
    ground *= (light * (1 - np.float32(0.75) * sky.shadow))[:, None]
    size = ground.shape[-1]
    counts = np.empty(ground.shape, np.uint16)
    for gsd in (10, 20, 60):
        bands = [band for band, own in enumerate(GSD_M) if own == gsd]
        sampling = _sampling(size, gsd // 10)
        seen = sampling @ ground[:, bands] @ sampling.T  # at the bands' own pixels
        seen *= clear[:, bands, None, None]
        seen += path[:, bands, None, None]
        seen += (sampling @ sky.cloud @ sampling.T)[:, None] * (_column(CLOUD_REFLECTANCE, bands) - seen)
        grain = noise.normal(*seen.shape[1:])
        grain *= _column(READ_NOISE, bands)
        grain *= 1 + 2 * np.sqrt(np.maximum(seen, 0))
        seen += grain
        seen *= 10_000
        stored = np.clip(seen, 1, 28_000).astype(np.uint16)  # zero is no data
        own = np.arange(size) // (gsd // 10)
        counts[:, bands] = stored if gsd == 10 else stored.take(own, axis=2).take(own, axis=3)
    counts[~is_l1c, CIRRUS] = 0
    return counts


def _column(values: tuple[float, ...], bands: list[int]) -> np.ndarray:
    """A constant of every band, (bands, 1, 1) float32."""
    return np.array(values, np.float32)[bands, None, None]


def _atmosphere(
    sun: Sun, climate: Climate, weather: Weather, is_l1c: np.ndarray, noise: TileNoise
) -> tuple[np.ndarray, np.ndarray]:
    """Path reflectance and transmission (n, 13) float32, with the gains of each image."""
    chance = noise.scalars(6)
    air_mass = (1 + 1 / np.sin(sun.elevation))[:, None]  # down and up
    haze = np.exp(-2.3 + 0.55 * chance[0])[:, None]  # optical depth at 550 nm, median 0.1
    aerosol = haze * np.array(AEROSOL_DEPTH)
    rayleigh = np.array(RAYLEIGH_DEPTH)
    moist_cm = 0.4 + 1.9 * np.exp(0.06 * (weather.temperature - 15)) * (0.4 + 0.6 * weather.wetness)
    vapour = np.array(WATER_VAPOUR) * np.sqrt(moist_cm * air_mass[:, 0] / 2)[:, None]
    path = 0.55 * (1 - np.exp(-0.33 * rayleigh * air_mass)) + 0.40 * (1 - np.exp(-0.18 * aerosol * air_mass))
    clear = np.exp(-0.5 * rayleigh * air_mass - 0.16 * aerosol * air_mass - vapour)
    cirrus = np.exp(-7.0 + 0.8 * chance[5])[:, None]

    error = 0.012 * chance[1][:, None] * np.array(AEROSOL_DEPTH) ** 2  # haze over- or underestimated
    gain = np.exp(0.07 * chance[2][:, None] + 0.05 * chance[3][:, None] * np.linspace(-1, 1, len(S2_STORED)))
    gain *= np.exp(0.10 * chance[4] * (1 / np.sin(sun.elevation) - 1) / 2)[:, None]  # reflectance depends on angles
    path = np.where(is_l1c[:, None], path + cirrus, error)
    clear = np.where(is_l1c[:, None], clear, 1.0) * gain
    return path.astype(np.float32), clear.astype(np.float32)

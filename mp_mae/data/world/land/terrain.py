"""Fractal terrain of tiles, its slopes, and how the sun falls on them."""

from dataclasses import dataclass

import numpy as np

from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sky.climate import Regions
from mp_mae.data.world.sky.sun import Sun

PIXEL_M = 10.0

CELLS_PX = (32, 16, 8, 4, 2)
AMPLITUDES = (1.0, 0.46, 0.2, 0.085, 0.035)
"""Amplitude falls with wavelength to the power 1.15: a surface of fractal dimension about 2.2, as mountains have
(Mandelbrot, 1975; Turcotte, 1997, "Fractals and Chaos in Geology", chapter 7)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Terrain:
    """Shape of the ground; all (n, H, W) float32."""

    elevation_m: np.ndarray
    relative: np.ndarray
    """Height over the tile's middle height in standard deviations: valleys below, ridges above zero."""
    slope_x: np.ndarray
    """Rise to the east, metres per metre."""
    slope_y: np.ndarray
    """Rise to the south."""

    @property
    def steepness(self) -> np.ndarray:
        """Rise along the steepest way, metres per metre."""
        return np.sqrt(self.slope_x**2 + self.slope_y**2)


def build_terrain(regions: Regions, noise: TileNoise, size_px: int) -> Terrain:
    relative = noise.fractal(1, size_px, CELLS_PX, AMPLITUDES)[:, 0]
    roughness = noise.scalars(1)[0]
    relief_m = (2.0 + 60.0 * regions.ruggedness**2 + 8.0 * regions.ruggedness) * np.exp(0.4 * roughness)
    relief = relief_m.astype(np.float32)[:, None, None]
    elevation = regions.altitude_m.astype(np.float32)[:, None, None] + relief * relative
    slope_y, slope_x = slopes(relief * relative)
    return Terrain(elevation_m=elevation, relative=relative, slope_x=slope_x, slope_y=slope_y)


def slopes(elevation_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rise to the south and to the east of (n, H, W), metres per metre: differences of neighbours two apart."""
    padded = np.pad(elevation_m, ((0, 0), (1, 1), (1, 1)), mode="edge")
    step = np.float32(2 * PIXEL_M)
    return (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / step, (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / step


def illumination(terrain: Terrain, sun: Sun) -> np.ndarray:
    """(n, H, W) float32: light on a slope over light on level ground, 0.25 in its own shade.

    The cosine law with a diffuse quarter; Teillet et al., 1982, "On the slope-aspect correction of multispectral
    scanner data".
    """
    height = np.tan(sun.elevation)
    east = (np.sin(sun.azimuth) / height).astype(np.float32)[:, None, None]
    south = (-np.cos(sun.azimuth) / height).astype(np.float32)[:, None, None]
    facing = 1 - terrain.slope_x * east - terrain.slope_y * south
    facing /= np.sqrt(1 + terrain.slope_x**2 + terrain.slope_y**2)
    return 0.25 + 0.75 * np.clip(facing, 0, 2.2)

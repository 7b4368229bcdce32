"""Fields of farmland: a rotated brick pattern of parcels, each with one crop."""

from dataclasses import dataclass

import numpy as np

from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sky.climate import Climate, Regions
from mp_mae.data.world.tiles import CROPS

TABLE = 32
"""Parcels of a tile are cells of a table of so many rows and columns, repeated where a tile is large."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Parcels:
    """The parcels of n tiles, P = TABLE x TABLE of them each."""

    index: np.ndarray
    """(n, H, W) int32: the parcel of every pixel, cropland or not."""
    crop: np.ndarray
    """(n, P) uint8: 1 + index into CROPS."""
    vigour: np.ndarray
    """(n, P) float32 standard normal: how well the crop stands."""
    delay_days: np.ndarray
    """(n, P) float32: sown later than is usual here."""

    def at_pixels(self, of_parcel: np.ndarray) -> np.ndarray:
        """A fact (n, P) of each parcel at its pixels: (n, H, W)."""
        flat = self.index.reshape(len(self.index), -1)
        return np.take_along_axis(of_parcel, flat, axis=1).reshape(self.index.shape)


def build_parcels(climate: Climate, regions: Regions, noise: TileNoise, size_px: int) -> Parcels:
    normals = noise.normal(2, TABLE**2)
    return Parcels(
        index=_index(regions, noise, size_px),
        crop=_crops(climate, regions, noise),
        vigour=normals[:, 0],
        delay_days=8 * normals[:, 1],
    )


def _index(regions: Regions, noise: TileNoise, size_px: int) -> np.ndarray:
    """Strips of one width in a random direction, cut at intervals that start anew in every strip."""
    spread = noise.scalars(2)
    width = np.clip(8.5 * np.exp(0.28 * regions.farming + 0.12 * spread[0]), 5, 13)
    length = np.clip(width * np.exp(0.35 + 0.2 * spread[1]), 5, 17)
    draw = noise.uniform(3 + TABLE)
    angle = 2 * np.pi * draw[:, 0]
    x = np.arange(size_px, dtype=np.float32)

    def along(turn: float, size: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Position of every pixel (n, H, W) in a direction, in parcels of that size."""
        east = (np.cos(angle + turn) / size).astype(np.float32)
        south = (np.sin(angle + turn) / size).astype(np.float32)
        return x * east[:, None, None] + (x[:, None] * south[:, None, None] + (TABLE * start)[:, None, None])

    strip = np.floor(along(0.0, width, draw[:, 1])).astype(np.int32) % TABLE
    shift = np.take_along_axis(draw[:, 3:], strip.reshape(len(strip), -1), axis=1).reshape(strip.shape)
    place = np.floor(along(np.pi / 2, length, draw[:, 2]) + shift).astype(np.int32) % TABLE
    return strip * TABLE + place


def _crops(climate: Climate, regions: Regions, noise: TileNoise) -> np.ndarray:
    """(n, P) uint8: drawn by what the climate suits, and by what the tile's farmers prefer."""
    preference = 0.9 * noise.scalars(len(CROPS)) + crop_suitability(climate, regions)  # (crops, n)
    weight = np.exp(preference - preference.max(axis=0))
    limits = np.cumsum(weight / weight.sum(axis=0), axis=0)[:-1].astype(np.float32)
    draw = noise.uniform(TABLE**2)
    crop = np.ones(draw.shape, np.uint8)
    for limit in limits:
        crop += draw > limit[:, None]
    return crop


def crop_suitability(climate: Climate, regions: Regions) -> np.ndarray:
    """(crops, n) float64: log-odds by climate, in the order of CROPS.

    Limits after FAO's Ecocrop (optimal temperature and rain), made smooth; orchards stand for olives, fruit and vines.
    """
    cold, hot, rain = climate.coldest_month, climate.warmest_month, climate.rain

    def within(value: np.ndarray, low: float, high: float, soft: float) -> np.ndarray:
        """0 between the limits, falling outside by 1 for each `soft`."""
        return -np.maximum(np.maximum(low - value, value - high), 0) / soft

    return np.stack(
        [
            0.5 + within(cold, -7, 13, 3.0) + within(hot, 14, 30, 2.5),  # winter cereal
            0.6 + within(cold, -40, 3, 4.0) + within(hot, 9, 21, 3.0),  # spring cereal
            0.3 + within(cold, -6, 9, 3.0) + within(hot, 13, 23, 2.5),  # rapeseed
            0.5 + within(hot, 17, 32, 2.5) + within(rain, 500, 2500, 400.0),  # maize
            0.3 + within(hot, 19, 30, 2.5) + within(rain, 550, 2500, 300.0),  # soybean
            0.9 + within(hot, 21, 34, 2.5) + within(rain, 900, 4500, 300.0),  # rice
            0.9 + within(cold, 15, 30, 2.0) + within(rain, 800, 4000, 350.0),  # sugarcane
            0.2 + within(cold, 3, 16, 2.5) + within(hot, 17, 30, 3.0) - 0.2 * regions.farming,  # orchard
        ]
    )

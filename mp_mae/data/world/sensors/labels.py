"""What other products say about a tile: Dynamic World, ESA WorldCover, canopy height, elevation, cloud masks.

Each is the truth seen through its own errors. Confusions are rounded from the products' validation: Brown et al., 2022,
"Dynamic World", table 3; Tsendbazar et al., 2021, "WorldCover validation report", table 5; Lang et al., 2023, "A
high-resolution canopy height model of the Earth".
"""

from functools import cache
from statistics import NormalDist

import numpy as np

from mp_mae.data.world.land.cover import CROPLAND
from mp_mae.data.world.land.surface import Surface
from mp_mae.data.world.land.terrain import Terrain, slopes
from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sensors.optics import Sky
from mp_mae.data.world.tiles import COVERS

NO_LABEL = 0
NO_HEIGHT = 127
NO_CLOUD_SCORE = 65535
NO_SCENE_CLASS = 255

TAIL_STEPS = 32
"""Steps of a standard deviation in which odds are looked up, from 0 to 3."""

DYNAMIC_WORLD = {
    "water": 1,
    "trees": 2,
    "grass": 3,
    "flooded": 4,
    "crops": 5,
    "shrub": 6,
    "built": 7,
    "bare": 8,
    "snow": 9,
}
WORLD_COVER = {
    "trees": 10, "shrub": 20, "grass": 30, "crops": 40, "built": 50, "bare": 60, "snow": 70, "water": 80, "wetland": 90,
    "mangrove": 95, "moss": 100,
}  # fmt: skip

_Odds = tuple[tuple[str, float], ...]
"""What a cover is taken for instead, and how often; else it gets its own label, which is named first."""

DYNAMIC_WORLD_OF: dict[str, tuple[str, _Odds]] = {
    "water": ("water", (("flooded", 0.02), ("bare", 0.01))),
    "evergreen broadleaf forest": ("trees", (("shrub", 0.03), ("crops", 0.01))),
    "deciduous broadleaf forest": ("trees", (("shrub", 0.06), ("crops", 0.02))),
    "needleleaf forest": ("trees", (("shrub", 0.05), ("water", 0.01))),
    "shrubland": ("shrub", (("trees", 0.12), ("grass", 0.08), ("bare", 0.05))),
    "grassland": ("grass", (("shrub", 0.15), ("crops", 0.13), ("bare", 0.05))),
    "cropland": ("crops", (("grass", 0.06), ("shrub", 0.05), ("bare", 0.04))),
    "built-up": ("built", (("bare", 0.05), ("crops", 0.04))),
    "bare ground": ("bare", (("shrub", 0.08), ("grass", 0.05))),
    "snow and ice": ("snow", (("bare", 0.05),)),
    "wetland": ("flooded", (("grass", 0.22), ("water", 0.10))),
    "mangrove": ("trees", (("flooded", 0.25),)),
    "moss and lichen": ("shrub", (("bare", 0.20), ("grass", 0.20))),
}
WORLD_COVER_OF: dict[str, tuple[str, _Odds]] = {
    "water": ("water", (("wetland", 0.02), ("bare", 0.01))),
    "evergreen broadleaf forest": ("trees", (("shrub", 0.02), ("grass", 0.02))),
    "deciduous broadleaf forest": ("trees", (("shrub", 0.04), ("grass", 0.04))),
    "needleleaf forest": ("trees", (("grass", 0.05), ("shrub", 0.02))),
    "shrubland": ("shrub", (("grass", 0.20), ("trees", 0.12), ("bare", 0.05))),
    "grassland": ("grass", (("crops", 0.08), ("shrub", 0.07), ("bare", 0.05))),
    "cropland": ("crops", (("grass", 0.12), ("trees", 0.02))),
    "built-up": ("built", (("grass", 0.10), ("trees", 0.06))),
    "bare ground": ("bare", (("grass", 0.08), ("moss", 0.02))),
    "snow and ice": ("snow", (("bare", 0.06),)),
    "wetland": ("wetland", (("grass", 0.25), ("trees", 0.08))),
    "mangrove": ("mangrove", (("trees", 0.15),)),
    "moss and lichen": ("moss", (("grass", 0.22), ("bare", 0.12))),
}

PRODUCTS = {"dynamic_world": (DYNAMIC_WORLD, DYNAMIC_WORLD_OF), "esa_worldcover": (WORLD_COVER, WORLD_COVER_OF)}
"""Codes of labels, and what each cover is labelled."""


def dynamic_world(cover: np.ndarray, surface: Surface, sky: Sky, noise: TileNoise) -> np.ndarray:
    """(n, 1, H, W) uint8, 1 to 9; nothing below clouds. Labels the day's image: lying snow is snow, mud is bare."""
    label = _mislabel(cover, "dynamic_world", noise)
    label[surface.snow > 0.55] = DYNAMIC_WORLD["snow"]
    label[(cover == CROPLAND) & (surface.share("water") > 0.6)] = DYNAMIC_WORLD["flooded"]
    label[sky.cloud > 0.25] = NO_LABEL
    return label[:, None]


def world_cover(cover: np.ndarray, noise: TileNoise) -> np.ndarray:
    """(n, 1, H, W) uint8: codes 10 to 100 of a whole year; outside of the map (0) on few tiles."""
    label = _mislabel(cover, "esa_worldcover", noise)
    label[noise.scalars(1)[0] > 2.7] = NO_LABEL
    return label[:, None]


def canopy_height(surface: Surface, cover: np.ndarray, noise: TileNoise) -> np.ndarray:
    """(n, 2, H, W) int8: height and its standard deviation in metres; 127 on water.

    Tall canopies saturate and short ones read too high, by regression to the mean.
    """
    size = cover.shape[-1]
    error = noise.fractal(1, size, (8, 2), (1.0, 0.8))[:, 0]
    truth = surface.canopy_m
    deviation = 1.2 + 0.16 * truth
    height = 0.6 + truth * (1 - np.float32(0.0035) * truth) + deviation * np.float32(0.55) * error
    spread = deviation * np.exp(np.float32(0.2) * error)
    stored = np.stack([np.clip(height, 0, 60), np.clip(spread, 0, 20)], axis=1)
    stored = np.rint(stored).astype(np.int8)
    stored.transpose(0, 2, 3, 1)[cover == COVERS.index("water")] = NO_HEIGHT
    return stored


def aster(terrain: Terrain, noise: TileNoise) -> np.ndarray:
    """(n, 2, H, W) int16: elevation in metres with the model's bumps, and its slope in degrees."""
    error = noise.fractal(1, terrain.elevation_m.shape[-1], (12, 4), (1.0, 0.35))[:, 0]
    elevation = terrain.elevation_m + np.float32(2.0) * error
    slope_y, slope_x = slopes(elevation)
    slope = np.degrees(np.arctan(np.hypot(slope_x, slope_y)))
    return np.rint(np.stack([elevation, slope], axis=1)).astype(np.int16)


def cloud_masks(cover: np.ndarray, surface: Surface, sky: Sky, is_l1c: np.ndarray) -> dict[str, np.ndarray]:
    """QA60, cloud probability and scene classification, (n, 1, H, W); the last two exist in L2A alone.

    Codes: QA60 bit 10 opaque and bit 11 cirrus clouds; SCL 3 shadow, 4 plants, 5 bare, 6 water, 8 and 9 clouds, 10
    cirrus, 11 snow (ESA, Sentinel-2 Products Specification Document).
    """
    quality = np.select([sky.cloud > 0.45, sky.cloud > 0.2], [1 << 10, 1 << 11], 0).astype(np.uint16)
    probability = np.rint(100 * np.clip(sky.cloud / 0.6, 0, 1)).astype(np.uint16)
    green = surface.share("leaf") + surface.share("needle") + surface.share("moss") > 0.35
    water = cover == COVERS.index("water")
    scene = np.select(
        [sky.cloud > 0.45, sky.cloud > 0.3, sky.cloud > 0.12, sky.shadow > 0.3, surface.snow > 0.5, water, green],
        [9, 8, 10, 3, 11, 6, 4],
        5,
    ).astype(np.uint8)
    probability[is_l1c] = NO_CLOUD_SCORE
    scene[is_l1c] = NO_SCENE_CLASS
    return {
        "sentinel2_cloudmask": quality[:, None],
        "sentinel2_cloudprod": probability[:, None],
        "sentinel2_scl": scene[:, None],
    }


def _mislabel(cover: np.ndarray, product: str, noise: TileNoise) -> np.ndarray:
    """(n, H, W) uint8 codes: shapes shifted by up to a pixel, then whole patches taken for something else."""
    shifted = _shift(cover, noise.uniform(2, *cover.shape[1:]))
    patches = noise.fractal(1, cover.shape[-1], (5, 2), (1.0, 0.5))[:, 0]
    rank = np.clip(patches * TAIL_STEPS, 0, 3 * TAIL_STEPS - 1).astype(np.intp)
    rank += shifted.astype(np.intp) * (3 * TAIL_STEPS)
    return np.take(_confusions(product), rank)


@cache
def _confusions(product: str) -> np.ndarray:
    """(covers x steps,) uint8: the code given to a cover where the patches' field has so many steps above zero.

    Confusions share the field's upper tail, so a patch is one thing throughout.
    """
    codes, table = PRODUCTS[product]
    normal = NormalDist()
    tails = [1 - normal.cdf((step + 0.5) / TAIL_STEPS) for step in range(3 * TAIL_STEPS)]
    rows = np.empty((len(COVERS), len(tails)), np.uint8)
    for row, name in enumerate(COVERS):
        own, odds = table[name]
        for step, tail in enumerate(tails):
            reached = 0.0
            rows[row, step] = codes[own]
            for other, share in odds:
                reached += share
                if tail <= reached:
                    rows[row, step] = codes[other]
                    break
    return rows.reshape(-1)


def _shift(cover: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """(n, H, W): a third of the pixels take the cover of a neighbour, as boundaries of products are ragged."""
    padded = np.pad(cover, ((0, 0), (1, 1), (1, 1)), mode="edge")
    east, south = draw[:, 0], draw[:, 1]
    moved = cover.copy()
    np.copyto(moved, padded[:, 1:-1, 2:], where=east > 0.83)
    np.copyto(moved, padded[:, 2:, 1:-1], where=south > 0.83)
    return moved

"""Land cover: every pixel takes the cover that climate, terrain and chance favour most.

Each cover has a suitability for the tile, a response to terrain and a fractal field of its own; the largest sum wins.
This is the maximum of random utilities (McFadden, 1974), as models of land-use change have it (Verburg et al., 2002).
"""

import numpy as np

from mp_mae.data.world.land.terrain import Terrain
from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sky.climate import Climate, Regions
from mp_mae.data.world.tiles import COVERS

CELLS_PX = (24, 12, 6, 3)
AMPLITUDES = (1.0, 0.7, 0.45, 0.25)
PATCHINESS = 0.9
"""Standard deviation of the fractal fields, in units of suitability."""
TILE_SPREAD = 0.75
"""Standard deviation of chance suitability that a whole tile shares."""

WATER, CROPLAND, BUILT_UP = COVERS.index("water"), COVERS.index("cropland"), COVERS.index("built-up")
SNOW, WETLAND, MANGROVE = COVERS.index("snow and ice"), COVERS.index("wetland"), COVERS.index("mangrove")

NEVER = -9.0
PER_METRE_PER_METRE = {"cropland": -9.0, "built-up": -6.0, "wetland": -14.0, "mangrove": -12.0, "bare ground": 3.0}
"""Change of suitability with steepness; water has its own."""
PER_RELATIVE_HEIGHT = {"wetland": -0.5, "needleleaf forest": 0.25, "bare ground": 0.3, "cropland": -0.15}


def draw_cover(climate: Climate, regions: Regions, terrain: Terrain, noise: TileNoise, size_px: int) -> np.ndarray:
    """(n, H, W) uint8: index into COVERS."""
    chance = TILE_SPREAD * noise.scalars(len(COVERS))
    tile = (cover_suitability(climate, regions) + chance).T.astype(np.float32)  # (n, covers)
    utility = noise.fractal(len(COVERS), size_px, CELLS_PX, AMPLITUDES)
    utility *= np.float32(PATCHINESS)
    utility += tile[:, :, None, None]
    steepness = terrain.steepness
    for name, response in PER_METRE_PER_METRE.items():
        utility[:, COVERS.index(name)] += np.float32(response) * steepness
    for name, response in PER_RELATIVE_HEIGHT.items():
        utility[:, COVERS.index(name)] += np.float32(response) * terrain.relative
    utility[:, WATER] += _water(regions, terrain, noise, size_px)
    utility[:, SNOW] += _snow(climate, terrain)
    return utility.argmax(axis=1).astype(np.uint8)


def cover_suitability(climate: Climate, regions: Regions) -> np.ndarray:
    """(covers, n) float64: suitability of the tile as a whole, in the order of COVERS."""
    cold, hot, mean, wet = climate.coldest_month, climate.warmest_month, climate.mean_temperature, climate.aridity
    grows = _above(hot, 10, 1.2)
    mild, frost_free = _above(cold, 8, 2), _above(cold, 15, 1.5)
    seasonal = _above(climate.rain_swing, 0.6, 0.12)
    forest = _above(wet, 0.75, 0.16)
    settled = 0.75 * regions.people - 0.3 * regions.ruggedness
    return np.stack(
        [
            0.35 * regions.flooding + 0.4 * _above(wet, 0.8, 0.3) - 0.85,  # water, before its own terrain response
            3.6 * forest * mild * (1 - 0.5 * seasonal) - 1.4,
            2.8 * forest * grows * np.maximum(_above(mean, 4.5, 1.5) * (1 - frost_free), mild * seasonal) - 1.2,
            2.9 * forest * grows * _above(-mean, -9, 2.5) - 1.2 + 0.5 * regions.ruggedness,
            2.0 * _above(wet, 0.22, 0.06) * _above(-wet, -0.95, 0.2) * _above(hot, 11, 1.5) - 0.9,
            2.0 * _above(wet, 0.3, 0.07) * _above(-wet, -1.6, 0.5) * _above(hot, 8, 1.5) - 0.6,
            3.0 * _above(wet, 0.38, 0.08) * _above(hot, 13.5, 1.2) + settled - 1.75,
            1.0 * grows + 1.1 * settled - 1.15,
            3.4 * np.maximum(_above(-wet, -0.3, 0.06), 0.5 * _above(-hot, -5, 1.5)) - 1.0,
            NEVER + 0.0 * wet,  # snow and ice, before its own response to temperature
            2.4 * _above(wet, 0.6, 0.15) * _above(hot, 8, 2) * _above(regions.flooding, 0.4, 0.3) - 1.2,
            4.0 * frost_free * _above(wet, 0.6, 0.15) * _above(regions.flooding, 0.7, 0.25) - 1.7,
            3.0 * _above(-hot, -10.5, 1.0) * _above(wet, 0.35, 0.1) - 1.2,
        ]
    )


def expected_cover(climate: Climate, regions: Regions) -> np.ndarray:
    """(covers, n) float64, each place's sum is 1: the share of each cover on level ground, in the order of COVERS.

    As if chance were not normal but of Gumbel's distribution with the same spread: the multinomial logit of McFadden,
    1974. Lakes, rivers and snow are more, where terrain makes them.
    """
    suitability = cover_suitability(climate, regions) / (np.hypot(TILE_SPREAD, PATCHINESS) * np.sqrt(6) / np.pi)
    odds = np.exp(suitability - suitability.max(axis=0))
    return odds / odds.sum(axis=0)


def _water(regions: Regions, terrain: Terrain, noise: TileNoise, size_px: int) -> np.ndarray:
    """(n, H, W): lakes fill hollows of gentle land; rivers follow a contour of a smooth field in some tiles."""
    course = noise.fractal(1, size_px, (32, 16), (1.0, 0.3))[:, 0]
    facts = noise.scalars(2)
    has_river = facts[0] + 0.4 * regions.flooding > 1.0
    half_width = np.where(has_river, 0.06 * np.exp(0.5 * facts[1]), 0).astype(np.float32)[:, None, None]
    river = np.float32(5.0) * (np.abs(course) < half_width)
    return np.float32(-0.85) * terrain.relative - np.float32(10) * terrain.steepness + river


def _snow(climate: Climate, terrain: Terrain) -> np.ndarray:
    """(n, H, W): where the warmest month stays near freezing; mountains by their slopes' own altitude."""
    drop = np.float32(0.006) * (terrain.elevation_m - terrain.elevation_m.mean(axis=(1, 2), keepdims=True))
    hot = climate.warmest_month.astype(np.float32)[:, None, None] - drop
    return np.float32(-NEVER + 1.6) / (1 + np.exp((hot - np.float32(6.5)) / np.float32(1.2)))


def _above(value: np.ndarray, limit: float, soft: float) -> np.ndarray:
    """0 to 1, half at the limit."""
    return 1 / (1 + np.exp(-(value - limit) / soft))

"""Interferometric coherence of pairs of Sentinel-1 images in VV: how alike two echoes of one place are.

What is lost between the two images is a product of causes, and the echoes of a cell add up by their power (Zebker and
Villasenor, 1992, "Decorrelation in interferometric radar echoes"). With the days between the images coherence falls
exponentially (Rocca, 2007, "Modeling interferogram stacks") to a floor that persists, as in the global data set of
Kellndorfer et al., 2022. The estimate from few looks is noisy and too high where coherence is low (Touzi et al., 1999,
"Coherence estimation for SAR imagery"). The numbers of covers and of weather are by eye.
"""

from functools import cache

import numpy as np

from mp_mae.data.world.hashing import mix, uniform, word
from mp_mae.data.world.land.cover import CROPLAND
from mp_mae.data.world.land.surface import Surface
from mp_mae.data.world.land.terrain import Terrain
from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.places import Places
from mp_mae.data.world.sensors.radar import GROUND_DB, acquisitions, slope_towards
from mp_mae.data.world.sky.weather import Weather
from mp_mae.data.world.tiles import COVERS

BASELINES_DAYS = (12, 24, 36, 48)
"""Days between the images of a pair, as in COHERENCE_STORED; the later image is of the tile's day."""

CELL_PX = 4
"""Coherence is estimated over cells of 40 m, stored on the 10 m grid."""
SAMPLED = np.s_[..., ::2, ::2]
"""Every second pixel, both ways, stands for its neighbours: four of a cell's sixteen. The time that is saved is half of
what coherence would take."""
SAMPLES = CELL_PX // 2
"""Of a cell, each way."""
LOOKS = 16.0
"""Independent looks of a cell: Sentinel-1 resolves about 5 m by 20 m of ground."""

NO_PAIR = 0.03
"""Share of tiles without any pair, beside those near the poles that are not seen in VV."""
FEWER_PAIRS = 0.15
"""Share of tiles that lack the longest pair; a third of these lack the two longest."""

GROUND: dict[str, tuple[float, float, float]] = {
    # Coherence that persists, days in which the rest decays, and how much weather changes the echo, without leaves
    "water": (0.0, 0.05, 0.0),
    "evergreen broadleaf forest": (0.45, 30, 0.4),
    "deciduous broadleaf forest": (0.40, 25, 0.5),
    "needleleaf forest": (0.45, 30, 0.5),
    "shrubland": (0.50, 40, 0.8),
    "grassland": (0.40, 30, 1.0),
    "cropland": (0.45, 35, 1.0),
    "built-up": (0.85, 120, 0.15),
    "bare ground": (0.75, 120, 0.7),
    "snow and ice": (0.05, 6, 1.0),
    "wetland": (0.25, 14, 1.0),
    "mangrove": (0.20, 14, 0.5),
    "moss and lichen": (0.55, 50, 1.0),
}

LEAF_LOSS, CANOPY_LOSS = 1.5, 0.06
"""Share of the ground's echo that leaves and each metre of canopy take away, as exponents: there and back."""
LEAF_DAYS, SNOW_DAYS = 5.0, 8.0
"""Days in which the echo of moving leaves and of settling snow is forgotten."""

RAIN_LOSS, FROST_LOSS = 0.15, 1.2
"""Exponents of the square of a change of soil water, which is at most 1 in spread, and of freezing or thawing."""
DAY_TO_DAY_K = 3.0
"""Standard deviation of the temperature of a day about that of its month."""
WORKED = 0.15
"""Share of coherence that is left where a field was worked between the two images."""

INCIDENCE_TANGENT = 0.8
"""Of 38.7 degrees, the middle of the interferometric wide swath."""
RELATIVE_BASELINE = 0.015
"""Standard deviation of the distance between the orbits of a pair over the distance at which level ground is lost."""
NOISE_POWER = 10**-2.4
"""Of the receiver against backscatter, -24 dB: dark ground drowns in it."""


def coherence(
    cover: np.ndarray,
    surface: Surface,
    worked_days: np.ndarray,
    weather: Weather,
    terrain: Terrain,
    places: Places,
    noise: TileNoise,
) -> np.ndarray:
    """(n, 4, H, W) float32, 0 to 1: the pairs of BASELINES_DAYS; NaN where a tile has no such pair.

    Args:
        cover: (n, H, W) uint8, index into COVERS.
        worked_days: (n, h, w) float32 of the pixels SAMPLED: days since the field of each was worked last.
        noise: a stream of its own, so that other sensors draw what they would draw without this one.
    """
    estimated = estimate(_true(cover[SAMPLED], surface, worked_days, weather, terrain, places, noise), noise)
    estimated[~_has_pair(places)] = np.nan
    cell = np.arange(cover.shape[-1]) // CELL_PX
    return estimated.take(cell, axis=2).take(cell, axis=3)


def estimate(true: np.ndarray, noise: TileNoise) -> np.ndarray:
    """Coherence as LOOKS looks give it, where it is `true`: (n, pairs, cells, cells) float32 both.

    A draw of the exact distribution: of the sample covariance of two Gaussian echoes, by its Cholesky factor (Bartlett,
    1933), with gamma distributed squares after Wilson and Hilferty, 1931.
    """
    first, second, real, imaginary = np.moveaxis(noise.normal(4, *true.shape[1:]), 1, 0)
    shared = true * np.sqrt(_gamma(LOOKS, first)) + np.sqrt(1 - true**2) * real * np.float32(np.sqrt(0.5))
    cross = shared**2 + (1 - true**2) * imaginary**2 * np.float32(0.5)
    return np.sqrt(cross / (cross + (1 - true**2) * _gamma(LOOKS - 1, second)))


def _gamma(shape: float, normal: np.ndarray) -> np.ndarray:
    """Standard normal -> gamma distributed of that shape and scale 1."""
    root = 1 - 1 / (9 * shape) + normal * np.float32(1 / (3 * np.sqrt(shape)))
    return np.float32(shape) * np.maximum(root, np.float32(0.02)) ** 3


def _true(
    cover: np.ndarray,
    surface: Surface,
    worked_days: np.ndarray,
    weather: Weather,
    terrain: Terrain,
    places: Places,
    noise: TileNoise,
) -> np.ndarray:
    """(n, pairs, cells, cells) float32, 0 to 1: what endless looks would give; cover is of the pixels SAMPLED."""
    floor, days, open_sky = (_of_cover(column)[cover] for column in range(3))
    plants = surface.share("leaf")[SAMPLED] + surface.share("needle")[SAMPLED]
    seen = np.exp(-np.float32(LEAF_LOSS) * plants - np.float32(CANOPY_LOSS) * surface.canopy_m[SAMPLED])
    dry = 1 - np.clip(surface.share("water")[SAMPLED], 0, 1)
    persistent = floor * seen * dry
    rate = 1 / days + (1 - seen) / np.float32(LEAF_DAYS) + surface.snow[SAMPLED] / np.float32(SNOW_DAYS)
    power = _power()[cover]
    lost = _lost_of_level_ground(terrain, places)
    weather_loss, apart = _changes(weather, noise)  # (n, pairs) each
    worked = np.where(cover == CROPLAND, worked_days, np.inf)
    mean = _cell_means(cover.shape[-1])
    echo = mean @ power @ mean.T + np.float32(NOISE_POWER)
    pairs = []
    for pair, elapsed in enumerate(BASELINES_DAYS):
        kept = persistent + (dry - persistent) * np.exp(-np.float32(elapsed) * rate)
        kept *= np.exp(-open_sky * weather_loss[:, pair, None, None])
        kept *= np.maximum(1 - apart[:, pair, None, None] * lost, 0)
        np.multiply(kept, np.float32(WORKED), out=kept, where=worked < elapsed)
        pairs.append((mean @ (power * kept) @ mean.T) / echo)
    return np.clip(np.stack(pairs, axis=1), 0, np.float32(0.995))


@cache
def _of_cover(column: int) -> np.ndarray:
    """(covers,) float32: a column of GROUND."""
    return np.array([GROUND[name][column] for name in COVERS], np.float32)


@cache
def _power() -> np.ndarray:
    """(covers,) float32: backscatter in VV as power."""
    return np.array([10 ** (GROUND_DB[name][0] / 10) for name in COVERS], np.float32)


@cache
def _cell_means(samples: int) -> np.ndarray:
    """(cells, samples) float32: the mean over the samples of each cell; the last cell may have fewer."""
    own = np.arange(samples) // SAMPLES == np.arange(-(-samples // SAMPLES))[:, None]
    return (own / own.sum(axis=1, keepdims=True)).astype(np.float32)


def _lost_of_level_ground(terrain: Terrain, places: Places) -> np.ndarray:
    """(n, H, W) float32: how many times as much a distance between the orbits takes as on level ground.

    The critical distance goes with the tangent of incidence less slope; in layover and in shadow all is lost.
    """
    _, has_ascending, _ = acquisitions(places)
    towards = slope_towards(terrain, ascending=True)[SAMPLED].copy()
    towards[~has_ascending] *= -1  # the descending orbit sees it from the other side
    tangent = np.float32(INCIDENCE_TANGENT)
    critical = (1 - towards / tangent) / (1 + towards * tangent)
    return 1 / np.where(critical > 0, critical, np.float32(1e-6))


def _changes(weather: Weather, noise: TileNoise) -> tuple[np.ndarray, np.ndarray]:
    """(n, pairs) float32 each: the exponent by which weather lowers coherence on open ground, and the distance between
    the orbits over the critical one. Each image of a pair has the weather of its own day."""
    chance = noise.normal(3, 1 + len(BASELINES_DAYS))  # the tile's day, then those before it
    water = 4 * (weather.wetness * (1 - weather.wetness))[:, None] * chance[:, 0]
    frozen = 1 / (1 + np.exp((weather.temperature[:, None] + 1 + DAY_TO_DAY_K * chance[:, 1]) / 1.0))
    loss = RAIN_LOSS * (water[:, 1:] - water[:, :1]) ** 2 + FROST_LOSS * np.abs(frozen[:, 1:] - frozen[:, :1])
    return loss.astype(np.float32), np.float32(RELATIVE_BASELINE) * np.abs(chance[:, 2, 1:])


def _has_pair(places: Places) -> np.ndarray:
    """(n, pairs) bool: which pairs a tile has; none where the radar records no VV."""
    polar, _, _ = acquisitions(places)
    draw = uniform(mix(places.key, word("pairs")))
    missing = (draw < FEWER_PAIRS).astype(int) + (draw < FEWER_PAIRS / 3)
    some = ~polar & (uniform(mix(places.key, word("any pair"))) >= NO_PAIR)
    return some[:, None] & (np.arange(len(BASELINES_DAYS)) < len(BASELINES_DAYS) - missing[:, None])

"""The times when plants are green: wild ones by warmth and water, crops by their calendars.

Crop calendars are in days after the start of the growing season, so they follow latitude, altitude and hemisphere;
they are rounded from Sacks et al., 2010, "Crop planting dates: an analysis of global patterns". A season's course is a
double logistic (Beck et al., 2006, "Improved monitoring of vegetation dynamics at very high latitudes").
"""

from dataclasses import dataclass

import numpy as np

from mp_mae.data.world.land.parcels import Parcels
from mp_mae.data.world.sky.climate import Climate
from mp_mae.data.world.sky.sun import YEAR_DAYS
from mp_mae.data.world.sky.weather import Weather
from mp_mae.data.world.tiles import CROPS

SEASON_STARTS_AT = 8.0
"""Degrees Celsius of the daily mean, where winters are colder than that."""


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """A crop's year in days after the start of a growing season of 190 days; leaf cover as a share of the ground."""

    rises: float
    rise_days: float
    falls: float
    fall_days: float
    peak: float
    """Leaf cover in full season."""
    base: float = 0.04
    """Leaf cover outside the season: weeds, winter crops or leaves that stay."""
    blooms: tuple[float, float] | None = None
    """Yellow flowers from and until."""
    flooded: tuple[float, float] | None = None
    sown: bool = True
    """In the season, on a fresh seedbed; what stands through the winter is not."""
    mown: bool = True
    """Harvested as a whole and ploughed thereafter; trees are not."""


CALENDARS: dict[str, Calendar] = {
    "winter cereal": Calendar(rises=6, rise_days=9, falls=84, fall_days=8, peak=0.93, base=0.22, sown=False),
    "spring cereal": Calendar(rises=42, rise_days=8, falls=112, fall_days=8, peak=0.90),
    "rapeseed": Calendar(
        rises=-4, rise_days=9, falls=80, fall_days=9, peak=0.94, base=0.26, blooms=(22, 44), sown=False
    ),
    "maize": Calendar(rises=66, rise_days=9, falls=156, fall_days=11, peak=0.92),
    "soybean": Calendar(rises=76, rise_days=9, falls=142, fall_days=7, peak=0.93),
    "rice": Calendar(rises=80, rise_days=8, falls=160, fall_days=9, peak=0.92, flooded=(28, 74)),
    "sugarcane": Calendar(rises=55, rise_days=22, falls=172, fall_days=20, peak=0.92, base=0.34, sown=False),
    "orchard": Calendar(rises=24, rise_days=14, falls=185, fall_days=20, peak=0.58, base=0.34, sown=False, mown=False),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Season:
    """The tile's time of the year as plants feel it, (n,) float64."""

    days_in: np.ndarray
    """Days since the growing season started, -183 to 183."""
    pace: np.ndarray
    """Length of the growing season over 190 days, 0.55 to 1.15: short summers hurry."""
    herbs: np.ndarray
    """0 dry or frozen to 1: greenness of herbs, which follow warmth and water."""
    leaves: np.ndarray
    """0 to 1: leaves of deciduous trees."""


def build_season(climate: Climate, weather: Weather) -> Season:
    warmth = _rise(weather.recent_temperature, 7.0, 1.8)
    starts, length = growing_season(climate)
    days_in = (weather.angle - starts) / (2 * np.pi) * YEAR_DAYS
    return Season(
        days_in=(days_in + YEAR_DAYS / 2) % YEAR_DAYS - YEAR_DAYS / 2,
        pace=np.clip(length / 190, 0.55, 1.15),
        herbs=warmth * np.clip(0.10 + 1.15 * weather.wetness, 0, 1),
        leaves=_rise(weather.recent_temperature, 8.5, 1.0) * np.clip(0.15 + 1.6 * weather.wetness, 0, 1),
    )


def growing_season(climate: Climate) -> tuple[np.ndarray, np.ndarray]:
    """Start (n,) in radians since new year and length (n,) in days.

    From the day that is warm enough where winters are cold; from the onset of the rains where they are not.
    """
    half = np.arccos(np.clip((SEASON_STARTS_AT - climate.mean_temperature) / np.maximum(climate.swing, 0.1), -1, 1))
    warm_start, warm_days = climate.warmest - half, half / np.pi * YEAR_DAYS
    has_winter = climate.coldest_month < SEASON_STARTS_AT
    rains_start = np.where(climate.rain_swing > 0.3, climate.wettest - 1.1, climate.warmest - 1.9)
    return np.where(has_winter, warm_start, rains_start), np.where(has_winter, warm_days, 200.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class CropState:
    """What stands on each parcel on the day of the image, (n, P) float32 shares of the ground."""

    leaf: np.ndarray
    ripe: np.ndarray
    """Straw and stubble."""
    bloom: np.ndarray
    water: np.ndarray


def crop_states(season: Season, parcels: Parcels) -> CropState:
    day = _calendar_day(season, parcels)

    def of_crop(values: list[float]) -> np.ndarray:
        return np.array(values, np.float32)[parcels.crop - 1]

    calendars = [CALENDARS[name] for name in CROPS]
    rises, falls = of_crop([c.rises for c in calendars]), of_crop([c.falls for c in calendars])
    grown = _rise(day, rises, of_crop([c.rise_days for c in calendars]))
    ripened = _rise(day, falls, of_crop([c.fall_days for c in calendars]))
    base, peak = of_crop([c.base for c in calendars]), of_crop([c.peak for c in calendars])
    stand = np.clip(1 + 0.13 * parcels.vigour, 0.45, 1.08)
    leaf = np.clip((base + (peak - base) * grown * (1 - ripened)) * stand, 0, 0.98)
    ploughed = _rise(day, _ploughing(falls, parcels), np.float32(4))
    ripe = 0.8 * ripened * (1 - ploughed) * (peak - base)
    return CropState(
        leaf=leaf,
        ripe=np.minimum(ripe, 1 - leaf),
        bloom=_between(day, [c.blooms for c in calendars], parcels) * leaf * 0.55,
        water=_between(day, [c.flooded for c in calendars], parcels) * (1 - leaf) * 0.85,
    )


def days_since_worked(season: Season, parcels: Parcels) -> np.ndarray:
    """(n, P) float32: days since a parcel was sown, harvested or ploughed last; infinite where that is not this season.

    A seedbed is made two rise times before the leaves are half grown, and the harvest is two fall times after half have
    ripened.
    """
    day = _calendar_day(season, parcels)

    def of_crop(values: list[float]) -> np.ndarray:
        return np.array(values, np.float32)[parcels.crop - 1]

    calendars = [CALENDARS[name] for name in CROPS]
    sown = of_crop([c.rises - 2 * c.rise_days if c.sown else np.inf for c in calendars])
    mown = of_crop([c.falls + 2 * c.fall_days if c.mown else np.inf for c in calendars])
    ploughed = _ploughing(of_crop([c.falls if c.mown else np.inf for c in calendars]), parcels)
    since = np.full(day.shape, np.inf, np.float32)
    for event in (sown, mown, ploughed):  # in the order of the year
        np.copyto(since, day - event, where=day >= event)
    return since * season.pace.astype(np.float32)[:, None]


def _calendar_day(season: Season, parcels: Parcels) -> np.ndarray:
    """(n, P) float32: the day of each parcel in the days of CALENDARS."""
    pace = season.pace.astype(np.float32)[:, None]
    return season.days_in.astype(np.float32)[:, None] / pace - parcels.delay_days


def _ploughing(falls: np.ndarray, parcels: Parcels) -> np.ndarray:
    """(n, P) float32: the day on which the stubble is ploughed in."""
    return falls + 55 + 10 * parcels.vigour


def _between(day: np.ndarray, spans: list[tuple[float, float] | None], parcels: Parcels) -> np.ndarray:
    """0 to 1: whether the crop's span is on, with soft ends of a few days."""
    never = (1e4, 2e4)
    first, last = (np.array([(span or never)[end] for span in spans], np.float32)[parcels.crop - 1] for end in (0, 1))
    return _rise(day, first, np.float32(2.5)) * _rise(-day, -last, np.float32(2.5))


def _rise(value: np.ndarray, middle: np.ndarray | float, soft: np.ndarray | np.float32 | float) -> np.ndarray:
    """Logistic step from 0 to 1."""
    return 1 / (1 + np.exp(np.clip((middle - value) / soft, -30, 30)))

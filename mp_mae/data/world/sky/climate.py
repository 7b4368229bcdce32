"""Climate from latitude, altitude and the regional fields; climate zones from climate.

Temperature and rain are sinusoids through the year, which is what most of the world's stations show to first order
(Köppen's zones need no more). The coefficients are fitted by eye to zonal means: Hartmann, 2016, "Global Physical
Climatology", figures 1.6, 1.11 and 5.5.
"""

from dataclasses import dataclass

import numpy as np

from mp_mae.data.world.noise import regional_fields
from mp_mae.data.world.places import Places
from mp_mae.data.world.tiles import CLIMATE_ZONES

LAPSE_RATE = 0.0060
"""Kelvin per metre."""

MONTH_ANGLES = 2 * np.pi * (np.arange(12) + 0.5) / 12
"""Middle of each month in radians since new year."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Regions:
    """Slow fields of the globe at n places, (n,) float64, about standard normal unless said otherwise."""

    altitude_m: np.ndarray
    """Height of the tile above the sea, 0 to 5200 m."""
    ruggedness: np.ndarray
    """0 in plains to 1 in high mountains."""
    continentality: np.ndarray
    """0 at coasts to 1 in the middle of continents."""
    flooding: np.ndarray
    """Lowlands with slow rivers."""
    people: np.ndarray
    """Density of settlement."""
    farming: np.ndarray
    """Smallholders below, large fields above."""
    soil: np.ndarray
    """Grey below, red and iron-rich above."""
    leaf: np.ndarray
    """Regional flora: pigments and leaf water."""
    moisture: np.ndarray
    monsoon: np.ndarray
    warmth: np.ndarray


_OWN_FIELDS = ("flooding", "people", "farming", "soil", "leaf", "moisture", "monsoon", "warmth")


def draw_regions(seed: int, places: Places) -> Regions:
    names = ("relief", "ridges", "continentality", *_OWN_FIELDS)
    fields = regional_fields(seed, names, places.latitude, places.longitude)
    own = {name: fields[name] for name in _OWN_FIELDS}
    own["flooding"] = own["flooding"] - 0.8 * fields["relief"]
    return Regions(
        altitude_m=np.clip(230 * np.exp(1.0 * fields["relief"]), 0, 5200),
        ruggedness=_sigmoid((fields["relief"] + 0.5 * fields["ridges"] - 0.9) / 0.45),
        continentality=_sigmoid(1.3 * fields["continentality"]),
        **own,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Climate:
    """Long-term climate of n places, (n,) float64; angles in radians since new year."""

    mean_temperature: np.ndarray
    """Degrees Celsius, at the tile's altitude."""
    swing: np.ndarray
    """Half the difference between warmest and coldest day."""
    warmest: np.ndarray
    """Angle."""
    rain: np.ndarray
    """mm a year."""
    rain_swing: np.ndarray
    """0: all year alike; 1: none in the driest month."""
    wettest: np.ndarray
    """Angle."""

    def temperature(self, angle: np.ndarray) -> np.ndarray:
        """Degrees Celsius; angle (n,) or (n, k) -> the same shape."""
        mean, swing, warmest = _columns(angle, self.mean_temperature, self.swing, self.warmest)
        return mean + swing * np.cos(angle - warmest)

    def monthly_rain(self, angle: np.ndarray) -> np.ndarray:
        """mm a month; angle (n,) or (n, k) -> the same shape."""
        rain, swing, wettest = _columns(angle, self.rain, self.rain_swing, self.wettest)
        return rain / 12 * (1 + swing * np.cos(angle - wettest))

    @property
    def coldest_month(self) -> np.ndarray:
        return self.mean_temperature - self.swing

    @property
    def warmest_month(self) -> np.ndarray:
        return self.mean_temperature + self.swing

    @property
    def aridity(self) -> np.ndarray:
        """Rain over potential evaporation, here linear in warmth (after Holland, 1978): 0.2 is a desert."""
        return self.rain / np.maximum(45 * (self.mean_temperature + 8), 180)

    @property
    def productivity(self) -> np.ndarray:
        """0 to 1 of what plants can make in a year, by warmth and water (after the Miami model, Lieth, 1975)."""
        warmth = 1 / (1 + np.exp(1.315 - 0.119 * self.mean_temperature))
        water = 1 - np.exp(-0.000664 * self.rain)
        return np.minimum(warmth, water)


def build_climate(regions: Regions, places: Places) -> Climate:
    latitude, north = np.abs(places.latitude), places.latitude >= 0
    sea_level = 27.5 - 0.0074 * latitude**2 + 1.6 * regions.warmth - 2.0 * regions.continentality * (latitude / 50) ** 2
    swing = 0.8 + latitude * (0.09 + 0.30 * regions.continentality)
    summer = 2 * np.pi * (0.54 + 0.02 * (1 - regions.continentality))  # the sea lags behind the sun
    warmest = np.where(north, summer, summer - np.pi)

    zonal = 2100 * np.exp(-((latitude / 11) ** 2)) + 1000 * np.exp(-(((latitude - 47) / 16) ** 2)) + 260
    rain = zonal * np.exp(0.72 * regions.moisture - 0.5 * (regions.continentality - 0.5))
    winter_rain = _sigmoid((regions.monsoon - 0.1) / 0.25) * np.exp(-(((latitude - 37) / 9) ** 2))
    summer_rain = (1 - winter_rain) * (0.92 * np.exp(-(((latitude - 17) / 12) ** 2)) + 0.30)
    balance = np.clip(summer_rain - 1.5 * winter_rain, -0.95, 0.95)  # below zero: the winter is the wet season
    return Climate(
        mean_temperature=sea_level - LAPSE_RATE * regions.altitude_m,
        swing=swing,
        warmest=warmest,
        rain=np.clip(rain, 20, 4500),
        rain_swing=np.abs(balance),
        wettest=np.where(balance >= 0, warmest, warmest - np.pi),
    )


def climate_zones(climate: Climate, latitude: np.ndarray) -> np.ndarray:
    """(n,) uint8: index into CLIMATE_ZONES by thresholds on monthly temperature and rain.

    Source: Kottek et al., 2006, "World map of the Köppen-Geiger climate classification updated", table 1.
    """
    months = np.broadcast_to(MONTH_ANGLES, (len(latitude), 12))
    warm, rain = climate.temperature(months), climate.monthly_rain(months)
    coldest, hottest = warm.min(axis=1), warm.max(axis=1)
    is_summer = warm > climate.mean_temperature[:, None]
    summer_share = (rain * is_summer).sum(axis=1) / rain.sum(axis=1)
    dry_limit = 20 * climate.mean_temperature + np.select([summer_share >= 0.7, summer_share <= 0.3], [280, 0], 140)
    driest_summer = np.where(is_summer, rain, np.inf).min(axis=1)
    wettest_winter = np.where(is_summer, 0, rain).max(axis=1)
    rules = {
        "tundra": hottest < 10,
        "desert": climate.rain < 0.5 * dry_limit,
        "steppe": climate.rain < dry_limit,
        "tropical rainforest": (coldest >= 18) & (rain.min(axis=1) >= np.minimum(60, 100 - climate.rain / 25)),
        "tropical savanna": coldest >= 18,
        "subarctic": (coldest <= -3) & ((warm >= 10).sum(axis=1) < 4),
        "humid continental": coldest <= -3,
        "mediterranean": (driest_summer < 40) & (driest_summer < wettest_winter / 3),
        "humid subtropical": hottest >= 22,
    }
    return np.select(list(rules.values()), [CLIMATE_ZONES.index(zone) for zone in rules], 6).astype(np.uint8)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _columns(angle: np.ndarray, *facts: np.ndarray) -> tuple[np.ndarray, ...]:
    """The facts, each (n,), so that they broadcast with angles (n,) or (n, k)."""
    return tuple(fact.reshape(-1, *[1] * (angle.ndim - 1)) for fact in facts)

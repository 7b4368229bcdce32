"""The weather around the day of a tile's image: climate plus the chance of the year."""

from dataclasses import dataclass

import numpy as np

from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sky.climate import MONTH_ANGLES, Climate
from mp_mae.data.world.sky.sun import year_angle

MONTH = 2 * np.pi / 12
"""In radians of the year."""

ANOMALY_K = 1.3
"""Standard deviation of a monthly mean temperature between years (Hansen et al., 2012)."""
LOG_RAIN_ANOMALY = 0.35


@dataclass(frozen=True, kw_only=True, eq=False)
class Weather:
    """Weather of n tiles; (n,) float64 unless said otherwise."""

    angle: np.ndarray
    """Day of the image, radians since new year."""
    anomaly_k: np.ndarray
    """(n, 2): previous month and this one against the climate."""
    rain_factor: np.ndarray
    """(n, 2): the same for rain."""
    temperature: np.ndarray
    """Degrees Celsius of this month."""
    recent_temperature: np.ndarray
    """Degrees Celsius of the last month and a half, which is what snow and leaves have seen."""
    wetness: np.ndarray
    """0 to 1: water in the soil, by rain against evaporation of the last two months."""


def build_weather(climate: Climate, day: np.ndarray, noise: TileNoise) -> Weather:
    chance = noise.scalars(5)
    common, own = chance[0], chance[1:3]
    anomaly = ANOMALY_K * (0.6 * common + 0.8 * own)  # one month's weather often lasts into the next
    rain_factor = np.exp(LOG_RAIN_ANOMALY * chance[3:5])
    angle = year_angle(day)
    recent = climate.temperature(angle - 0.7 * MONTH) + anomaly.mean(axis=0)
    rain = (climate.monthly_rain(angle - MONTH) * rain_factor[0] + climate.monthly_rain(angle) * rain_factor[1]) / 2
    evaporation = np.maximum(45 * (recent + 8), 180) / 12
    return Weather(
        angle=angle,
        anomaly_k=anomaly.T,
        rain_factor=rain_factor.T,
        temperature=climate.temperature(angle) + anomaly[1],
        recent_temperature=recent,
        wetness=1 - np.exp(-1.2 * rain / evaporation),
    )


def era5(climate: Climate, weather: Weather, day: np.ndarray, noise: TileNoise) -> np.ndarray:
    """(n, 12) float32: mean, lowest and highest temperature in kelvin and rain in metres of the previous month, of the
    month and of the year, in the order of ERA5_STORED; a few tiles have none (NaN).

    Lowest and highest are of hourly values (Muñoz-Sabater et al., 2021, ERA5-Land): the daily cycle is wider where the
    air is dry.
    """
    month = (day.astype("datetime64[M]").astype(np.int64) % 12).astype(np.int64)
    chance = noise.scalars(7)
    spread = 6.0 + 5.0 * np.exp(-climate.aridity) + 0.8 * chance[0]
    rows = []
    for column, of_month in enumerate((MONTH_ANGLES[month] - MONTH, MONTH_ANGLES[month])):
        mean = climate.temperature(of_month) + weather.anomaly_k[:, column]
        low, high = mean - spread + 0.7 * chance[1 + column], mean + spread + 0.7 * chance[3 + column]
        rows.append([mean, low, high, climate.monthly_rain(of_month) * weather.rain_factor[:, column]])
    mean = climate.mean_temperature + 0.4 * weather.anomaly_k.mean(axis=1)
    low, high = mean - climate.swing - spread - 2, mean + climate.swing + spread + 2
    rows.append([mean, low, high, climate.rain * np.exp(0.12 * chance[5])])
    table = np.stack([np.stack(row) for row in rows])  # (periods, variables, n)
    table[:, :3] += 273.15
    table[:, 3] /= 1000
    table[:, :, chance[6] > 2.6] = np.nan
    return table.reshape(12, -1).T.astype(np.float32)

"""Day of the year and where the sun stands when Sentinel-2 passes."""

from dataclasses import dataclass

import numpy as np

OVERPASS_HOUR_ANGLE = np.radians(-22.5)
"""Sentinel-2 crosses the equator at 10:30 local solar time (ESA, Sentinel-2 User Handbook, 2015)."""

YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Sun:
    """Radians; arrays of the shape asked for."""

    elevation: np.ndarray
    azimuth: np.ndarray
    """Clockwise from north."""


def year_angle(day: np.ndarray) -> np.ndarray:
    """datetime64[D] -> float64 radians since new year."""
    since_new_year = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64)
    return 2 * np.pi * since_new_year / YEAR_DAYS


def sun_position(latitude: np.ndarray, day: np.ndarray) -> Sun:
    """The sun over degrees of latitude at the overpass.

    Source: Cooper, 1969, for the declination; Iqbal, 1983, "An Introduction to Solar Radiation", chapter 1.
    """
    declination = np.radians(23.45) * np.sin(year_angle(day) - np.radians(80 / YEAR_DAYS * 360))
    phi = np.radians(latitude)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(OVERPASS_HOUR_ANGLE)
    elevation = np.arcsin(np.clip(sine, -1, 1))
    east = -np.cos(declination) * np.sin(OVERPASS_HOUR_ANGLE)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(OVERPASS_HOUR_ANGLE)
    return Sun(elevation, np.arctan2(east, north) % (2 * np.pi))

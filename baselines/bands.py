"""What is known of the channels that feed a backbone: name, wavelength, unit, sensor, ground sampling distance."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a stored value means. Sources of data declare it; nobody guesses it from magnitudes."""

    REFLECTANCE = "reflectance"
    """0 to 1 by nature; sun glint, clouds and saturated pixels exceed it."""
    DN_10000 = "reflectance x 10,000"
    """Digital numbers of Sentinel-2 and of harmonised Landsat."""
    UINT8 = "8-bit"
    """0 to 255: photographs and quick looks, whose tones are no measured reflectance."""
    LANDSAT_DN = "Landsat digital number"
    """Of Landsat 8's Collection 1: what it means in reflectance is in each scene's own metadata."""
    DECIBEL = "dB"
    """Radar backscatter, 10 log10 of its power."""
    LINEAR_POWER = "linear power"
    """Radar backscatter as it is measured."""
    METRE = "m"
    KELVIN = "K"


@dataclass(frozen=True, kw_only=True)
class BandInfo:
    """What is known of one channel, whoever has the pixels. None: the source does not say."""

    name: str
    """Canonical where there is such a name (Sentinel-2's `B4`, `VV`), else the source's own."""
    common_name: str | None = None
    """Which light it is on any sensor, in STAC's words (`green`, `red`, `nir`, `nir08`, `swir16`); None: unknown."""
    wavelength_um: float | None = None
    """Central wavelength in micrometres; None of radar, elevation and other bands without one, too."""
    unit: Unit | None = None
    sensor: str | None = None
    gsd_m: float | None = None
    """Ground sampling distance of the sensor in metres, before any resampling."""

"""What is known of the channels that feed a backbone: name, wavelength, unit, sensor, ground sampling distance."""

from dataclasses import dataclass
from enum import StrEnum

SENTINEL2_UM = {
    "B1": 0.443, "B2": 0.49, "B3": 0.56, "B4": 0.665, "B5": 0.705, "B6": 0.74, "B7": 0.783, "B8": 0.842, "B8A": 0.865,
    "B9": 0.945, "B10": 1.375, "B11": 1.61, "B12": 2.19,
}  # fmt: skip
"""Canonical name -> central wavelength in micrometres. Source: ESA, Sentinel-2 User Handbook, spectral bands."""
SENTINEL2_LIGHT = {
    "B1": "coastal", "B2": "blue", "B3": "green", "B4": "red", "B5": "rededge071", "B6": "rededge075",
    "B7": "rededge078", "B8": "nir", "B8A": "nir08", "B9": "nir09", "B10": "cirrus", "B11": "swir16", "B12": "swir22",
}  # fmt: skip
"""Canonical name -> STAC's common name. Source: STAC's extension `eo`, table of common names."""
S2_L1C = tuple(SENTINEL2_UM)
S2_L2A = tuple(band for band in SENTINEL2_UM if band != "B10")
"""The twelve of the surface product: B10 sees cirrus, and that product lacks it."""
RGB = ("red", "green", "blue")
"""By their common names, which bands of any sensor answer to; on Sentinel-2 these are B4, B3 and B2."""
S1 = ("VV", "VH")


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
    COHERENCE = "coherence"
    """Of two radar images: 0, nothing alike, to 1, the same."""


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

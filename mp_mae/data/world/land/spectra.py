"""Reflectance of pure materials in the thirteen bands of Sentinel-2, and how they vary from place to place.

Values are rounded from the classes of the USGS Spectral Library Version 7 (Kokaly et al., 2017) and the ECOSTRESS
library (Meerdink et al., 2019) at the band centres. A pixel is a linear mixture of materials (Adams et al., 1986).
"""

import numpy as np

from mp_mae.data.world.noise import TileNoise
from mp_mae.data.world.sky.climate import Regions

MATERIALS: dict[str, tuple[float, ...]] = {
    #                B1     B2     B3     B4     B5     B6     B7     B8A    B8     B9     B10    B11    B12
    "leaf":        (0.022, 0.028, 0.070, 0.030, 0.105, 0.330, 0.430, 0.460, 0.450, 0.440, 0.260, 0.210, 0.085),
    "needle":      (0.016, 0.020, 0.040, 0.022, 0.062, 0.175, 0.225, 0.245, 0.240, 0.235, 0.130, 0.105, 0.045),
    "dry":         (0.070, 0.095, 0.150, 0.205, 0.245, 0.280, 0.305, 0.335, 0.325, 0.350, 0.330, 0.385, 0.275),
    "soil":        (0.075, 0.095, 0.135, 0.180, 0.210, 0.230, 0.248, 0.270, 0.262, 0.280, 0.330, 0.350, 0.310),
    "water":       (0.042, 0.040, 0.034, 0.020, 0.016, 0.012, 0.010, 0.008, 0.009, 0.007, 0.003, 0.003, 0.002),
    "built":       (0.115, 0.135, 0.160, 0.180, 0.190, 0.200, 0.210, 0.225, 0.220, 0.230, 0.240, 0.255, 0.235),
    "snow":        (0.900, 0.920, 0.910, 0.890, 0.875, 0.850, 0.825, 0.780, 0.800, 0.700, 0.150, 0.100, 0.090),
    "moss":        (0.038, 0.050, 0.080, 0.088, 0.140, 0.215, 0.250, 0.280, 0.270, 0.285, 0.230, 0.240, 0.150),
    "flower":      (0.040, 0.060, 0.230, 0.240, 0.300, 0.420, 0.480, 0.500, 0.490, 0.480, 0.280, 0.230, 0.100),
    "red edge":    (0.000, 0.000, 0.012, 0.004, 0.032, 0.045, 0.018, 0.006, 0.008, 0.004, 0.000, 0.000, 0.000),
    "leaf water":  (0.000, 0.000, 0.000, 0.000, 0.000, 0.000, 0.004, -0.010, 0.000, -0.020, -0.050, -0.055, -0.030),
}  # fmt: skip
"""The last two are not materials but what more of a pigment or of water changes in a leaf."""

_SPECTRA = np.array(list(MATERIALS.values()), np.float32).T  # (bands, materials)
_CENTRE_UM = np.array([0.443, 0.490, 0.560, 0.665, 0.705, 0.740, 0.783, 0.865, 0.842, 0.945, 1.375, 1.610, 2.190])
_REDDENING = np.log(_CENTRE_UM / 0.665)
"""Iron oxides take away blue: soils differ most in the slope of their spectra (Baumgardner et al., 1985)."""


def tile_spectra(regions: Regions, wetness: np.ndarray, aridity: np.ndarray, noise: TileNoise) -> np.ndarray:
    """(n, 13, M) float32: the materials' spectra in each tile, columns in the order of MATERIALS.

    Soil differs by region (colour), climate (dry ones are pale) and wetness (which darkens); leaves and roofs a little.
    """
    chance = noise.scalars(8)
    spectra = np.repeat(_SPECTRA[None], len(wetness), axis=0).astype(np.float64)
    names = list(MATERIALS)

    def scale(name: str, factor: np.ndarray) -> None:
        spectra[:, :, names.index(name)] *= factor

    redness = 0.16 * regions.soil + 0.08 * chance[0]
    pale = 0.22 * np.exp(-1.5 * aridity) + 0.20 * chance[1]
    soil = np.exp(np.outer(redness, _REDDENING) + (pale - 0.45 * wetness)[:, None])
    scale("soil", soil)
    scale("dry", np.exp(np.outer(0.3 * redness, _REDDENING) + (0.12 * chance[2])[:, None]))
    leaf = np.exp(np.outer(0.03 * chance[3], _REDDENING) + (0.06 * regions.leaf + 0.09 * chance[4])[:, None])
    scale("leaf", leaf)
    scale("needle", leaf)
    scale("built", np.exp(np.outer(0.20 * chance[5], _REDDENING) + (0.18 * chance[6])[:, None]))
    silt = np.maximum(0.35 * chance[7] + 0.15, 0)  # turbid water looks a little like its soil
    spectra[:, :, names.index("water")] += 0.3 * silt[:, None] * _SPECTRA[:, names.index("soil")] / (1 + _CENTRE_UM**4)
    return spectra.astype(np.float32)

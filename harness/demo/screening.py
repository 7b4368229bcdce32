"""Which places are worth simulating: what can be known of a tile before any of its pixels, a thousand times as fast."""

import numpy as np

from mp_mae.data.world.land.cover import CROPLAND, cover_suitability
from mp_mae.data.world.places import Places
from mp_mae.data.world.simulate import is_l1c
from mp_mae.data.world.sky.climate import build_climate, draw_regions

LEVEL = "l1c"
"""Sentinel-2 processing level of every sample: reflectance at the top of the atmosphere with a cirrus band, as in
GEO-Bench's EuroSAT. Half of the pretraining tiles are of it."""

FARMLAND_MARGIN = -1.0
"""How far cropland's suitability may stay below the most suitable cover's where a crop map is made."""


def anywhere(seed: int, places: Places) -> np.ndarray:
    """(n,) bool: all places whose image is of LEVEL."""
    return is_l1c(places)


def farmland(seed: int, places: Places) -> np.ndarray:
    """(n,) bool: of those, the ones that suit farming."""
    regions = draw_regions(seed, places)
    suitability = cover_suitability(build_climate(regions, places), regions)
    margin = suitability[CROPLAND] - suitability.max(axis=0)
    return anywhere(seed, places) & (margin >= FARMLAND_MARGIN)

"""Biome from climate, ecoregion from biome and the part of the world.

The fourteen biomes and their order are those of Dinerstein et al., 2017, "An Ecoregion-Based Approach to Protecting
Half the Terrestrial Realm"; the climatic limits follow the diagram of Whittaker, 1975, "Communities and Ecosystems".
"""

import numpy as np

from mp_mae.data.world.hashing import mix, word
from mp_mae.data.world.places import Places
from mp_mae.data.world.sky.climate import Climate, Regions

N_BIOMES = 14
N_ECOREGIONS = 846

ECOREGIONS_OF_BIOME = (229, 54, 18, 82, 47, 26, 57, 48, 25, 46, 52, 39, 102, 21)
"""About as many as in the world, and 846 in all; a biome's ecoregions are numbered together."""

REALM_DEGREES = 30.0
"""A biome's ecoregion changes from one such block of the globe to the next, as floras do between realms."""


def biomes(climate: Climate, regions: Regions) -> np.ndarray:
    """(n,) int64: biome 0 to 13, in the order of Dinerstein et al."""
    cold, hot, aridity = climate.coldest_month, climate.warmest_month, climate.aridity
    tropical = (cold >= 13) & (climate.mean_temperature >= 18)
    lowland = regions.altitude_m < 250
    winter_rain = np.cos(climate.wettest - climate.warmest) < 0
    rules = (
        (13, tropical & lowland & (regions.flooding > 0.9) & (aridity > 0.7)),  # mangroves
        (8, (regions.flooding > 1.3) & (aridity > 0.4) & (hot > 15)),  # flooded grasslands
        (9, (regions.altitude_m > 1400) & (hot < 17)),  # montane grasslands
        (10, hot < 10),  # tundra
        (12, aridity < 0.33),  # deserts
        (5, (climate.mean_temperature < 2.5) & (aridity >= 0.6)),  # boreal forests
        (6, tropical & (aridity < 0.75)),  # tropical grasslands
        (2, tropical & (regions.altitude_m > 700)),  # tropical conifers
        (1, tropical & (aridity < 1.25)),  # tropical dry forests
        (0, tropical),  # tropical moist forests
        (11, winter_rain & (climate.rain_swing > 0.35) & (cold > 2)),  # mediterranean
        (7, aridity < 0.75),  # temperate grasslands
        (4, (regions.altitude_m > 450) | (climate.mean_temperature < 5)),  # temperate conifers
    )
    return np.select([rule for _, rule in rules], [biome for biome, _ in rules], 3)  # else temperate broadleaf


def ecoregions(seed: int, biome: np.ndarray, places: Places) -> np.ndarray:
    """(n,) int64: ecoregion 0 to 845."""
    counts = np.array(ECOREGIONS_OF_BIOME)
    row = np.floor(places.latitude / REALM_DEGREES).astype(np.int64)
    column = np.floor(places.longitude / REALM_DEGREES).astype(np.int64)
    block = mix(word("realm"), seed, biome, row, column)
    return (np.cumsum(counts) - counts)[biome] + (block % counts[biome].astype(np.uint64)).astype(np.int64)

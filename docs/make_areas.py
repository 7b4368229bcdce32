"""Prints the tables of docs/areas.md, what areas of interest and covers are like: python docs/make_areas.py [TILES]"""

import sys
from collections.abc import Sequence

import numpy as np

from mp_mae.data.world.areas import AREAS, area_boxes, area_places
from mp_mae.data.world.places import draw_places
from mp_mae.data.world.simulate import simulate
from mp_mae.data.world.tiles import CLIMATE_ZONES, COVERS, Tiles
from mp_mae.modalities import COHERENCE_STORED

SEED = 0
N_TILES = 600

GROUPS = {
    "forest": ("evergreen broadleaf forest", "deciduous broadleaf forest", "needleleaf forest", "mangrove"),
    "shrubs, grass, moss": ("shrubland", "grassland", "moss and lichen"),
    "wetland": ("wetland",),
    "cropland": ("cropland",),
    "built-up": ("built-up",),
    "bare": ("bare ground",),
    "water": ("water",),
}


def has(tiles: Tiles, covers: Sequence[str]) -> np.ndarray:
    """(n, H, W) bool: whether a pixel has one of the covers."""
    return np.isin(tiles.cover, [COVERS.index(name) for name in covers])


def print_areas(n_tiles: int) -> None:
    """Where each area is, and means over tiles of the purpose 'train'."""
    names = [*GROUPS, "commonest climate", f"coherence, {COHERENCE_STORED[0]}", COHERENCE_STORED[-1]]
    print(f"| area | where | {' | '.join(names)} |")
    print(f"| --- | --- |{' --- |' * len(names)}")
    for name in AREAS:
        tiles = simulate(SEED, area_places(SEED, name, "train", np.arange(n_tiles)))
        box = area_boxes(SEED)[name]
        where = f"{_degrees(box.south, 'NS')} to {_degrees(box.north, 'NS')}, {_degrees(box.west, 'EW')} to "
        shares = [f"{100 * has(tiles, covers).mean():.0f} %" for covers in GROUPS.values()]
        zones = np.bincount(tiles.climate_zone, minlength=len(CLIMATE_ZONES))
        climate = f"{CLIMATE_ZONES[zones.argmax()]} ({100 * zones.max() / n_tiles:.0f} %)"
        coherent = [f"{np.nanmean(tiles.modalities['coherence'][:, pair]):.2f}" for pair in (0, -1)]
        print(f"| `{name}` | {where}{_degrees(box.east, 'EW')} | {' | '.join([*shares, climate, *coherent])} |")


def print_covers(n_tiles: int) -> None:
    """Mean coherence of the pixels of each cover, over the globe."""
    tiles = simulate(SEED, draw_places(SEED, "train", np.arange(n_tiles)))
    print(f"| cover | {' | '.join(COHERENCE_STORED)} |")
    print(f"| --- |{' --- |' * len(COHERENCE_STORED)}")
    for cover in COVERS:
        where = has(tiles, [cover])
        means = [np.nanmean(tiles.modalities["coherence"][:, pair][where]) for pair in range(len(COHERENCE_STORED))]
        print(f"| {cover} | {' | '.join(f'{mean:.2f}' for mean in means)} |")


def _degrees(value: float, signs: str) -> str:
    return f"{abs(value):.0f} {signs[value < 0]}"


if __name__ == "__main__":
    chosen = int(sys.argv[1]) if len(sys.argv) > 1 else N_TILES
    print_areas(chosen)
    print()
    print_covers(chosen)

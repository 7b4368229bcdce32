"""What a simulation gives: the modalities as MMEarth stores them, and the truth behind them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mp_mae.data.world.places import Places

COVERS = (
    "water",
    "evergreen broadleaf forest",
    "deciduous broadleaf forest",
    "needleleaf forest",
    "shrubland",
    "grassland",
    "cropland",
    "built-up",
    "bare ground",
    "snow and ice",
    "wetland",
    "mangrove",
    "moss and lichen",
)

CROPS = (
    "winter cereal",
    "spring cereal",
    "rapeseed",
    "maize",
    "soybean",
    "rice",
    "sugarcane",
    "orchard",
)
"""Crop type c of a tile is CROPS[c - 1]; 0 is no cropland."""

CLIMATE_ZONES = (
    "tropical rainforest",
    "tropical savanna",
    "desert",
    "steppe",
    "mediterranean",
    "humid subtropical",
    "oceanic",
    "humid continental",
    "subarctic",
    "tundra",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tiles:
    """n simulated tiles of H = W pixels of 10 m."""

    places: Places
    modalities: dict[str, np.ndarray]
    """Every HDF5 dataset of MMEarth v001 but `metadata`, and coherence, by name: (n, ...) in the stored type, band
    order, unit and no-data code."""
    s2_level: np.ndarray
    """(n,) str: 'l1c' or 'l2a'."""
    cover: np.ndarray
    """(n, H, W) uint8: the true cover, index into COVERS."""
    crop: np.ndarray
    """(n, H, W) uint8: the true crop of cropland pixels, 1 + index into CROPS; 0 elsewhere."""
    climate_zone: np.ndarray
    """(n,) uint8: index into CLIMATE_ZONES."""

    @staticmethod
    def concatenate(places: Places, blocks: Iterable["Tiles"]) -> "Tiles":
        """One set of tiles at `places` from blocks that hold them in order.

        Each block is copied as it comes and then forgotten, so that its memory serves the next: new memory is slow to
        touch the first time.
        """
        whole: dict[str, np.ndarray] = {}
        start = 0
        for block in blocks:
            parts = block._arrays()
            if len(block.places) == len(places):
                whole = parts
                break
            if not whole:
                whole = {name: np.empty((len(places), *part.shape[1:]), part.dtype) for name, part in parts.items()}
            for name, part in parts.items():
                whole[name][start : start + len(part)] = part
            start += len(block.places)
        own = {name: whole.pop(name) for name in ("s2_level", "cover", "crop", "climate_zone")}
        return Tiles(places=places, modalities=whole, **own)

    def _arrays(self) -> dict[str, np.ndarray]:
        """Every array of n rows by name."""
        return {
            **self.modalities,
            "s2_level": self.s2_level,
            "cover": self.cover,
            "crop": self.crop,
            "climate_zone": self.climate_zone,
        }

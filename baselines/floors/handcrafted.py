"""Hand-crafted features of every band and of the spectral indices that can be formed, of one of three levels.

Level 1 describes how values are distributed, level 2 adds texture, level 3 structure: 9, 21 and 37 features a map.
The definitions are those of the floors of torchgeo-bench (its leaderboard publishes what they reach on GEO-Bench), in
code of our own. Published settings are stored values, all bands, images resampled to 224 pixels a side.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Fact, Facts
from baselines.floors.distribution import describe_distribution
from baselines.floors.indices import index_maps
from baselines.floors.structure import describe_structure
from baselines.floors.texture import describe_texture
from baselines.image_statistics import BLOCK_SIDES_PX, block_statistics

LEVELS = {
    "distribution: mean, std, least, largest, 5 percentiles": describe_distribution,
    "texture: gradients at 3 scales": describe_texture,
    "structure: binary patterns, corners, quadrants, tails": describe_structure,
}
"""What each level adds. The words are part of its identity."""

STORED_VALUES = InputSpec(bands=None, standardised=False, uses=frozenset({Fact.COMMON_NAME}))
"""Ratios of bands mean nothing of values that were standardised band by band."""


class Handcrafted(Backbone):
    """Features of the levels up to one of them: D = 9, 21 or 37 a map. Of level 1 there are maps for masks too."""

    def __init__(self, level: int) -> None:
        definition = f"bands and indices; {'; '.join(list(LEVELS)[:level])}"
        super().__init__(inputs=STORED_VALUES, origin=written_down(definition), pyramid=PYRAMID if level == 1 else ())
        self._describe = list(LEVELS.values())[:level]

    def embed(self, x: Tensor, facts: Facts) -> Features:
        maps = torch.cat([x, index_maps(x, facts.bands)], dim=1)  # (B, M, H, W)
        vector = torch.cat([describe(maps).flatten(1) for describe in self._describe], dim=1)
        return Features(vector=vector, maps=pixel_maps(maps) if self.pyramid else ())


PYRAMID = tuple(Level(channels=None, stride=side) for side in (1, *BLOCK_SIDES_PX))


def pixel_maps(maps: Tensor) -> tuple[Tensor, ...]:
    """What (B, M, H, W) maps say of a pixel, as PYRAMID: its values, and mean and deviation of the blocks around it.
    Texture and structure are those of whole images; they have no maps."""
    return (maps, *(block_statistics(maps, side) for side in BLOCK_SIDES_PX))


def written_down(definition: str) -> Origin:
    """The origin of features that a definition decides altogether."""
    return Origin(weights_sha256=hashlib.sha256(definition.encode()).hexdigest(), description=definition)


def build(weights: Path | None, seed: int, *, level: int) -> Backbone:
    """Features of every band the dataset has; there is nothing to load and nothing to draw."""
    return Handcrafted(level)

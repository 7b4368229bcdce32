"""The spectral indices alone: what the colour of an image says, in the ratios everybody uses."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features
from baselines.facts import Facts
from baselines.floors.distribution import describe_distribution
from baselines.floors.handcrafted import PYRAMID, STORED_VALUES, pixel_maps, written_down
from baselines.floors.indices import INDICES, find_indices, index_maps


class SpectralIndices(Backbone):
    """How each index is distributed over the image: D = 9 an index. Their maps serve masks."""

    def __init__(self) -> None:
        definition = f"{' '.join(INDICES)}: mean, std, least, largest, 5 percentiles"
        super().__init__(inputs=STORED_VALUES, origin=written_down(definition), pyramid=PYRAMID)

    def reads(self, bands: Sequence[BandInfo]) -> list[int]:
        return sorted({channel for pair in find_indices(bands) for channel in pair})

    def embed(self, x: Tensor, facts: Facts) -> Features:
        maps = index_maps(x, facts.bands)
        return Features(vector=describe_distribution(maps).flatten(1), maps=pixel_maps(maps))


def build(weights: Path | None, seed: int) -> Backbone:
    """Indices of the bands the dataset has; there is nothing to load and nothing to draw."""
    return SpectralIndices()

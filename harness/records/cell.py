"""What a grid is made of."""

from dataclasses import dataclass

from harness.records.band_sets import ALL, BandSets
from harness.records.job import DatasetRef


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of the grid, as asked for."""

    backbone: str
    seed: int
    dataset: DatasetRef
    partition: str
    protocol: str
    bands: BandSets = ALL
    swept: bool = False
    """Whether it drops one of all bands: one that the backbone does not read is then no line of the plan."""

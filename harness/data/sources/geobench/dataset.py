"""A GEO-Bench dataset: what it holds, and its samples one by one. `cache` has them as arrays."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.data.band_statistics import BandStatistics, Normalisation, build_normalisation, read_band_statistics
from harness.data.partitions import Partition, list_partitions, read_partition
from harness.data.sources.geobench.errata import Erratum, find_erratum, true_bands
from harness.data.sources.geobench.samples import Sample, read_sample
from harness.data.sources.geobench.task_specs import Band, TaskSpec, read_task_spec
from harness.records.job import DatasetRef
from harness.records.run import BandNames


@dataclass(frozen=True, kw_only=True)
class GeoBenchDataset:
    """A dataset whose description has been read, and none of its pixels."""

    name: str
    suite: str
    directory: Path
    spec: TaskSpec
    """What its files say."""
    bands: tuple[Band, ...]
    """What the channels of every array are, in their order: as the files say, or corrected by the erratum."""
    erratum: Erratum | None
    """Says which names in the files are wrong, whether or not that was corrected."""

    @property
    def band_names(self) -> BandNames:
        """Whose names `bands` has. Where nothing is known to be wrong these are the stored ones, whatever was asked."""
        return BandNames.STORED if self.bands == self.spec.bands else BandNames.CORRECTED

    @property
    def left_out(self) -> tuple[str, ...]:
        """Bands no array holds, because each is a whole cube (hyperspectral)."""
        return self.spec.left_out

    @cached_property
    def samples(self) -> frozenset[str]:
        """Names of the samples that are on disk, in any partition or none."""
        files = (entry.name for entry in os.scandir(self.directory))
        return frozenset(name.removesuffix(".hdf5") for name in files if name.endswith(".hdf5"))

    def partitions(self) -> list[str]:
        """Names of the partitions, sorted."""
        return list_partitions(self.directory)

    def partition(self, name: str) -> Partition:
        """The samples of the three splits. Raises UserError as `partitions.read_partition` does."""
        return read_partition(self.directory, name, self.samples)

    def band_statistics(self) -> dict[str, BandStatistics]:
        """Statistics by band, in the unit of the pixels. Raises UserError as `read_band_statistics` does."""
        return read_band_statistics(self.directory, self.spec)

    def read_sample(self, name: str) -> Sample:
        """One sample straight from its file. Raises UserError as `samples.read_sample` does."""
        return read_sample(self.directory / f"{name}.hdf5", self.spec)


def open_dataset(ref: DatasetRef) -> GeoBenchDataset:
    """Read what a dataset says of itself, and correct it where it is known to be wrong, unless `ref` says not to.

    Raises:
        UserError: its task_specs.pkl is missing, damaged or describes something that cannot be evaluated.
    """
    spec = read_task_spec(ref.directory, ref.suite)
    erratum = find_erratum(ref.name, spec.bands)
    bands = spec.bands
    if erratum is not None and ref.band_names is BandNames.CORRECTED:
        bands = true_bands(erratum, spec.bands)
    return GeoBenchDataset(
        name=ref.name,
        suite=ref.suite,
        directory=ref.directory,
        spec=spec,
        bands=bands,
        erratum=erratum,
    )


def normalisation(dataset: GeoBenchDataset, sources: Sequence[str | None]) -> Normalisation:
    """Mean and standard deviation of the bands that feed a backbone (`BandPlan.sources`), from its statistics.

    Returns:
        (C,) float32 each, in the unit of the stored pixels; 0 and 1 where a source is None.
    Raises:
        UserError: a band has no statistics, or its mean or std cannot normalise anything.
    """
    return build_normalisation(dataset.band_statistics(), sources, dataset.name)

"""A GEO-Bench dataset: what it holds, and its samples one by one. `harness.data.arrays` has them as arrays."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from harness.data.band_statistics import MeanAndStd, Statistics
from harness.data.dataset import Dataset
from harness.data.description import Sample, true_bands
from harness.data.partitions import Partition
from harness.data.sources.geobench.band_statistics import FILE, BandStatistics, read_band_statistics
from harness.data.sources.geobench.errata import find_erratum
from harness.data.sources.geobench.partition_files import count_samples, list_partitions, read_partition
from harness.data.sources.geobench.published import ENTRIES, Entry, with_units
from harness.data.sources.geobench.task_specs import read_task_spec
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.records.run import BandNames


@dataclass(frozen=True, kw_only=True)
class GeoBenchDataset(Dataset):
    """A folder with task_specs.pkl, band_stats.json, *_partition.json and a file *.hdf5 for each sample."""

    entry: Entry
    """What its files do not say."""

    @cached_property
    def samples(self) -> frozenset[str]:
        files = (entry.name for entry in os.scandir(self.directory))
        return frozenset(name.removesuffix(".hdf5") for name in files if name.endswith(".hdf5"))

    def file_of(self, sample: str) -> Path:
        return self.directory / f"{sample}.hdf5"

    def partitions(self) -> list[str]:
        return list_partitions(self.directory)

    def partition(self, name: str) -> Partition:
        return read_partition(self.directory, name, self.samples)

    def band_statistics(self) -> dict[str, BandStatistics]:
        """All its statistics by channel, in the unit of the pixels. UserError as `read_band_statistics` says."""
        return read_band_statistics(self.directory, self.spec.bands, self.entry.stats_divisor)

    def read_statistics(self) -> Statistics:
        found = {channel: MeanAndStd(band.mean, band.std) for channel, band in self.band_statistics().items()}
        return Statistics(found, f"{self.name}/{FILE}")

    def read_sample(self, name: str) -> Sample:
        from harness.data.sources.geobench.samples import read_sample  # noqa: PLC0415 - SciPy: for who reads alone

        return read_sample(self.file_of(name), self.spec)


def open_dataset(ref: DatasetRef, entry: Entry | None = None) -> GeoBenchDataset:
    """Read what a dataset says of itself, and correct it where it is known to be wrong, unless `ref` says not to.

    Args:
        entry: what its files do not say; None: of a published dataset what `ENTRIES` says, of others nothing.
    Raises:
        UserError: its task_specs.pkl is missing, damaged or describes something that cannot be evaluated.
    """
    entry = entry or ENTRIES.get(ref.name) or Entry()
    spec = read_task_spec(ref.directory, ref.suite)
    erratum = find_erratum(ref.name, spec.bands)
    spec = replace(spec, bands=with_units(spec.bands, entry), metric=entry.metric or spec.metric)
    bands = spec.bands
    if erratum is not None and ref.band_names is BandNames.CORRECTED:
        bands = with_units(true_bands(erratum, spec.bands), entry)
    return GeoBenchDataset(
        name=ref.name,
        suite=ref.suite,
        directory=ref.directory,
        spec=spec,
        bands=bands,
        erratum=erratum,
        entry=entry,
    )


def is_published(directory: Path) -> bool:
    """Whether a dataset is a published one: by its name, and by the number of samples in each split of `default`."""
    entry = ENTRIES.get(directory.name)
    try:
        return entry is not None and count_samples(directory, "default") == entry.sizes
    except UserError:  # said when the dataset is opened
        return False

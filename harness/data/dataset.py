"""A dataset that has been opened, whatever source it is from: what the rest of the harness knows of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.data.band_statistics import Normalisation, Statistics, build_normalisation
from harness.data.description import Band, DatasetSpec, Erratum, Sample
from harness.data.partitions import Partition
from harness.records.run import BandNames


@dataclass(frozen=True, kw_only=True)
class Dataset(ABC):
    """A dataset whose description has been read, and none of its pixels. Each source has a subclass; it is picklable,
    as samples are read in child processes."""

    name: str
    suite: str
    directory: Path
    spec: DatasetSpec
    """What its files say."""
    bands: tuple[Band, ...]
    """What the channels of every array are, in their order: as the files say, or corrected by the erratum."""
    erratum: Erratum | None = None
    """Says which names in the files are wrong, whether or not that was corrected."""
    computed_statistics: Statistics | None = None
    """Those of a dataset that comes with none, once its arrays are there (`train_statistics.compute_statistics`)."""

    @property
    def band_names(self) -> BandNames:
        """Whose names `bands` has. Where nothing is known to be wrong these are the stored ones, whatever was asked."""
        return BandNames.STORED if self.bands == self.spec.bands else BandNames.CORRECTED

    @cached_property
    def statistics(self) -> Statistics | None:
        """The statistics it comes with, else those computed; None: they are still to be computed. Read once.

        Raises:
            UserError: its own are damaged.
        """
        return self.read_statistics() or self.computed_statistics

    @property
    @abstractmethod
    def samples(self) -> frozenset[str]:
        """Names of the samples that are on disk, in any partition or none."""

    @abstractmethod
    def file_of(self, sample: str) -> Path:
        """The file that holds a sample; several samples may share one. It is read again when its size or times change,
        so it has to be the one that changes when the sample does."""

    @abstractmethod
    def partitions(self) -> list[str]:
        """Names of the partitions, sorted. One is called `default`: what the dataset's makers evaluate on."""

    @abstractmethod
    def partition(self, name: str) -> Partition:
        """The samples of the three splits (`partitions.build_partition` checks them). UserError if there is none."""

    @abstractmethod
    def read_statistics(self) -> Statistics | None:
        """The statistics it comes with, in the unit of its pixels; None: they are to be computed on train."""

    @abstractmethod
    def read_sample(self, name: str) -> Sample:
        """One sample straight from its file. Called in a child process, which a file that hangs or crashes may end.

        Raises:
            UserError: names the file and says what is missing, damaged or of the wrong kind.
        """


def locate(dataset: Dataset, sample: str) -> str:
    """Where a sample lies, for a message: the file within the dataset, and which of its samples if it has several."""
    file = dataset.file_of(sample)
    return f"{dataset.name}/{file.name}" + (f", sample {sample}" if file.stem != sample else "")


def normalisation(dataset: Dataset, sources: Sequence[str | None]) -> Normalisation:
    """Mean and standard deviation of the bands that feed a backbone (`BandPlan.sources`), from its statistics.

    Returns:
        (C,) float32 each, in the unit of the stored pixels; 0 and 1 where a source is None.
    Raises:
        UserError: a band has no statistics, or its mean or std cannot normalise anything.
    """
    assert dataset.statistics is not None, f"{dataset.name}: its statistics are still to be computed"
    return build_normalisation(dataset.statistics, sources)

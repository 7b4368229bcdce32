"""A dataset of GEO-Bench-2: one tortilla or several parts of one, a row of the index a sample."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.data.dataset import Dataset
from harness.data.description import Band, DatasetSpec, Erratum, Sample, true_bands
from harness.data.partitions import Partition, build_partition
from harness.data.sources.geobench2.errata import ERRATA
from harness.data.sources.geobench2.table import DATASETS, NOT_SUPPORTED, Entry
from harness.data.sources.geobench2.tortilla import SUFFIX, Item, read_column, read_index
from harness.errors import DoesNotApplyError, UserError
from harness.records.job import DatasetRef
from harness.records.run import BandNames

_SPLIT = "tortilla:data_split"
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
"""Ours -> what the index calls it."""


@dataclass(frozen=True, kw_only=True)
class GeoBench2Dataset(Dataset):
    """A folder with `*.tortilla`."""

    entry: Entry

    @cached_property
    def samples(self) -> frozenset[str]:
        return frozenset(self._rows)

    def file_of(self, sample: str) -> Path:
        return self._rows[sample][0]

    def partitions(self) -> list[str]:
        return ["default"]

    def partition(self, name: str) -> Partition:
        where = f"{self.name}/*{SUFFIX}"
        if name != "default":
            raise UserError(f"{where}: no partition {name!r}; there is: default. For fewer labels pass --budgets")
        rows = [row for _, row in self._rows.values()]
        splits = {
            split: [row.id for row in rows if row.columns.get(_SPLIT) == stored] for split, stored in _SPLITS.items()
        }
        return build_partition(name, splits, self.samples, where)

    def read_statistics(self) -> None:
        """None: the official reader has some, by its own names of channels, so they are computed over train."""

    def read_sample(self, name: str) -> Sample:
        from harness.data.sources.geobench2.samples import read_sample  # noqa: PLC0415 - SciPy: for who reads alone

        file, row = self._rows[name]
        return read_sample(file, row, self.entry, self.spec, f"{self.name}/{file.name}, sample {name}")

    @cached_property
    def _rows(self) -> dict[str, tuple[Path, Item]]:
        """File and row of each sample, in the order of their names, as the official reader has them."""
        files = sorted(self.directory.glob(f"*{SUFFIX}"))
        rows = [(row.id, (file, row)) for file in files for row in read_index(file, f"{self.name}/{file.name}")]
        named = dict(sorted(rows, key=lambda row: row[0]))
        if len(named) < len(rows):
            raise UserError(
                f"{self.name}/*{SUFFIX}: {len(rows) - len(named)} samples are there twice; leave each part there once"
            )
        return named


def is_published(directory: Path) -> bool:
    """Whether a dataset is a published one: by its name, and by the number of samples in each split."""
    if directory.name not in DATASETS:
        return False
    try:
        stored = [split for file in directory.glob(f"*{SUFFIX}") for split in read_column(file, _SPLIT, file.name)]
    except UserError:  # said when the dataset is opened
        return False
    return tuple(map(stored.count, _SPLITS.values())) == DATASETS[directory.name].sizes


def open_dataset(ref: DatasetRef) -> GeoBench2Dataset:
    """Open a dataset, its channels corrected unless `ref` says not to.

    Raises:
        DoesNotApplyError: it is one that nothing here learns.
        UserError: it is none of GEO-Bench-2.
    """
    if ref.name in NOT_SUPPORTED:
        raise DoesNotApplyError(f"{ref.name}: cannot be evaluated here: {NOT_SUPPORTED[ref.name]}")
    if ref.name not in DATASETS:
        raise UserError(
            f"{ref.directory}: the folder is called like no dataset of GEO-Bench-2; there are: {', '.join(DATASETS)}"
        )
    entry, erratum = DATASETS[ref.name], ERRATA.get(ref.name)
    stored = tuple(band for image in entry.images for band in image.bands if band is not None)
    corrected = erratum is not None and ref.band_names is BandNames.CORRECTED
    spec = DatasetSpec(
        dataset=ref.name,
        suite=ref.suite,
        label_kind=entry.kind,
        n_classes=len(entry.classes),
        class_names=entry.classes,
        size_px=None,
        bands=stored,
        metric=entry.metric,
    )
    return GeoBench2Dataset(
        name=ref.name,
        suite=ref.suite,
        directory=ref.directory,
        spec=spec,
        bands=_correct(stored, erratum) if erratum and corrected else stored,
        erratum=erratum,
        entry=entry,
    )


def _correct(stored: tuple[Band, ...], erratum: Erratum) -> tuple[Band, ...]:
    """The bands, of which the erratum is about some."""
    wrong = [band for band in stored if band.name in erratum.stored]
    true = dict(zip(wrong, true_bands(erratum, wrong), strict=True))
    return tuple(true.get(band, band) for band in stored)

"""A dataset of two arrays: pixels (N, C, H, W) and their labels."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.data.dataset import Dataset
from harness.data.description import DatasetSpec, Sample
from harness.data.files.budgets import SAMPLE_BYTES
from harness.data.files.mapped_array import map_array
from harness.data.files.own_arrays import (
    DESCRIPTION,
    LABELS,
    MAKE_AGAIN,
    PIXELS,
    Description,
    read_description,
)
from harness.data.partitions import Partition, build_partition, require_partition, smaller_trains
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.tasks import TASKS, parse_label


@dataclass(frozen=True, kw_only=True)
class ArraysDataset(Dataset):
    """`pixels.npy`, `labels.npy` and `arrays.json` in a folder."""

    described: Description

    @cached_property
    def samples(self) -> frozenset[str]:
        return frozenset(map(self.described.sample, range(self.described.n_samples)))

    def file_of(self, sample: str) -> Path:
        return self.directory / PIXELS

    def partitions(self) -> list[str]:
        return sorted(smaller_trains(self.described.rows["train"]))

    def partition(self, name: str) -> Partition:
        where, rows = f"{self.name}/{DESCRIPTION}", self.described.rows
        require_partition(name, self.partitions(), where)
        chosen = {**rows, "train": smaller_trains(rows["train"])[name]}
        splits = {str(split): list(map(self.described.sample, of_split)) for split, of_split in chosen.items()}
        return build_partition(name, splits, self.samples, where)

    def read_statistics(self) -> None:
        """None come along: they are computed over train."""

    def read_sample(self, name: str) -> Sample:
        row, spec = int(name), self.spec
        label = np.asarray(self._labels[row])
        raw = label.item() if label.ndim == 0 else label
        where = f"{self.name}, row {row}"
        return Sample(
            name=name,
            pixels=np.array(self._pixels[row]),
            label=parse_label(raw, spec.label_kind, spec.n_classes, where),
        )

    @cached_property
    def _pixels(self) -> np.ndarray:
        pixels = self._map(PIXELS)
        if pixels.ndim != 4 or pixels.shape[1] != len(self.bands) or pixels[:1].nbytes > SAMPLE_BYTES:
            raise UserError(
                f"{self.name}/{PIXELS}: ({self.described.n_samples}, {len(self.bands)}, height, width) and at most "
                f"{SAMPLE_BYTES} bytes an image are wanted, {pixels.dtype} {pixels.shape} found. {MAKE_AGAIN}"
            )
        return pixels

    @cached_property
    def _labels(self) -> np.ndarray:
        return self._map(LABELS)

    def _map(self, file_name: str) -> np.ndarray:
        """A memory-mapped array with a row for each sample."""
        where, n_samples = f"{self.name}/{file_name}", self.described.n_samples
        array = map_array(self.directory / file_name, where, MAKE_AGAIN)
        if len(array) != n_samples:
            raise UserError(f"{where}: {n_samples} rows are wanted, {len(array)} found. {MAKE_AGAIN}")
        return array


def open_dataset(ref: DatasetRef) -> ArraysDataset:
    """Read what a dataset says of itself. UserError: its description is missing or damaged."""
    described = read_description(ref.directory)
    spec = DatasetSpec(
        dataset=ref.name,
        suite=ref.suite,
        label_kind=described.label_kind,
        n_classes=len(described.class_names),
        class_names=described.class_names,
        size_px=None,
        bands=described.bands,
        metric=TASKS[described.label_kind].headline,
    )
    return ArraysDataset(
        name=ref.name, suite=ref.suite, directory=ref.directory, spec=spec, bands=described.bands, described=described
    )

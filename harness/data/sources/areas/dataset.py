"""A dataset of an area: its labels in a folder of its own, its pixels in the area's, where others share them."""

import datetime
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.data.dataset import Dataset
from harness.data.description import DatasetSpec, Sample
from harness.data.files.budgets import SAMPLE_BYTES
from harness.data.files.mapped_array import map_array
from harness.data.partitions import Partition, build_partition, require_partition
from harness.data.sources.areas.description import (
    MAKE_AGAIN,
    SPLITS,
    TASK_FILE,
    Area,
    Labelling,
    read_area,
    read_labelling,
)
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.records.labels import Split
from harness.tasks import TASKS, parse_label

_EPOCH = datetime.date(1970, 1, 1)
_PIXEL_TYPES = ("uint16", "float16", "float32")


@dataclass(frozen=True, kw_only=True)
class AreaDataset(Dataset):
    """task.json and `SPLIT-labels.npy` in its folder; in the folder above area.json, `SPLIT-SENSOR.npy` (n, C, H, W),
    `SPLIT-places.npy` (n, 2) longitude and latitude, and `SPLIT-days.npy` (n,) days since 1 January 1970."""

    area: Area
    labelling: Labelling

    @cached_property
    def samples(self) -> frozenset[str]:
        return frozenset(self._row_of)

    def file_of(self, sample: str) -> Path:
        """The labels of its split: all files of an area are written together."""
        return self.directory / f"{self._row_of[sample][0]}-labels.npy"

    def partitions(self) -> list[str]:
        return sorted(self.labelling.train_sizes)

    def partition(self, name: str) -> Partition:
        where = f"{self.name}/{TASK_FILE}"
        require_partition(name, self.partitions(), where)
        train = self.labelling.train_order[: self.labelling.train_sizes[name]]
        splits = {"train": train, "valid": self.area.names["valid"], "test": self.area.names["test"]}
        return build_partition(name, {split: sorted(names) for split, names in splits.items()}, self.samples, where)

    def read_statistics(self) -> None:
        """None come along: they are computed over train."""

    def read_sample(self, name: str) -> Sample:
        split, row = self._row_of[name]
        spec, where = self.spec, f"{self.name}, sample {name}"
        sensors = [self._open(split, sensor)[row] for sensor in self.area.sensors]
        label = self._open(split, "labels")[row]
        return Sample(
            name=name,
            pixels=np.concatenate(sensors, dtype=np.float32),
            label=parse_label(label.item() if label.ndim == 0 else label, spec.label_kind, spec.n_classes, where),
            date=_EPOCH + datetime.timedelta(days=int(self._open(split, "days")[row])),
            place=tuple(self._open(split, "places")[row].tolist()),
        )

    @cached_property
    def _row_of(self) -> dict[str, tuple[Split, int]]:
        return {name: (split, row) for split in SPLITS for row, name in enumerate(self.area.names[split])}

    @cached_property
    def _opened(self) -> dict[tuple[Split, str], np.ndarray]:
        return {}

    def _open(self, split: Split, what: str) -> np.ndarray:
        """The memory-mapped array of a sensor, or `labels`, `places` or `days`, of a split; (n, ...)."""
        if (split, what) not in self._opened:
            folder = self.directory if what == "labels" else self.directory.parent
            file = folder / f"{split}-{what}.npy"
            array = map_array(file, f"{folder.name}/{file.name}", MAKE_AGAIN)
            self._check(array, split, what, f"{folder.name}/{file.name}")
            self._opened[split, what] = array
        return self._opened[split, what]

    def _check(self, array: np.ndarray, split: Split, what: str, where: str) -> None:
        """UserError: an array is not of the type and shape that the description says."""
        n_samples = len(self.area.names[split])
        types, shape = {"places": (("float64",), (n_samples, 2)), "days": (("int64",), (n_samples,))}.get(
            what, (_PIXEL_TYPES, (n_samples, len(self.area.sensors.get(what, ())), *self.area.size_px))
        )
        if what == "labels":
            layout = TASKS[self.spec.label_kind].layout(n_samples, self.area.size_px, self.spec.n_classes)
            types, shape = (np.dtype(layout.dtype).name,), layout.shape
        if array.dtype.name not in types or array.shape != shape:
            wanted, found = f"{' or '.join(types)} {shape}", f"{array.dtype} {array.shape}"
            raise UserError(f"{where}: {wanted} is wanted, {found} found. {MAKE_AGAIN}")
        if array[:1].nbytes > SAMPLE_BYTES:
            raise UserError(f"{where}: an image has {array[:1].nbytes} bytes; at most {SAMPLE_BYTES} are read")


def open_dataset(ref: DatasetRef) -> AreaDataset:
    """Read what a dataset and its area say of themselves.

    Raises:
        UserError: area.json or task.json is missing or damaged.
    """
    area, labelling = read_area(ref.directory.parent), read_labelling(ref.directory)
    spec = DatasetSpec(
        dataset=ref.name,
        suite=ref.suite,
        label_kind=labelling.kind,
        n_classes=len(labelling.class_names),
        class_names=labelling.class_names,
        size_px=area.size_px,
        bands=area.bands,
        metric=labelling.metric,
    )
    return AreaDataset(
        name=ref.name,
        suite=ref.suite,
        directory=ref.directory,
        spec=spec,
        bands=area.bands,
        area=area,
        labelling=labelling,
    )

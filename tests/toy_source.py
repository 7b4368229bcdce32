"""A third source of data, in one file: a folder with NumPy arrays and a description in JSON.

It comes without statistics, with a value for no data, and with dates and places if they are there.
"""

import datetime
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from baselines.bands import Unit
from harness.data.dataset import Dataset
from harness.data.description import Band, DatasetSpec, Sample
from harness.data.partitions import Partition, build_partition
from harness.data.sources.source import Source
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.records.labels import LabelKind
from harness.tasks import TASKS, parse_label

SUITE = "toy-suite"


@dataclass(frozen=True, kw_only=True)
class ToyDataset(Dataset):
    """`pixels.npy` (N, C, H, W), `labels.npy` and `toy.json`; sample i is called `i`, a number of three digits."""

    described: dict[str, Any]

    @cached_property
    def samples(self) -> frozenset[str]:
        return frozenset(f"{row:03}" for row in range(len(self._array("pixels"))))

    def file_of(self, sample: str) -> Path:
        return self.directory / "pixels.npy"

    def partitions(self) -> list[str]:
        return sorted(self.described["partitions"])

    def partition(self, name: str) -> Partition:
        if name not in self.partitions():
            raise UserError(f"{self.name}/toy.json: no partition {name!r}; there are {', '.join(self.partitions())}")
        return build_partition(name, self.described["partitions"][name], self.samples, f"{self.name}/toy.json")

    def read_statistics(self) -> None:
        return None

    def read_sample(self, name: str) -> Sample:
        row, spec = int(name), self.spec
        label = self._array("labels")[row]
        date, place = (self.described.get(key, {}).get(name) for key in ("dates", "places"))
        return Sample(
            name=name,
            pixels=np.array(self._array("pixels")[row]),
            label=parse_label(label.item() if label.ndim == 0 else label, spec.label_kind, spec.n_classes, self.name),
            date=date and datetime.date.fromisoformat(date),
            place=place and tuple(place),
        )

    def _array(self, name: str) -> np.ndarray:
        return np.load(self.directory / f"{name}.npy", mmap_mode="r")


def find_toys(folder: Path) -> list[Path]:
    return [path.parent for path in folder.glob("*/toy.json")]


def open_toy(ref: DatasetRef) -> ToyDataset:
    described = json.loads((ref.directory / "toy.json").read_text())
    kind = LabelKind(described["label_kind"])
    units = described.get("units", {})
    bands = tuple(
        Band(name, "SpectralBand", unit=Unit(units.get(name, Unit.REFLECTANCE)), no_data=-1)
        for name in described["bands"]
    )
    spec = DatasetSpec(
        dataset=ref.name,
        suite=ref.suite,
        label_kind=kind,
        n_classes=len(described["class_names"]),
        class_names=tuple(described["class_names"]),
        size_px=None,
        bands=bands,
        metric=described.get("metric", TASKS[kind].headline),
    )
    return ToyDataset(
        name=ref.name, suite=ref.suite, directory=ref.directory, spec=spec, bands=bands, described=described
    )


TOY = Source(
    name="toy",
    suites={"toys": SUITE},
    proves=lambda dataset: True,
    find=find_toys,
    open=open_toy,
)


def write_toy(root: Path, name: str, pixels: np.ndarray, labels: np.ndarray, **described: Any) -> Path:
    """A dataset of `TOY`: the first half of the samples trains, a quarter each chooses and tests."""
    directory = root / "toys" / name
    directory.mkdir(parents=True)
    np.save(directory / "pixels.npy", pixels)
    np.save(directory / "labels.npy", labels)
    names = [f"{row:03}" for row in range(len(pixels))]
    half, most = len(names) // 2, len(names) * 3 // 4
    splits = {"train": names[:half], "valid": names[half:most], "test": names[most:]}
    content = {"partitions": {"default": splits}, "bands": ["red", "nir"], **described}
    (directory / "toy.json").write_text(json.dumps(content))
    return directory

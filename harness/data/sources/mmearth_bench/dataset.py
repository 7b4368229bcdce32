"""A task of MMEarth-Bench: tiles of several sensors with one label each, tested at random places and in Africa."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from baselines.bands import Unit
from harness.data.dataset import Dataset
from harness.data.description import Band, DatasetSpec, Sample, sentinel2_bands
from harness.data.files.json_file import read_json_object
from harness.data.partitions import Partition, build_partition, require_partition
from harness.data.sources.mmearth_bench.tiles import TileFile
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.records.labels import LabelKind
from harness.tasks import parse_label

TASKS_OF_TILES: Mapping[str, tuple[LabelKind, str]] = {
    "biomass": (LabelKind.PIXEL_REGRESSION, "r2"),
    "soil_nitrogen": (LabelKind.REGRESSION, "r2"),
    "soil_organic_carbon": (LabelKind.REGRESSION, "r2"),
    "soil_pH": (LabelKind.REGRESSION, "r2"),
    "species": (LabelKind.MULTI_LABEL, "ap_macro"),
}
"""Task -> kind of its labels and headline metric."""

ELSEWHERE = "-geographic"
"""Behind the name of a task: the dataset that is tested in Africa, where no tile of train is."""
_PERCENT = {"0.05x_train": 5, "0.50x_train": 50, "default": 100}
_NO_FOOTPRINT = -9999

_IMAGES: Mapping[str, tuple[tuple[int, ...], tuple[Band, ...]]] = {
    "Sentinel2": (
        tuple(range(12)),
        sentinel2_bands("B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B11 B12", Unit.DN_10000, no_data=65535),
    ),
    "Sentinel1": (
        (0, 1, 4, 5),
        tuple(
            Band(name, "Sentinel1", alt_names=alt, gsd_m=10.0, unit=Unit.DECIBEL, no_data=-9999)
            for name, alt in {"asc VV": ("VV",), "asc VH": ("VH",), "desc VV": (), "desc VH": ()}.items()
        ),
    ),
    "ASTER_GDEM": (
        (0, 1),
        (
            Band("elevation", "ElevationBand", gsd_m=30.0, unit=Unit.METRE, no_data=-9999),
            Band("slope", "ElevationBand", gsd_m=30.0, no_data=-9999),
        ),
    ),
    "ETH_GCH": (
        (0, 1),
        (
            Band("canopy height", "CanopyHeight", gsd_m=10.0, unit=Unit.METRE, no_data=255),
            Band("canopy height uncertainty", "CanopyHeight", gsd_m=10.0, unit=Unit.METRE, no_data=255),
        ),
    ),
}
"""Array -> channels that are read of it, and what they are. HH and HV are those of polar regions alone."""


@dataclass(frozen=True, kw_only=True)
class MMEarthBenchDataset(Dataset):
    """A task tested at one of two kinds of places; a sample is called by its row in `TASK.h5`."""

    task: str
    splits: Mapping[str, Any]
    """Content of `TASK_split_data.json`."""

    @cached_property
    def samples(self) -> frozenset[str]:
        """Tiles of its own splits."""
        named = {name for names in self._splits("default").values() for name in names}
        return frozenset(name for row in range(self._tiles.count("Sentinel2")) if (name := _name(row)) in named)

    def file_of(self, sample: str) -> Path:
        return self.directory / f"{self.task}.h5"

    def partitions(self) -> list[str]:
        return list(_PERCENT)

    def partition(self, name: str) -> Partition:
        """`default`, or a nested share of its train split."""
        require_partition(name, self.partitions(), self._where)
        return build_partition(name, self._splits(name), self.samples, self._where)

    def _splits(self, partition: str) -> dict[str, list[str]]:
        return {
            "train": self._rows(f"train_{_PERCENT[partition]}%_indices"),
            "valid": self._rows("val_indices"),
            "test": self._rows("geographic_test_indices" if self.name.endswith(ELSEWHERE) else "random_test_indices"),
        }

    def _rows(self, key: str) -> list[str]:
        rows = self.splits.get(key)
        if not isinstance(rows, list) or not all(type(row) is int and row >= 0 for row in rows):
            raise UserError(f"{self._where}: {key} is no list of rows. Download the file again")
        return [_name(row) for row in rows]

    @property
    def _where(self) -> str:
        return f"{self.task}/{_splits_file(self.task)}"

    def read_statistics(self) -> None:
        """None: those of the file are of each share of train, so they are computed over the whole of it."""

    def read_sample(self, name: str) -> Sample:
        row, tiles = int(name), self._tiles
        pixels = [tiles.row(key, row, channels) for key, (channels, _) in _IMAGES.items()]
        longitude, latitude = map(float, tiles.row("geolocation", row))
        return Sample(
            name=name,
            pixels=np.concatenate(pixels, dtype=np.float32),
            label=parse_label(
                self._label(row), self.spec.label_kind, self.spec.n_classes, f"{tiles.where}, sample {name}"
            ),
            date=tiles.day("sentinel2_date", row),
            place=(longitude, latitude),
        )

    def _label(self, row: int) -> Any:
        if self.spec.label_kind is LabelKind.MULTI_LABEL:
            named = self._tiles.names(self.task, row)
            if unknown := set(named) - set(self.spec.class_names):
                raise UserError(f"{self._tiles.where}: {min(unknown)[:50]!r} is no species of species_labels.json")
            return [int(species in named) for species in self.spec.class_names]
        values = self._tiles.row(self.task, row)
        if self.spec.label_kind is LabelKind.PIXEL_REGRESSION:
            return np.where(values == _NO_FOOTPRINT, np.nan, values)
        return values.tolist()

    @cached_property
    def _tiles(self) -> TileFile:
        return TileFile(self.directory / f"{self.task}.h5", f"{self.task}/{self.task}.h5")


def open_dataset(ref: DatasetRef) -> MMEarthBenchDataset:
    """Open a task. UserError: there is no such task, or its splits or the names of its species are damaged."""
    task = ref.name.removesuffix(ELSEWHERE)
    directory = ref.directory.with_name(task)
    if task not in TASKS_OF_TILES:
        raise UserError(f"{directory}: no task of MMEarth-Bench; there are: {', '.join(TASKS_OF_TILES)}")
    kind, metric = TASKS_OF_TILES[task]
    names = _read_species(directory) if kind is LabelKind.MULTI_LABEL else (task,)
    bands = tuple(band for _, bands in _IMAGES.values() for band in bands)
    spec = DatasetSpec(
        dataset=ref.name,
        suite=ref.suite,
        label_kind=kind,
        n_classes=len(names),
        class_names=names,
        size_px=None,
        bands=bands,
        metric=metric,
    )
    splits = read_json_object(directory / _splits_file(task), f"{task}/{_splits_file(task)}")
    return MMEarthBenchDataset(
        name=ref.name, suite=ref.suite, directory=directory, spec=spec, bands=bands, task=task, splits=splits
    )


def _read_species(directory: Path) -> tuple[str, ...]:
    """Names in the order of the numbers that the file gives them."""
    where = f"{directory.name}/species_labels.json"
    numbers = read_json_object(directory / "species_labels.json", where)
    if not numbers or sorted(map(str, numbers.values())) != sorted(map(str, range(len(numbers)))):
        raise UserError(f"{where}: numbers from 0 on, one a species, are wanted. Download the file again")
    return tuple(sorted(numbers, key=lambda name: int(numbers[name])))


def _splits_file(task: str) -> str:
    return f"{task}_split_data.json"


def _name(row: int) -> str:
    return f"{row:06}"

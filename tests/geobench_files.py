"""Writes small datasets in GEO-Bench's layout without its package, right or wrong on purpose."""

import copyreg
import json
import pickle
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np

from harness.data.sources.geobench.dataset import GeoBenchDataset, open_dataset
from harness.data.suites import discover

SUITE = "classification_v1.0"
MASK_SUITE = "segmentation_v1.0"
STATISTICS = ("min", "max", "mean", "std", "median", *(f"percentile_{p}" for p in ("0_1", 1, 5, 95, 99, "99_9")))
_CLASSES = {
    "dataset": ("Sentinel1", "Sentinel2", "SpectralBand", "ElevationBand", "HyperSpectralBands", "SegmentationClasses"),
    "label": ("Classification", "MultiLabelClassification", "SemanticSegmentation", "Regression", "Detection"),
    "task": ("TaskSpecifications",),
}
_MODULES = {"geobench": ModuleType("geobench")}
for _module, _names in _CLASSES.items():
    _MODULES[f"geobench.{_module}"] = ModuleType(_module)
    for _name in _names:
        setattr(_MODULES[f"geobench.{_module}"], _name, type(_name, (), {"__module__": f"geobench.{_module}"}))


class Affine(tuple[float, ...]):
    """Pickles as the position of a raster, by its six numbers."""

    __module__ = "affine"

    def __getnewargs__(self) -> tuple[float, ...]:
        return tuple(self)


class CRS(str):
    """Pickles as the coordinate system of a raster, by its description in well-known text."""

    __module__ = "rasterio.crs"

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return copyreg.__newobj__, (CRS,), str(self)  # type: ignore[attr-defined]


def _reconstruct(kind: type, shape: tuple[int, ...], code: bytes) -> None:
    """Stands in pickles for the function by which NumPy makes an array."""


_reconstruct.__module__ = "numpy.core.multiarray"


class OldArray:
    """Pickles as NumPy 1 pickled an array: under the module names of its time."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __reduce__(self) -> tuple[Any, ...]:
        return _reconstruct, (np.ndarray, (0,), b"b"), self._array.__reduce__()[2]


for _made in (Affine, CRS, _reconstruct):
    _package, _, _ = _made.__module__.rpartition(".")
    _MODULES.update({name: ModuleType(name) for name in (_package, _made.__module__) if name})
    setattr(_MODULES[_made.__module__], _made.__name__, _made)


def thing(class_name: str, /, **fields: Any) -> Any:
    """An object that pickles as one of GEO-Bench's classes."""
    module = next(module for module, names in _CLASSES.items() if class_name in names)
    made = getattr(_MODULES[f"geobench.{module}"], class_name)()
    made.__dict__.update(fields)
    return made


def dump(value: Any, protocol: int = 4) -> bytes:
    with patch.dict(sys.modules, _MODULES):
        return pickle.dumps(value, protocol)


def band(name: str, kind: str = "Sentinel2", alt_names: tuple[str, ...] = (), wavelength: float | None = None) -> Any:
    return thing(kind, name=name, alt_names=alt_names, spatial_resolution=10, wavelength=wavelength)


BLUE = band("02 - Blue", alt_names=("2", "02", "blue"), wavelength=0.49)
RED = band("04 - Red", alt_names=("4", "04", "red"), wavelength=0.665)


def write_sample(
    directory: Path,
    name: str,
    bands: list[tuple[Any, np.ndarray, date | None]],
    label: Any = 0,
    mask: np.ndarray | None = None,
    *,
    classes: Any = None,
    described_by: Mapping[str, Any] | None = None,
    storage: Mapping[str, Any] | None = None,
) -> None:
    """One file. `classes` is what the mask is labelled with, `described_by` goes into the description of every band,
    `storage` to h5py's create_dataset (contiguous if empty)."""
    described: dict[str, Any] = {"bands_order": []}
    if mask is None and label is not None:
        described["label"] = label
    if mask is not None:
        classes = classes or thing("SegmentationClasses", name="label", alt_names=(), spatial_resolution=10)
        bands = [*bands, (classes, mask, None)]
    with h5py.File(directory / f"{name}.hdf5", "w") as file:
        for info, pixels, when in bands:
            key = info.name if when is None else f"{info.name}_{when}"
            file.create_dataset(key, data=pixels, **(storage or {}))
            described["bands_order"].append(key)
            place = {"spatial_resolution": 10, "meta_info": None, "transform": None, "crs": None}
            described[key] = {"date": when, "date_id": when, "band_info": info, **place, **(described_by or {})}
        file.attrs["pickle"] = str(dump(described))


def write_task(directory: Path, bands: list[Any], label_type: Any = None, **fields: Any) -> None:
    label_type = label_type or thing("Classification", n_classes=3, _class_names=["a", "b", "c"])
    given = {"bands_info": bands, "label_type": label_type, "patch_size": (4, 4), "n_time_steps": 1, **fields}
    task = thing("TaskSpecifications", **given)
    (directory / "task_specs.pkl").write_bytes(dump(task))


def write_partition(directory: Path, name: str, **splits: Any) -> None:
    (directory / f"{name}_partition.json").write_text(json.dumps(splits))


def write_statistics(directory: Path, bands: list[Any], **changed: float) -> None:
    values = {**dict.fromkeys(STATISTICS, 1.0), **changed}
    (directory / "band_stats.json").write_text(json.dumps({info.name: values for info in bands}))


def write_dataset(root: Path, name: str = "toy", n_samples: int = 6, dtype: str = "uint16") -> Path:
    """Blue and red, 4 x 4 pixels, three classes; half of the samples train. Returns the dataset's directory."""
    directory = root / SUITE / name
    directory.mkdir(parents=True)
    generator = np.random.default_rng(0)
    names = [f"id_{index}" for index in range(n_samples)]
    for index, sample in enumerate(names):
        pixels = generator.integers(0, 10_000, (2, 4, 4)).astype(dtype)
        write_sample(directory, sample, [(BLUE, pixels[0], None), (RED, pixels[1], None)], label=index % 3)
    write_task(directory, [BLUE, RED])
    write_statistics(directory, [BLUE, RED])
    half = n_samples // 2
    write_partition(directory, "default", train=names[half:], valid=names[:1], test=names[1:half])
    return directory


def write_mask_dataset(
    root: Path, splits: dict[str, dict[str, np.ndarray]], bands: list[Any], class_names: list[str], name: str = "fields"
) -> Path:
    """A segmentation dataset. splits: per split `pixels` (n, C, H, W) and `masks` (n, H, W). Returns its directory."""
    directory = root / MASK_SUITE / name
    directory.mkdir(parents=True)
    names: dict[str, list[str]] = {}
    for split, arrays in splits.items():
        names[split] = [f"{split}_{index}" for index in range(len(arrays["masks"]))]
        for sample, pixels, mask in zip(names[split], arrays["pixels"], arrays["masks"], strict=True):
            stored = [(info, band, None) for info, band in zip(bands, pixels, strict=True)]
            write_sample(directory, sample, stored, mask=mask)
    label_type = thing("SemanticSegmentation", n_classes=len(class_names), _class_names=class_names)
    write_task(directory, bands, label_type)
    write_measured_statistics(directory, np.concatenate([arrays["pixels"] for arrays in splits.values()]), bands)
    write_partition(directory, "default", **names)
    return directory


def write_number_dataset(
    root: Path,
    splits: dict[str, dict[str, np.ndarray]],
    bands: list[Any],
    names: Sequence[str] = ("value",),
    dataset: str = "yields",
) -> Path:
    """A dataset whose labels are numbers. splits: per split `pixels` (n, C, H, W) and `numbers` (n, K). Returns its
    directory."""
    directory = root / SUITE / dataset
    directory.mkdir(parents=True)
    samples: dict[str, list[str]] = {}
    for split, arrays in splits.items():
        samples[split] = [f"{split}_{index}" for index in range(len(arrays["numbers"]))]
        for sample, pixels, numbers in zip(samples[split], arrays["pixels"], arrays["numbers"], strict=True):
            stored = [(info, band, None) for info, band in zip(bands, pixels, strict=True)]
            write_sample(directory, sample, stored, label=[float(number) for number in numbers])
    write_task(directory, bands, thing("Regression", n_classes=len(names), class_name=list(names)))
    write_measured_statistics(directory, np.concatenate([arrays["pixels"] for arrays in splits.values()]), bands)
    write_partition(directory, "default", **samples)
    return directory


def write_measured_statistics(directory: Path, pixels: np.ndarray, bands: list[Any]) -> None:
    """Mean and deviation of (n, C, H, W) pixels, the rest made up."""
    mean, std = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
    statistics = {
        info.name: {**dict.fromkeys(STATISTICS, 1.0), "mean": float(mean[i]), "std": float(std[i])}
        for i, info in enumerate(bands)
    }
    (directory / "band_stats.json").write_text(json.dumps(statistics))


def read_dataset(root: Path, name: str = "toy") -> GeoBenchDataset:
    return open_dataset(next(ref for ref in discover(root) if ref.name == name))

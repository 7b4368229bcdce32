"""Writes a dataset as arrays: pixels.npy, labels.npy, meta.json. `cache` decides when, where and under which name."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from harness.data.dataset import GeoBenchDataset
from harness.data.reading import read_samples
from harness.data.samples import Sample
from harness.errors import UserError
from harness.progress import Progress

FORMAT_VERSION = 2
"""Raised whenever the same files would give other arrays or another meta.json; older caches are then made anew."""


@dataclass(frozen=True, kw_only=True)
class Meta:
    """What meta.json holds."""

    format_version: int
    sample_sha256: Mapping[str, str]
    """Sample -> digest of its pixels and label; sorted by name, which is the order of the arrays."""
    bands: Sequence[str]
    n_nonfinite: Mapping[str, int]
    """Band -> number of NaN and infinite pixels, for bands that have any."""
    n_nonfinite_samples: int
    first_nonfinite_sample: str | None
    first_nonfinite_band: str | None


def read_meta(directory: Path) -> Meta | None:
    """The description of converted arrays; None if there is none, or it is damaged or of another format version."""
    try:
        meta = Meta(**json.loads((directory / "meta.json").read_bytes()))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    sound = isinstance(meta.sample_sha256, dict) and isinstance(meta.bands, list) and isinstance(meta.n_nonfinite, dict)
    sound = sound and list(meta.sample_sha256) == sorted(meta.sample_sha256)
    return meta if sound and meta.format_version == FORMAT_VERSION else None


def convert(dataset: GeoBenchDataset, directory: Path, progress: Progress, workers: int = 1) -> None:
    """Write the arrays of every sample of a dataset into an empty directory.

    Args:
        workers: processes that read samples, of a dataset large enough for more than one; the bytes are the same.
    Raises:
        UserError: a file of the dataset is bad.
        OSError: the directory cannot be written, or the disk is full.
    """
    order = sorted(dataset.samples)  # of the names alone, so that no edited partition moves a row
    (first,) = read_samples(dataset.directory, dataset.spec, order[:1], 1)
    dtype = first.pixels.dtype
    while True:
        try:
            meta = _write_arrays(dataset, order, dtype, directory, progress, workers)
            break
        except _WiderTypeError as found:
            dtype = found.dtype  # starts again: rarely, some samples hold integers and others floating point
    with (directory / "meta.json").open("wb") as file:
        file.write(json.dumps(asdict(meta)).encode())
        _sync(file)


class _WiderTypeError(Exception):
    """A sample's values do not all fit the type chosen after the first one."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        super().__init__(str(dtype))
        self.dtype = dtype


class _Nonfinite:
    """Counts NaN and infinite pixels."""

    def __init__(self, bands: Sequence[str]) -> None:
        self.bands = bands
        self.per_band = np.zeros(len(bands), np.int64)
        self.n_samples = 0
        self.first_sample: str | None = None
        self.first_band: str | None = None

    def count(self, sample: Sample) -> None:
        if sample.pixels.dtype.kind != "f" or np.isfinite(sample.pixels).all():
            return
        found = (~np.isfinite(sample.pixels)).sum(axis=(1, 2))  # (C,)
        self.per_band += found
        self.n_samples += 1
        if self.first_sample is None:
            self.first_sample, self.first_band = sample.name, self.bands[int(np.flatnonzero(found)[0])]


def _write_arrays(
    dataset: GeoBenchDataset,
    order: list[str],
    dtype: np.dtype[Any],
    directory: Path,
    progress: Progress,
    workers: int,
) -> Meta:
    bands = [band.channel for band in dataset.bands]
    nonfinite, labels, digests = _Nonfinite(bands), [], {}
    shape: tuple[int, ...] = ()
    with (directory / "pixels.npy").open("wb") as file, progress.step(f"converting {dataset.name}", len(order)) as step:
        for sample in read_samples(dataset.directory, dataset.spec, order, workers):
            if not shape:
                shape = sample.pixels.shape
                _write_header(file, (len(order), *shape), dtype)
            _check_fits(sample, shape, dtype, dataset.name)
            # Plain writing rather than through a memory map, where a full disk would kill the process.
            file.write(np.ascontiguousarray(sample.pixels, dtype).data)
            nonfinite.count(sample)
            labels.append(sample.label)
            digests[sample.name] = _digest(sample)
            step.advance()
        _sync(file)
    with (directory / "labels.npy").open("wb") as file:
        np.save(file, np.stack(labels))
        _sync(file)
    return Meta(
        format_version=FORMAT_VERSION,
        sample_sha256=digests,
        bands=bands,
        n_nonfinite={band: int(n) for band, n in zip(bands, nonfinite.per_band, strict=True) if n},
        n_nonfinite_samples=nonfinite.n_samples,
        first_nonfinite_sample=nonfinite.first_sample,
        first_nonfinite_band=nonfinite.first_band,
    )


def _check_fits(sample: Sample, shape: tuple[int, ...], dtype: np.dtype[Any], dataset: str) -> None:
    if sample.pixels.shape != shape:
        found, wanted = (" x ".join(map(str, sides)) for sides in (sample.pixels.shape, shape))
        raise UserError(
            f"{dataset}/{sample.name}.hdf5: is {found} (bands x height x width), the samples before it are {wanted}; "
            "all samples of a dataset must have one size"
        )
    wider = np.result_type(dtype, sample.pixels.dtype)
    if wider != dtype:
        raise _WiderTypeError(wider)


def _write_header(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_2_0(file, header)


def _digest(sample: Sample) -> str:
    """Of pixels and label: type, shape and values, whatever the host's byte order."""
    digest = hashlib.sha256()
    for array in (sample.pixels, sample.label):
        digest.update(f"{array.dtype.kind}{array.dtype.itemsize}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def _sync(file: BinaryIO) -> None:
    """Onto the disk, so that after a power cut no complete-looking file holds zeros."""
    file.flush()
    os.fsync(file.fileno())

"""Writes a dataset as arrays: pixels and labels. `cache` decides when, where and under which name."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from harness.data.dataset import Dataset, locate
from harness.data.description import Sample
from harness.data.reading import read_samples
from harness.errors import UserError
from harness.records.progress import Progress
from harness.store.entry import EntryWriter

PIXELS, LABELS = "pixels.npy", "labels.npy"


@dataclass(frozen=True, kw_only=True)
class ArrayFacts:
    """What is stored beside the arrays."""

    sample_sha256: Mapping[str, str]
    """Sample -> digest of its pixels and label; sorted by name, which is the order of the arrays."""
    changed_ns: Mapping[str, int]
    """Sample -> when its file was last written, renamed or given other times (ctime), as of the last look at it."""
    bands: Sequence[str]
    n_nonfinite: Mapping[str, int]
    """Band -> number of NaN and infinite pixels, for bands that have any."""
    n_nonfinite_samples: int
    first_nonfinite_sample: str | None
    first_nonfinite_band: str | None


def convert(
    dataset: Dataset,
    changed_ns: Mapping[str, int],
    entry: EntryWriter,
    progress: Progress,
    workers: int = 1,
) -> ArrayFacts:
    """Write the arrays of every sample of a dataset into a new entry.

    Args:
        changed_ns: of the file of every sample, before it is read.
        workers: processes that read samples, of a dataset large enough for more than one; the bytes are the same.
    Raises:
        UserError: a file of the dataset is bad.
        OSError: the entry cannot be written, or the disk is full.
    """
    order = sorted(dataset.samples)  # of the names alone, so that no edited partition moves a row
    (first,) = read_samples(dataset, order[:1], 1)
    dtype = first.pixels.dtype
    while True:
        try:
            return _write_arrays(dataset, order, dtype, changed_ns, entry, progress, workers)
        except _WiderTypeError as found:
            dtype = found.dtype  # starts again: rarely, some samples hold integers and others floating point


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
    dataset: Dataset,
    order: list[str],
    dtype: np.dtype[Any],
    changed_ns: Mapping[str, int],
    entry: EntryWriter,
    progress: Progress,
    workers: int,
) -> ArrayFacts:
    nonfinite, digests = _Nonfinite([band.channel for band in dataset.bands]), {}
    with closing(read_samples(dataset, order, workers)) as samples:
        first = next(samples)
        shape = first.pixels.shape
        with (
            entry.array(PIXELS, (len(order), *shape), dtype) as pixels,
            entry.array(LABELS, (len(order), *first.label.shape), first.label.dtype) as labels,
            progress.step(f"converting {dataset.name}", len(order)) as step,
        ):
            for sample in chain([first], samples):
                _check_fits(sample, shape, dtype, dataset)
                pixels.append(sample.pixels[None])
                labels.append(sample.label[None])
                nonfinite.count(sample)
                digests[sample.name] = digest(sample)
                step.advance()
    return ArrayFacts(
        sample_sha256=digests,
        changed_ns=changed_ns,
        bands=nonfinite.bands,
        n_nonfinite={band: int(n) for band, n in zip(nonfinite.bands, nonfinite.per_band, strict=True) if n},
        n_nonfinite_samples=nonfinite.n_samples,
        first_nonfinite_sample=nonfinite.first_sample,
        first_nonfinite_band=nonfinite.first_band,
    )


def differing_samples(
    dataset: Dataset,
    names: Sequence[str],
    sample_sha256: Mapping[str, str],
    progress: Progress,
    workers: int = 1,
) -> list[str]:
    """Those of the samples whose files hold something else than what was converted.

    Args:
        sample_sha256: of the samples as they were converted.
    Raises:
        UserError: a file of the dataset is bad.
    """
    different = []
    with (
        closing(read_samples(dataset, names, workers)) as samples,
        progress.step(f"reading {dataset.name} again", len(names)) as step,
    ):
        for sample in samples:
            if digest(sample) != sample_sha256[sample.name]:
                different.append(sample.name)
            step.advance()
    return different


def _check_fits(sample: Sample, shape: tuple[int, ...], dtype: np.dtype[Any], dataset: Dataset) -> None:
    if sample.pixels.shape != shape:
        found, wanted = (" x ".join(map(str, sides)) for sides in (sample.pixels.shape, shape))
        raise UserError(
            f"{locate(dataset, sample.name)}: is {found} (bands x height x width), the samples before it are {wanted}; "
            "all samples of a dataset must have one size"
        )
    wider = np.result_type(dtype, sample.pixels.dtype)
    if wider != dtype:
        raise _WiderTypeError(wider)


def digest(sample: Sample) -> str:
    """SHA-256 of pixels and label: type, shape and values, whatever the host's byte order."""
    digest = hashlib.sha256()
    for array in (sample.pixels, sample.label):
        digest.update(f"{array.dtype.kind}{array.dtype.itemsize}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()

"""Writes a dataset as arrays (docs/formats.md). `harness.data.arrays` decides when, where and under which name."""

import datetime
import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from harness.data.dataset import Dataset, locate
from harness.data.description import Sample
from harness.data.no_data.marking import mark_no_data
from harness.data.reading import read_samples
from harness.errors import UserError
from harness.records.progress import Progress
from harness.store.entry import EntryWriter
from harness.tasks import are_labels

PIXELS, LABELS, DAYS, PLACES = "pixels.npy", "labels.npy", "days.npy", "places.npy"

_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class ArrayFacts:
    """What is stored beside the arrays."""

    sample_sha256: Mapping[str, str]
    """Sample -> its `digest`; sorted by name, which is the order of the arrays."""
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
    (first,) = _read(dataset, order[:1], 1)
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


class _Circumstances:
    """When and where samples were taken, as far as they say so."""

    def __init__(self) -> None:
        self._days: list[float] = []
        self._places: list[tuple[float, float]] = []

    def add(self, sample: Sample) -> None:
        self._days.append(np.nan if sample.date is None else (sample.date - _EPOCH).days)
        self._places.append(sample.place or (np.nan, np.nan))

    def write(self, entry: EntryWriter) -> None:
        """No array where no sample says anything."""
        for file_name, values in (
            (DAYS, np.array(self._days, np.float64)),
            (PLACES, np.array(self._places, np.float64)),
        ):
            if not np.isnan(values).all():
                entry.write(file_name, values)


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
    circumstances = _Circumstances()
    with closing(_read(dataset, order, workers)) as samples:
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
                circumstances.add(sample)
                digests[sample.name] = digest(sample)
                step.advance()
    circumstances.write(entry)
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
    """The samples whose files hold something else than what was converted.

    Args:
        sample_sha256: of the samples as they were converted.
    Raises:
        UserError: a file of the dataset is bad.
    """
    different = []
    with (
        closing(_read(dataset, names, workers)) as samples,
        progress.step(f"reading {dataset.name} again", len(names)) as step,
    ):
        for sample in samples:
            if digest(sample) != sample_sha256[sample.name]:
                different.append(sample.name)
            step.advance()
    return different


def _read(dataset: Dataset, names: Sequence[str], workers: int) -> Generator[Sample, None, None]:
    """The samples in the order of `names`, with NaN where nothing was measured. Whoever stops early closes it."""
    with closing(read_samples(dataset, names, workers)) as samples:
        for sample in samples:
            yield replace(sample, pixels=mark_no_data(sample.pixels, dataset.spec.bands))


def _check_fits(sample: Sample, shape: tuple[int, ...], dtype: np.dtype[Any], dataset: Dataset) -> None:
    if sample.pixels.shape != shape:
        found, wanted = (" x ".join(map(str, sides)) for sides in (sample.pixels.shape, shape))
        raise UserError(
            f"{locate(dataset, sample.name)}: is {found} (bands x height x width), the samples before it are {wanted}; "
            "all samples of a dataset must have one size"
        )
    spec = dataset.spec
    if not are_labels(sample.label[None], 1, shape[1:], spec.label_kind, spec.n_classes):
        raise UserError(
            f"{locate(dataset, sample.name)}: its label of type {sample.label.dtype} and shape {sample.label.shape} is "
            f"no {spec.label_kind} label of {spec.n_classes} classes or numbers. Correct the file, or the description"
        )
    wider = np.result_type(dtype, sample.pixels.dtype)
    if wider != dtype:
        raise _WiderTypeError(wider)


def digest(sample: Sample) -> str:
    """SHA-256 of pixels and label: type, shape and values, whatever the host's byte order. Of date and place too, where
    the sample says them."""
    digest = hashlib.sha256()
    for array in (sample.pixels, sample.label):
        digest.update(f"{array.dtype.kind}{array.dtype.itemsize}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    for said in (sample.date, sample.place):
        if said is not None:
            digest.update(str(said).encode())
    return digest.hexdigest()

"""A dataset as memory-mapped arrays, converted once and shared by every process that wants it."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from harness.data.convert import convert, read_meta
from harness.data.dataset import GeoBenchDataset
from harness.errors import UserError
from harness.progress import Progress


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayCache:
    """All samples of a dataset, sorted by name."""

    dataset: str
    sample_sha256: Mapping[str, str]
    """Sample -> SHA-256 of its pixels and label; in the order of the arrays."""
    bands: tuple[str, ...]
    pixels: np.ndarray
    """(N, C, H, W) read-only memory map in the stored type; NaN and infinite values as the files have them."""
    labels: np.ndarray
    """(N,) int64 class indices, (N, K) uint8 of 0 and 1, or (N, H, W) uint8 masks with 255 = no label. Read-only."""
    n_nonfinite: Mapping[str, int]
    """Band -> number of NaN and infinite pixels, for bands that have any."""
    n_nonfinite_samples: int
    first_nonfinite_sample: str | None
    first_nonfinite_band: str | None

    @cached_property
    def samples(self) -> tuple[str, ...]:
        """Names, in the order of the arrays."""
        return tuple(self.sample_sha256)

    @cached_property
    def content_sha256(self) -> str:
        """SHA-256 of all that features can depend on: each row's sample, pixels and label, and what the bands are."""
        rows = {"rows": list(self.sample_sha256.items()), "bands": self.bands}
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.samples)}

    def rows(self, names: Sequence[str]) -> np.ndarray:
        """(B,) int64 rows of samples, in the order of `names`.

        Raises:
            UserError: a sample is not in the arrays.
        """
        try:
            return np.array([self._row_of[name] for name in names], np.int64)
        except KeyError as error:
            raise UserError(
                f"{self.dataset}: sample {error.args[0]} came after the dataset was converted. Run the command again"
            ) from None

    def read(self, rows: slice | np.ndarray, channels: Sequence[int]) -> np.ndarray:
        """Copy a batch out of the memory map, in blocks of neighbouring rows and channels.

        Args:
            rows: rows in any order; a slice, or neighbours in an array, are copied in one piece.
            channels: channels in any order, repeats allowed.
        Returns:
            (B, C', H, W) in the stored type, contiguous, the caller's own.
        """
        row_indices = np.arange(len(self.samples))[rows] if isinstance(rows, slice) else rows
        batch = np.empty((len(row_indices), len(channels), *self.pixels.shape[2:]), self.pixels.dtype)
        channel_blocks = list(_blocks(np.asarray(channels)))
        for from_rows, to_rows in _blocks(row_indices):
            for from_channels, to_channels in channel_blocks:
                batch[to_rows, to_channels] = self.pixels[from_rows, from_channels]
        return batch


def open_arrays(dataset: GeoBenchDataset, cache_dir: Path, progress: Progress, workers: int = 1) -> ArrayCache:
    """The arrays of a dataset, converting it first if nobody has.

    Processes that start together share one conversion: one does it, the others wait. Arrays of an older format, or
    damaged ones, are made anew. Arrays appear under their name complete or not at all.

    Args:
        workers: processes that may read samples for a conversion.
    Raises:
        UserError: a file of the dataset is bad, or the cache directory cannot be written or is full.
    """
    directory = _directory(dataset, cache_dir)
    arrays = _load(directory, dataset)
    if arrays is None:
        with _storing(dataset, cache_dir), _locked(directory, dataset, progress):
            arrays = _load(directory, dataset)  # made by another process while this one waited
            if arrays is None:
                _replace(directory, dataset, progress, workers)
                arrays = _load(directory, dataset)
    if arrays is None:
        raise UserError(f"{directory}: was written and cannot be read back. Pass --cache-dir DIR on another disk")
    _tell_nonfinite(arrays, progress)
    return arrays


def is_converted(dataset: GeoBenchDataset, cache_dir: Path) -> bool:
    """Whether `open_arrays` would find the arrays ready."""
    return _load(_directory(dataset, cache_dir), dataset) is not None


def _directory(dataset: GeoBenchDataset, cache_dir: Path) -> Path:
    """Named after name, size and time of every file that matters, so that changed files are converted again.

    Partition files do not matter: they only say how the samples are split.
    """
    names = [f"{name}.hdf5" for name in sorted(dataset.samples)]
    if not names:
        raise UserError(f"{dataset.name}: holds no sample (*.hdf5); the zip file is still to be unzipped")
    listing = []
    for name in (*names, "task_specs.pkl", "band_stats.json"):
        path = dataset.directory / name
        try:
            status = path.stat()
        except OSError as error:
            raise UserError(
                f"{dataset.name}/{name}: cannot be read ({error.strerror}). Download the dataset again"
            ) from None
        listing.append((name, status.st_size, status.st_mtime_ns))
    digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()[:16]
    return cache_dir / "arrays" / dataset.suite / f"{dataset.name}-{digest}"


def _load(directory: Path, dataset: GeoBenchDataset) -> ArrayCache | None:
    """The arrays in a directory; None if there are none, or they are damaged or of another format."""
    meta = read_meta(directory)
    if meta is None:
        return None
    try:
        pixels = np.load(directory / "pixels.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(directory / "labels.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if pixels.ndim != 4 or pixels.shape[:2] != (len(meta.sample_sha256), len(meta.bands)) or len(labels) != len(pixels):
        return None
    return ArrayCache(
        dataset=dataset.name,
        sample_sha256=meta.sample_sha256,
        bands=tuple(meta.bands),
        pixels=np.asarray(pixels),  # still the memory map, without the cost np.memmap adds to every slice
        labels=np.asarray(labels),
        n_nonfinite=meta.n_nonfinite,
        n_nonfinite_samples=meta.n_nonfinite_samples,
        first_nonfinite_sample=meta.first_nonfinite_sample,
        first_nonfinite_band=meta.first_nonfinite_band,
    )


@contextmanager
def _storing(dataset: GeoBenchDataset, cache_dir: Path) -> Iterator[None]:
    """Whatever the disk refuses is for the user to solve; damaged input has been told apart further below."""
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the second: a file system without locks
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"{cache_dir}: cannot store the arrays of {dataset.name} ({reason}). "
            "Pass --cache-dir DIR, a directory that can be written and has room"
        ) from error


@contextmanager
def _locked(directory: Path, dataset: GeoBenchDataset, progress: Progress) -> Iterator[None]:
    """One process at a time. The operating system frees the lock of a process that dies."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory.with_name(f"{directory.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.notice(f"{dataset.name}: another process is converting it; waiting")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _replace(directory: Path, dataset: GeoBenchDataset, progress: Progress, workers: int) -> None:
    """Convert under a temporary name and rename. Under the lock that name is ours, leftovers of a crash included."""
    partial = directory.with_name(f"{directory.name}.partial")
    try:
        for leftover in (partial, directory):
            if leftover.exists():
                shutil.rmtree(leftover)
        partial.mkdir()
        convert(dataset, partial, progress, workers)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _tell_nonfinite(arrays: ArrayCache, progress: Progress) -> None:
    if arrays.n_nonfinite:
        total, n_samples = sum(arrays.n_nonfinite.values()), len(arrays.samples)
        progress.notice(
            f"{arrays.dataset}: {total} pixels in {arrays.n_nonfinite_samples} of {n_samples} samples are NaN or "
            f'infinite, first in {arrays.first_nonfinite_sample}.hdf5, band "{arrays.first_nonfinite_band}"; '
            "they count as no data and become the band's mean"
        )


def _blocks(indices: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Cut indices into runs that rise by one: (where in the source, where in the copy)."""
    bounds = [0, *(np.flatnonzero(np.diff(indices) != 1) + 1).tolist(), len(indices)]
    for start, end in pairwise(bounds):
        if start < end:
            first = int(indices[start])
            yield slice(first, first + end - start), slice(start, end)

"""A dataset as memory-mapped arrays, converted once and shared by every process that wants it."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.convert import DAYS, LABELS, PIXELS, PLACES, ArrayFacts, convert, differing_samples
from harness.data.dataset import Dataset, locate
from harness.data.no_data.blank_pixels import without_blank
from harness.data.source_files import SourceFiles, list_source_files
from harness.errors import UserError
from harness.records.progress import Progress
from harness.store.arrays import StoredArray
from harness.store.damage import DamagedError
from harness.store.entry import Entry, EntryWriter, find_entry, open_entry
from harness.store.kinds import ARRAYS, Place
from harness.tasks import are_labels


@dataclass(frozen=True, eq=False, kw_only=True)
class ArrayCache:
    """All samples of a dataset, sorted by name."""

    dataset: str
    sample_sha256: Mapping[str, str]
    """Sample -> SHA-256 of its pixels and label; in the order of the arrays."""
    bands: tuple[str, ...]
    pixels: StoredArray
    """(N, C, H, W) in the stored type; NaN and infinite values as the files have them. Checked as they are read."""
    labels: np.ndarray
    """As `harness.tasks` lays them out: (N,) int64 class indices, (N, K) uint8 of 0 and 1, (N, H, W) uint8 masks with
    255 = no label, (N, K) float64 numbers, or (N, H, W) float32 numbers with NaN = no label. Read-only."""
    n_nonfinite: Mapping[str, int]
    """Band -> number of NaN and infinite pixels, for bands that have any."""
    n_nonfinite_samples: int
    first_nonfinite_sample: str | None
    first_nonfinite_band: str | None
    days: np.ndarray | None = None
    """(N,) float64 days since 1 January 1970, NaN where a sample does not say; None: none of them does."""
    places: np.ndarray | None = None
    """(N, 2) float64 longitude and latitude in degrees, NaN where a sample does not say; None: none of them does."""

    @cached_property
    def samples(self) -> tuple[str, ...]:
        """Names, in the order of the arrays."""
        return tuple(self.sample_sha256)

    @property
    def may_have_blank_pixels(self) -> bool:
        """Whether some pixels may be without data in all channels: each channel lacks some."""
        return len(self.n_nonfinite) == len(self.bands)

    @cached_property
    def labels_of_data(self) -> np.ndarray:
        """`labels` of pixels, without those in which no channel has data."""
        return without_blank(self.labels, self.pixels)

    @cached_property
    def content_sha256(self) -> str:
        """SHA-256 of all that features can depend on: each row's sample, pixels and label, and what the bands are."""
        return self.content_of(np.arange(len(self.sample_sha256)))

    def content_of(self, rows: np.ndarray) -> str:
        """What `content_sha256` is of (n,) rows alone, in their order."""
        items = list(self.sample_sha256.items())
        content = {"rows": [items[row] for row in rows.tolist()], "bands": self.bands}
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

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
            rows_read = self.pixels[from_rows]
            for from_channels, to_channels in channel_blocks:
                batch[to_rows, to_channels] = rows_read[:, from_channels]
        return batch


def open_arrays(
    dataset: Dataset,
    cache_dir: Path,
    progress: Progress,
    workers: int = 1,
    *,
    cache_limit: int | None = None,
    verify: bool = False,
) -> ArrayCache:
    """The arrays of a dataset, converting it first if nobody has.

    Processes that start together share one conversion: one does it, the others wait. Arrays that are damaged, or of
    files that hold something else by now, are made anew. docs/caches.md says by what that is noticed.

    Args:
        workers: processes that may read samples.
        cache_limit: bytes that the cache may take; None: what the disk has.
        verify: whether to read all files again and compare, rather than those whose size or times have changed.
    Raises:
        UserError: a file of the dataset is bad, or the cache directory cannot be written or is full.
    """
    opening = _Opening(dataset, progress, workers, verify)
    place = replace(_place(dataset, opening.files, cache_dir), limit=cache_limit)
    arrays = open_entry(place, opening.read, opening.make, progress)
    _tell_nonfinite(arrays, progress)
    return arrays


def is_converted(dataset: Dataset, cache_dir: Path) -> bool:
    """Whether `open_arrays` would find the arrays ready and sound, as far as that is looked at without reading a
    sample."""
    files = list_source_files(dataset)

    def read(entry: Entry) -> ArrayFacts:
        _read(entry, dataset)
        return _read_facts(entry)

    facts = find_entry(_place(dataset, files, cache_dir), read)
    return facts is not None and facts.changed_ns == files.changed_ns


class _Opening:
    """How the arrays of a dataset are read and made, once."""

    def __init__(self, dataset: Dataset, progress: Progress, workers: int, verify: bool) -> None:
        self.files = list_source_files(dataset)
        self._dataset, self._progress, self._workers, self._verify = dataset, progress, workers, verify

    def make(self, writer: EntryWriter) -> Mapping[str, Any]:
        facts = convert(self._dataset, self.files.changed_ns, writer, self._progress, self._workers)
        if list_source_files(self._dataset) != self.files:
            raise UserError(f"{self._dataset.name}: its files changed while they were converted. Run the command again")
        self._verify = False  # all files have just been read
        return asdict(facts)

    def read(self, entry: Entry) -> ArrayCache:
        """The arrays of an entry. DamagedError if they are damaged, or its files hold something else by now."""
        arrays, facts = _read(entry, self._dataset), _read_facts(entry)
        suspect = [name for name in arrays.samples if facts.changed_ns.get(name) != self.files.changed_ns[name]]
        if self._verify:
            suspect = list(arrays.samples)
        if suspect:
            self._compare(suspect, arrays)
            entry.keep_facts({**entry.facts, "changed_ns": self.files.changed_ns})
        return arrays

    def _compare(self, names: Sequence[str], arrays: ArrayCache) -> None:
        """DamagedError if the files of some samples hold something else than the arrays."""
        found = differing_samples(self._dataset, names, arrays.sample_sha256, self._progress, self._workers)
        if found:
            first = locate(self._dataset, found[0]).partition("/")[2]
            which = f"{first} and {len(found) - 1} more hold" if found[1:] else f"{first} holds"
            raise DamagedError(f"{which} something else than was converted, under the same size and time")
        if self._verify:
            self._progress.notice(f"{self._dataset.name}: all {len(names)} samples are as they were converted")


def _place(dataset: Dataset, files: SourceFiles, cache_dir: Path) -> Place:
    """Named after the files that are converted and the way they are, so that others are other arrays.

    Partition files do not matter, they only say how the samples are split; nor do statistics, which are read anew.
    """
    spec = dataset.spec
    what = {
        "files": files.sizes_and_times,
        "bands": [(band.channel, band.kind, band.no_data) for band in spec.bands],
        "label_kind": spec.label_kind,
        "n_classes": spec.n_classes,
        "version": ARRAYS.version,
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
    return Place(cache_dir=cache_dir, kind=ARRAYS, key=f"{dataset.suite}/{dataset.name}-{digest}", title=dataset.name)


def _read_facts(entry: Entry) -> ArrayFacts:
    try:
        return ArrayFacts(**entry.facts)
    except TypeError as error:
        raise DamagedError(f"its facts are of something else ({error})") from None


def _read(entry: Entry, dataset: Dataset) -> ArrayCache:
    """The arrays of an entry. DamagedError if they are not of this dataset, or damaged as far as was looked."""
    facts, pixels, labels = _read_facts(entry), entry.array(PIXELS), entry.array(LABELS)[:]
    n_samples, channels = len(dataset.samples), [band.channel for band in dataset.bands]
    if list(facts.sample_sha256) != sorted(dataset.samples) or facts.bands != channels:
        raise DamagedError("it holds other samples or bands, or in another order")
    if pixels.ndim != 4 or pixels.shape[:2] != (n_samples, len(channels)) or pixels.dtype.kind not in "iuf":
        raise DamagedError(f"{PIXELS} is {pixels.dtype} {pixels.shape}")
    if not are_labels(labels, n_samples, pixels.shape[2:], dataset.spec.label_kind, dataset.spec.n_classes):
        raise DamagedError(f"{LABELS} is {labels.dtype} {labels.shape}, or holds other classes")
    return ArrayCache(
        dataset=dataset.name,
        sample_sha256=facts.sample_sha256,
        bands=tuple(facts.bands),
        pixels=pixels,
        labels=labels,
        days=_read_circumstance(entry, DAYS, (n_samples,)),
        places=_read_circumstance(entry, PLACES, (n_samples, 2)),
        n_nonfinite=facts.n_nonfinite,
        n_nonfinite_samples=facts.n_nonfinite_samples,
        first_nonfinite_sample=facts.first_nonfinite_sample,
        first_nonfinite_band=facts.first_nonfinite_band,
    )


def _read_circumstance(entry: Entry, file_name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """When or where the samples were taken; None if none of them says so."""
    if not entry.holds(file_name):
        return None
    values = entry.array(file_name)[:]
    if values.shape != shape or values.dtype != np.float64:
        raise DamagedError(f"{file_name} is {values.dtype} {values.shape}")
    return values


def _tell_nonfinite(arrays: ArrayCache, progress: Progress) -> None:
    if arrays.n_nonfinite:
        total, n_samples = sum(arrays.n_nonfinite.values()), len(arrays.samples)
        progress.notice(
            f"{arrays.dataset}: {total} pixels in {arrays.n_nonfinite_samples} of {n_samples} samples have no data "
            "(NaN, infinite, beyond 10^15, or the value declared for it), first in sample "
            f'{arrays.first_nonfinite_sample}, band "{arrays.first_nonfinite_band}"; a backbone sees the band\'s mean '
            "there"
        )


def _blocks(indices: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Cut indices into runs that rise by one: (where in the source, where in the copy)."""
    bounds = [0, *(np.flatnonzero(np.diff(indices) != 1) + 1).tolist(), len(indices)]
    for start, end in pairwise(bounds):
        if start < end:
            first = int(indices[start])
            yield slice(first, first + end - start), slice(start, end)

"""What one process has open: datasets, the current backbone, features. Opened on first use, kept while useful."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

import numpy as np

import mp_mae.errors
from baselines.contract import Backbone
from baselines.table import BACKBONES
from harness.data.cache import ArrayCache, is_converted, open_arrays
from harness.data.dataset import GeoBenchDataset, normalisation, open_dataset
from harness.data.partitions import Partition
from harness.errors import UserError
from harness.features import cached_features, extract_features
from harness.identity import feature_key
from harness.progress import Progress
from harness.records import DatasetRef, Job, Places

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Workbench:
    """Opens each thing once per process; every executor's worker has its own."""

    def __init__(self, places: Places, progress: Progress) -> None:
        self.places = places
        self.progress = progress
        self._datasets: dict[DatasetRef, GeoBenchDataset | UserError] = {}
        self._partitions: dict[tuple[DatasetRef, str], Partition | UserError] = {}
        self._converted: dict[DatasetRef, bool | UserError] = {}
        self._arrays: dict[DatasetRef, ArrayCache | UserError] = {}
        self._features: dict[str, np.ndarray | UserError] = {}
        self._backbones: dict[tuple[str, Path | None, int | None], Backbone | UserError] = {}

    def dataset(self, ref: DatasetRef) -> GeoBenchDataset:
        """The description: task, bands, partitions, statistics. Reads no pixel."""
        return _once(self._datasets, ref, lambda: open_dataset(ref))

    def partition(self, ref: DatasetRef, name: str) -> Partition:
        """The samples of the three splits."""
        return _once(self._partitions, (ref, name), lambda: self.dataset(ref).partition(name))

    def is_converted(self, ref: DatasetRef) -> bool:
        """Whether `arrays` would come at no cost when this was first asked."""
        return _once(self._converted, ref, lambda: is_converted(self.dataset(ref), self.places.cache_dir))

    def arrays(self, ref: DatasetRef) -> ArrayCache:
        """The pixels and labels, converted to arrays if that has not happened yet."""
        return _once(self._arrays, ref, lambda: open_arrays(self.dataset(ref), self.places.cache_dir, self.progress))

    def backbone(self, name: str, weights: Path | None, seed: int) -> Backbone:
        """Build a backbone. Only the last one is kept: plans go backbone by backbone, and some fill a GPU.

        Raises:
            UserError: its weights are absent, damaged or of another kind.
        """
        key = (name, weights, seed if BACKBONES[name].seeded else None)
        if key not in self._backbones:
            self._backbones.clear()
        return _once(self._backbones, key, lambda: _build(name, weights, seed))

    def features(self, job: Job) -> np.ndarray:
        """(N, D) float32 features of the job's whole dataset in storage order; cached ones need no backbone."""
        key = feature_key(job.run)
        n_rows = len(self.arrays(job.dataset).samples)
        return _once(
            self._features,
            key,
            lambda: cached_features(self.places.cache_dir, key, n_rows, lambda: self._extract(job)),
        )

    def _extract(self, job: Job) -> np.ndarray:
        run, arrays = job.run, self.arrays(job.dataset)
        mean, std = normalisation(self.dataset(job.dataset), run.band_sources)
        return extract_features(
            self.backbone(run.backbone, job.weights, run.seed),
            arrays,
            tuple(None if source is None else arrays.bands.index(source) for source in run.band_sources),
            mean,
            std,
            self.places.device,
            self.progress,
        )


def _once(store: dict[Key, Value | UserError], key: Key, make: Callable[[], Value]) -> Value:
    """What `make` returned the first time. A failure is kept as well: a damaged dataset has many runs, and none of them
    should convert it once more only to fail."""
    if key not in store:
        try:
            store[key] = make()
        except UserError as error:
            store[key] = error
    found = store[key]
    if isinstance(found, UserError):
        raise UserError(str(found))
    return found


def _build(name: str, weights: Path | None, seed: int) -> Backbone:
    try:
        return BACKBONES[name].build(weights, seed)
    except mp_mae.errors.UserError as error:
        raise UserError(str(error)) from error

"""What one process has open: datasets, the current backbone, features. Opened on first use, kept while useful."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

import mp_mae.errors
from baselines.contract import Backbone
from baselines.table import BACKBONES
from harness.data.cache import ArrayCache, open_arrays
from harness.data.dataset import GeoBenchDataset, normalisation, open_dataset
from harness.errors import UserError
from harness.features import cached_features, extract_features
from harness.identity import feature_key
from harness.progress import Progress
from harness.records import DatasetRef, Job, Places


class _Built(NamedTuple):
    key: tuple[str, Path | None, int | None]
    backbone: Backbone


class Workbench:
    """Opens each thing once per process; every executor's worker has its own."""

    def __init__(self, places: Places, progress: Progress) -> None:
        self.places = places
        self.progress = progress
        self._datasets: dict[DatasetRef, GeoBenchDataset] = {}
        self._arrays: dict[DatasetRef, ArrayCache] = {}
        self._features: dict[str, np.ndarray] = {}
        self._built: _Built | None = None

    def dataset(self, ref: DatasetRef) -> GeoBenchDataset:
        """The description: task, bands, partitions, statistics. Reads no pixel."""
        if ref not in self._datasets:
            self._datasets[ref] = open_dataset(ref)
        return self._datasets[ref]

    def arrays(self, ref: DatasetRef) -> ArrayCache:
        """The pixels and labels, converted to arrays if that has not happened yet."""
        if ref not in self._arrays:
            self._arrays[ref] = open_arrays(self.dataset(ref), self.places.cache_dir, self.progress)
        return self._arrays[ref]

    def backbone(self, name: str, weights: Path | None, seed: int) -> Backbone:
        """Build a backbone. Only the last one is kept: plans go backbone by backbone, and some fill a GPU.

        Raises:
            UserError: its weights are absent, damaged or of another kind.
        """
        entry = BACKBONES[name]
        key = (name, weights, seed if entry.seeded else None)
        if self._built is None or self._built.key != key:
            try:
                self._built = _Built(key, entry.build(weights, seed))
            except mp_mae.errors.UserError as error:
                raise UserError(str(error)) from error
        return self._built.backbone

    def features(self, job: Job) -> np.ndarray:
        """(N, D) float32 features of the job's whole dataset in storage order; cached ones need no backbone."""
        key = feature_key(job.run)
        if key not in self._features:
            n_rows = len(self.arrays(job.dataset).samples)
            self._features[key] = cached_features(self.places.cache_dir, key, n_rows, lambda: self._extract(job))
        return self._features[key]

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

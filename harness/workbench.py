"""What one process has open: datasets, the current backbone, features. Opened on first use, kept while useful."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

import mp_mae.errors
from baselines.contract import Backbone, Features, Level
from baselines.table import BACKBONES
from harness.costs import Costs, count_costs
from harness.data.cache import ArrayCache, is_converted, open_arrays
from harness.data.dataset import GeoBenchDataset, normalisation, open_dataset
from harness.data.draws import Pool, build_pool, draw_few, draw_partition, is_few
from harness.data.partitions import Partition
from harness.errors import UserError
from harness.features import cached_features, embed_images, pooled, stored_channels
from harness.identity import feature_key
from harness.pixel_features import PixelFeatures, cached_pixel_features
from harness.progress import Progress
from harness.records import DatasetRef, Job, LabelKind, Places, TrainDraw

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Workbench:
    """Opens each thing once per process; every executor's worker has its own."""

    def __init__(self, places: Places, progress: Progress) -> None:
        self.places = places
        self.progress = progress
        self._datasets: dict[DatasetRef, GeoBenchDataset | UserError] = {}
        self._partitions: dict[tuple[DatasetRef, str], Partition | UserError] = {}
        self._pools: dict[tuple[DatasetRef, int], Pool | UserError] = {}
        self._draws: dict[tuple[DatasetRef, str, int], Partition | UserError] = {}
        self._converted: dict[DatasetRef, bool | UserError] = {}
        self._arrays: dict[DatasetRef, ArrayCache | UserError] = {}
        self._costs: dict[Hashable, Costs | UserError] = {}
        self._features: dict[str, np.ndarray | UserError] = {}
        self._pixel_features: dict[str, PixelFeatures | UserError] = {}
        self._backbones: dict[tuple[str, Path | None, int | None], Backbone | UserError] = {}

    def dataset(self, ref: DatasetRef) -> GeoBenchDataset:
        """The description: task, bands, partitions, statistics. Reads no pixel."""
        return _once(self._datasets, ref, lambda: open_dataset(ref))

    def partition(self, ref: DatasetRef, name: str) -> Partition:
        """The samples of the three splits."""
        return _once(self._partitions, (ref, name), lambda: self.dataset(ref).partition(name))

    def drawn_partition(self, ref: DatasetRef, name: str, train_draw: TrainDraw, seed: int) -> Partition:
        """The samples of one run: as the file says, or with train drawn by the seed, which needs the labels.

        Raises:
            TooFewSamplesError: there are fewer train samples than the draw wants.
        """
        if train_draw is TrainDraw.PARTITION:
            return self.partition(ref, name)
        return _once(self._draws, (ref, name, seed), lambda: self._draw(ref, name, seed))

    def _draw(self, ref: DatasetRef, name: str, seed: int) -> Partition:
        pool = _once(self._pools, (ref, seed), lambda: self._pool(ref, seed))
        if is_few(name):
            return draw_few(name, self.partition(ref, "default"), pool)
        return draw_partition(self.partition(ref, name), pool)

    def _pool(self, ref: DatasetRef, seed: int) -> Pool:
        names, arrays = self.partition(ref, "default").train, self.arrays(ref)
        kind = self.dataset(ref).spec.label_kind
        labels = None if kind is LabelKind.SEGMENTATION else arrays.labels[arrays.rows(names)]
        return build_pool(names, labels, kind, seed)

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

    def costs(self, job: Job) -> Costs:
        """What the job's backbone costs on an image of its dataset. All seeds of a backbone cost the same."""
        *_, height, width = self.arrays(job.dataset).pixels.shape
        key = (job.run.backbone, job.weights, len(job.run.bands), height, width)
        return _once(
            self._costs,
            key,
            lambda: count_costs(
                self.backbone(job.run.backbone, job.weights, job.run.seed), len(job.run.bands), height, width
            ),
        )

    def features(self, job: Job) -> np.ndarray:
        """(N, D) float32 features of the job's whole dataset in storage order; cached ones need no backbone."""
        key = feature_key(job.run)
        n_rows = len(self.arrays(job.dataset).samples)
        return _once(
            self._features,
            key,
            lambda: cached_features(self.places.cache_dir, key, n_rows, lambda: self._extract(job)),
        )

    def pixel_features(self, job: Job) -> PixelFeatures:
        """The feature pyramids of the job's whole dataset in storage order; cached ones need no backbone."""
        key = feature_key(job.run)
        n_rows = len(self.arrays(job.dataset).samples)
        return _once(
            self._pixel_features,
            key,
            lambda: cached_pixel_features(self.places.cache_dir, key, n_rows, lambda: self._extract_pyramid(job)),
        )

    def _extract(self, job: Job) -> np.ndarray:
        return pooled(self._embed(job))

    def _extract_pyramid(self, job: Job) -> tuple[Sequence[Level], Iterator[Features]]:
        return self.backbone(job.run.backbone, job.weights, job.run.seed).pyramid, self._embed(job)

    def _embed(self, job: Job) -> Iterator[Features]:
        """Features of all images, batch by batch in storage order."""
        run, arrays = job.run, self.arrays(job.dataset)
        mean, std = normalisation(self.dataset(job.dataset), run.band_sources)
        return embed_images(
            self.backbone(run.backbone, job.weights, run.seed),
            arrays,
            stored_channels(arrays, run.band_sources),
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
        raise type(found)(str(found))
    return found


def _build(name: str, weights: Path | None, seed: int) -> Backbone:
    try:
        return BACKBONES[name].build(weights, seed)
    except mp_mae.errors.UserError as error:
        raise UserError(str(error)) from error

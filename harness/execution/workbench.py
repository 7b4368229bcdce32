"""What one process has open: datasets, the current backbone, features. Opened on first use, kept while useful."""

import math
from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features, FittedBackbone, Level, fitted
from baselines.inputs import Preparation
from baselines.meter import InputMeter, NetworkInput
from baselines.registry import find_backbone
from baselines.stored_embeddings import StoredEmbeddings
from harness.data.arrays import ArrayCache, is_converted, open_arrays
from harness.data.dataset import Dataset
from harness.data.draws import Pool, build_pool, draw_few, draw_partition, is_few
from harness.data.partitions import Partition
from harness.data.sources import open_dataset
from harness.data.train_statistics import compute_statistics
from harness.errors import UserError
from harness.execution.costs import Costs, count_costs
from harness.execution.kept import OpenFeatures, once
from harness.execution.speed import Speed, measure_speed
from harness.extraction.batches import embed_images, images_per_batch, pooled, stored_channels
from harness.extraction.image_features import ImageFeatures, cached_features
from harness.extraction.input_notes import check_entered
from harness.extraction.known_bands import describe_bands
from harness.extraction.normalisation import build_preparation, choose_normalisation, fed_size
from harness.extraction.pixel_features import PixelFeatures, cached_pixel_features
from harness.extraction.precision import describe_extraction
from harness.extraction.train_images import PreparedImages
from harness.records.identity import feature_key, fingerprint_samples, hash_names
from harness.records.job import DatasetRef, Job, Places
from harness.records.progress import Progress
from harness.records.run import TrainDraw
from harness.store.damage import DamagedError
from harness.store.kinds import FEATURES, PIXEL_FEATURES, Kind, Place
from harness.tasks import TASKS


class Workbench:
    """Opens each thing once per process; every executor's worker has its own."""

    def __init__(self, places: Places, progress: Progress, *, verify_data: bool = False) -> None:
        """
        Args:
            verify_data: whether all samples are read again and compared with arrays that were made of them earlier.
        """
        self.places = places
        self.progress = progress
        self._verify_data = verify_data
        self._datasets: dict[DatasetRef, Dataset | UserError] = {}
        self._measured: dict[DatasetRef, Dataset | UserError] = {}
        self._partitions: dict[tuple[DatasetRef, str], Partition | UserError] = {}
        self._pools: dict[tuple[DatasetRef, int], Pool | UserError] = {}
        self._draws: dict[tuple[DatasetRef, str, int], Partition | UserError] = {}
        self._converted: dict[DatasetRef, bool | UserError] = {}
        self._fingerprints: dict[tuple[DatasetRef, str], str | UserError] = {}
        self._arrays: dict[DatasetRef, ArrayCache | UserError] = {}
        self._costs: dict[Hashable, Costs | UserError] = {}
        self._speeds: dict[Hashable, Speed | UserError] = {}
        self._features = OpenFeatures()
        self._backbones: dict[Hashable, Backbone | UserError] = {}
        self._fitted: dict[str, Backbone | UserError] = {}

    def dataset(self, ref: DatasetRef) -> Dataset:
        """The description: task, bands, partitions, statistics. Reads no pixel."""
        return once(self._datasets, ref, lambda: open_dataset(ref))

    def measured_dataset(self, ref: DatasetRef) -> Dataset:
        """The description with statistics: its own, or else those of the train split of `default`, for which all its
        samples are converted."""
        return once(self._measured, ref, lambda: self._measure(ref))

    def _measure(self, ref: DatasetRef) -> Dataset:
        dataset = self.dataset(ref)
        if dataset.statistics is not None:
            return dataset
        partition = self.partition(ref, "default")
        try:
            computed = compute_statistics(self.arrays(ref), partition)
        except DamagedError as damage:  # else this would stay for as long as the process lives
            self.open_anew(damage)
            computed = compute_statistics(self.arrays(ref), partition)
        return replace(dataset, computed_statistics=computed)

    def partition(self, ref: DatasetRef, name: str) -> Partition:
        """The samples of the three splits."""
        return once(self._partitions, (ref, name), lambda: self.dataset(ref).partition(name))

    def drawn_partition(self, ref: DatasetRef, name: str, train_draw: TrainDraw, seed: int) -> Partition:
        """The samples of one run: as the file says, or with train drawn by the seed, which needs the labels.

        Raises:
            TooFewSamplesError: there are fewer train samples than the draw wants.
        """
        if train_draw is TrainDraw.PARTITION:
            return self.partition(ref, name)
        return once(self._draws, (ref, name, seed), lambda: self._draw(ref, name, seed))

    def _draw(self, ref: DatasetRef, name: str, seed: int) -> Partition:
        pool = once(self._pools, (ref, seed), lambda: self._pool(ref, seed))
        if is_few(name):
            return draw_few(name, self.partition(ref, "default"), pool)
        return draw_partition(self.partition(ref, name), pool)

    def _pool(self, ref: DatasetRef, seed: int) -> Pool:
        names, arrays = self.partition(ref, "default").train, self.arrays(ref)
        kind = self.dataset(ref).spec.label_kind
        labels = None if TASKS[kind].per_pixel else arrays.labels[arrays.rows(names)]
        return build_pool(names, labels, kind, seed)

    def fingerprint(self, ref: DatasetRef, name: str) -> str:
        """The fingerprint of what a run may read: pixels and labels of the samples in it as filed, and in `default`."""
        filed = "default" if is_few(name) else name
        return once(self._fingerprints, (ref, filed), lambda: self._fingerprint(ref, filed))

    def _fingerprint(self, ref: DatasetRef, filed: str) -> str:
        dataset, arrays = self.dataset(ref), self.arrays(ref)
        partitions = [self.partition(ref, name) for name in {filed, "default"} & set(dataset.partitions())]
        samples = {name for listed in partitions for name in (*listed.train, *listed.valid, *listed.test)}
        arrays.rows(sorted(samples))  # says it best if one is not there
        spec = dataset.spec
        return fingerprint_samples(samples, arrays.sample_sha256, arrays.bands, spec.label_kind, spec.n_classes)

    def is_converted(self, ref: DatasetRef) -> bool:
        """Whether `arrays` would come at no cost when this was first asked."""
        return once(self._converted, ref, lambda: is_converted(self.dataset(ref), self.places.cache_dir))

    def arrays(self, ref: DatasetRef) -> ArrayCache:
        """The pixels and labels, converted to arrays if that has not happened yet."""
        places = self.places
        return once(
            self._arrays,
            ref,
            lambda: open_arrays(
                self.dataset(ref),
                places.cache_dir,
                self.progress,
                places.workers,
                cache_limit=places.cache_limit,
                verify=self._verify_data,
            ),
        )

    def make_way(self, besides: Job | None = None) -> None:
        """Where the cache has a limit: close all features but a job's, so that they may be removed for others."""
        if self.places.cache_limit is not None:
            wanted = (besides, besides.at_test) if besides else ()
            self._features.close(besides={self._feature_key(fed) for fed in wanted})

    def check_content(self, job: Job) -> None:
        """UserError if the job's dataset, or the file of its backbone, is another now than when the job was planned."""
        file = find_backbone(job.backbone).file
        if file and file.sha256 != job.run.backbone_settings["file_sha256"]:
            raise UserError(f"{file.path}: it changed since the run was planned. Run the command again")
        if self.arrays(job.dataset).content_sha256 != job.arrays_sha256:
            raise UserError(f"{job.run.dataset}: its files changed since the run was planned. Run the command again")

    def open_anew(self, damage: DamagedError) -> None:
        """Close what came from the cache, part of which was found damaged: on next use it is made anew."""
        self.progress.notice(str(damage))
        self._arrays.clear()
        self._features.close()

    def backbone(self, name: str, weights: Path | None, seed: int) -> Backbone:
        """Build a backbone. Only the last one is kept: plans go backbone by backbone, and some fill a GPU.

        Raises:
            UserError: its weights are absent, damaged or of another kind.
        """
        entry = find_backbone(name)
        key = (name, weights, seed if entry.seeded else None, entry.file)
        if key not in self._backbones:
            self._backbones.clear()
        return once(self._backbones, key, lambda: entry.build(weights, seed))

    def backbone_of(self, job: Job) -> Backbone:
        """The job's backbone, fitted if it is one that wants to be. UserError if its weights or its code are others now
        than when the run was planned."""
        backbone = self._planned_backbone(job)
        if not isinstance(backbone, FittedBackbone):
            return backbone
        key = self._feature_key(job)
        if key not in self._fitted:
            self._fitted.clear()
        return once(self._fitted, key, lambda: self._fit(job, backbone))

    def _fit(self, job: Job, backbone: FittedBackbone) -> Backbone:
        try:
            return fitted(backbone, self._train_images(job, backbone))
        except DamagedError as damage:  # else this would stay for as long as the process lives
            self.open_anew(damage)
            return fitted(backbone, self._train_images(job, backbone))

    def _train_images(self, job: Job, backbone: Backbone) -> PreparedImages:
        arrays, inputs, run = self.arrays(job.dataset), backbone.inputs, job.run
        partition = self.drawn_partition(job.dataset, run.partition, run.train_draw, run.seed)
        return PreparedImages(
            arrays,
            arrays.rows(sorted(self._fitted_to(job.dataset, partition))),
            stored_channels(arrays, run.band_sources),
            self.preparation(job),
            inputs.limits,
            inputs.size_multiple,
        )

    def fitted_on(self, ref: DatasetRef, partition: Partition) -> str:
        """`Run.fitted_on` of backbones that are fitted, in a run on the partition."""
        return hash_names(self._fitted_to(ref, partition))

    def _fitted_to(self, ref: DatasetRef, partition: Partition) -> set[str]:
        """The train images of `default`, so that all partitions share one network; but for those that the partition, a
        fold of somebody's own, chooses by or tests on."""
        default = self.partition(ref, "default")
        names = set(default.train).difference(partition.valid, partition.test)
        if not names:
            raise UserError(
                f"{ref.name}: valid and test of {partition.name} are all of the train images of {default.name}, so "
                "none is left to fit a backbone to. Choose another partition"
            )
        return names

    def _planned_backbone(self, job: Job) -> Backbone:
        backbone = self.backbone(job.backbone, job.weights, job.run.seed)
        planned = (job.run.weights_sha256, job.run.backbone_settings)
        if planned != (backbone.origin.weights_sha256, find_backbone(job.backbone).describe(backbone)):
            raise UserError(
                f"{job.weights or job.backbone}: the backbone changed since the run was planned. Run the command again"
            )
        return backbone

    def native_size(self, ref: DatasetRef) -> tuple[int, int]:
        """(height, width) of the images as they are stored."""
        height, width = self.arrays(ref).pixels.shape[2:]
        return height, width

    def preparation(self, job: Job) -> Preparation:
        """What is done to the stored pixels of the job's dataset before they enter its backbone."""
        run = job.run
        chosen = choose_normalisation(
            run.normalisation,
            self.measured_dataset(job.dataset),
            run.band_sources,
            self.arrays(job.dataset).pixels.dtype,
            job.backbone,
            self._planned_backbone(job).inputs,
        )
        return build_preparation(chosen, run.input_size, self.bands(job))

    def bands(self, job: Job) -> tuple[BandInfo, ...]:
        """What is known of the bands that feed the job's backbone."""
        return describe_bands(self.dataset(job.dataset), job.run.bands, job.run.band_sources)

    def network_input(self, job: Job) -> NetworkInput:
        """What entered the network for the features of a job that this process has read already."""
        return self._read_features(job).network_input

    def extraction(self, job: Job) -> Mapping[str, Any]:
        """What extracted the features of a job that this process has read already."""
        return self._read_features(job).extraction

    def _read_features(self, job: Job) -> ImageFeatures | PixelFeatures:
        return self._features.read_already(self._feature_key(job))

    def costs(self, job: Job) -> Costs:
        """What the job's backbone costs on an image as it is fed. All seeds of a backbone cost the same."""
        _, height, width = key = self._fed(job)
        return once(self._costs, key, lambda: count_costs(self.backbone_of(job), self.bands(job), height, width))

    def speed(self, job: Job) -> Speed:
        """How fast the job's backbone embeds here; measured once a process for all seeds of a backbone."""
        _, height, width = key = self._fed(job)
        device = self.places.device
        size_px, images = (height, width), self._images_per_batch(job)
        return once(
            self._speeds, key, lambda: measure_speed(self.backbone_of(job), self.bands(job), size_px, images, device)
        )

    def _images_per_batch(self, job: Job) -> int:
        pixels = max(math.prod(self._fed(job)[1:]), math.prod(self.native_size(job.dataset)))
        return images_per_batch(self.places.device, pixels, self.costs(job).image_bytes)

    def _fed(self, job: Job) -> tuple[Hashable, int, int]:
        """Which backbone reads how many bands, what it is told of them, and the (height, width) of what it is fed."""
        backbone = (job.backbone, job.weights, len(job.run.bands), str(job.run.facts))
        return backbone, *fed_size(job.run.input_size, self.native_size(job.dataset))

    def feature_rows(self, job: Job) -> np.ndarray:
        """(n,) int64 rows of the arrays that the job has features of, rising: all, or those of its test split."""
        arrays = self.arrays(job.dataset)
        if not job.test_alone:
            return np.arange(len(arrays.samples))
        run = job.run
        return np.sort(arrays.rows(self.drawn_partition(job.dataset, run.partition, run.train_draw, run.seed).test))

    def features(self, job: Job) -> np.ndarray:
        """(n, D) float32 features of the job's `feature_rows`; cached ones need no backbone."""
        return self._features.of_images(
            self._feature_key(job),
            lambda: cached_features(
                self._feature_place(job, FEATURES),
                len(self.feature_rows(job)),
                lambda meter: self._extract(job, meter),
                describe_extraction(self.places.device),
                self.progress,
            ),
        ).vectors

    def pixel_features(self, job: Job) -> PixelFeatures:
        """The feature pyramids of the job's `feature_rows`; cached ones need no backbone."""
        return self._features.of_pixels(
            self._feature_key(job),
            lambda: cached_pixel_features(
                self._feature_place(job, PIXEL_FEATURES),
                len(self.feature_rows(job)),
                lambda meter: self._extract_pyramid(job, meter),
                describe_extraction(self.places.device),
                self.progress,
            ),
        )

    def feature_folder(self, job: Job, kind: Kind) -> Path:
        """Where the features of the job's `feature_rows` lie in the cache, or will."""
        return self._feature_place(job, kind).directory

    def feature_bytes(self, job: Job, kind: Kind) -> int:
        """What those features take, as their stored format has it."""
        costs = self.costs(job)
        of_image = costs.pyramid_bytes if kind is PIXEL_FEATURES else costs.vector_bytes
        return of_image * len(self.feature_rows(job))

    def _feature_key(self, job: Job) -> str:
        arrays = self.arrays(job.dataset)
        content = arrays.content_of(self.feature_rows(job)) if job.test_alone else arrays.content_sha256
        return feature_key(job.run, content)

    def _feature_place(self, job: Job, kind: Kind) -> Place:
        return Place(
            cache_dir=self.places.cache_dir,
            kind=kind,
            key=f"{self._feature_key(job)[:32]}-{kind.version}",
            title=f"{job.run.dataset}{', test' if job.test_alone else ''}, {job.backbone}",
            limit=self.places.cache_limit,
        )

    def _extract(self, job: Job, meter: InputMeter) -> Iterator[np.ndarray]:
        vectors = pooled(self._embed(job, meter))
        backbone, samples = self.backbone_of(job), self.arrays(job.dataset).samples
        if isinstance(backbone, StoredEmbeddings):
            deque(vectors, maxlen=0)  # which measures what enters
            return iter([backbone.lookup([samples[row] for row in self.feature_rows(job)])])
        return vectors

    def _extract_pyramid(self, job: Job, meter: InputMeter) -> tuple[Sequence[Level], Iterator[Features]]:
        return self.backbone_of(job).pyramid, self._embed(job, meter)

    def _embed(self, job: Job, meter: InputMeter) -> Iterator[Features]:
        """Features of the job's `feature_rows`, batch by batch. UserError at its end if they are of no numbers."""
        run, arrays = job.run, self.arrays(job.dataset)
        yield from embed_images(
            self.backbone_of(job),
            arrays,
            self.feature_rows(job),
            stored_channels(arrays, run.band_sources),
            self.preparation(job),
            self.places.device,
            self._images_per_batch(job),
            meter,
            self.progress,
        )
        check_entered(run, meter.result())

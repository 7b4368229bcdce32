"""What protocols get of a run: features of images or of pixels, or the backbone itself; labels of train and valid."""

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from baselines.contract import Backbone
from baselines.inputs import Preparation
from baselines.meter import NetworkInput
from harness.data.arrays import ArrayCache
from harness.data.partitions import Partition
from harness.features.extraction import read_bands, stored_channels
from harness.features.normalisation import check_entered, fed_size
from harness.metrics import headline_mask_value, headline_value
from harness.metrics.regression import area_fractions, headline_area_value
from harness.metrics.segmentation import confusion_matrices
from harness.protocols import ProtocolEntry
from harness.records.job import Job
from harness.records.labels import LabelKind, Split
from harness.records.progress import Progress
from harness.records.run import Selection
from harness.run.workbench import Workbench


def build_material(
    job: Job, partition: Partition, workbench: Workbench, protocol: ProtocolEntry
) -> "ProbeMaterial | MaskMaterial | AreaMaterial | TrainingMaterial":
    """What fits the dataset's labels and what the protocol does."""
    if protocol.trains_backbone:
        return TrainingMaterial(job, partition, workbench)
    if protocol.predicts_areas:
        return AreaMaterial(job, partition, workbench)
    return (MaskMaterial if protocol.reads_pixel_features else ProbeMaterial)(job, partition, workbench)


class ProbeMaterial:
    """Features and labels of one run (`records.Material`). It does not hold the labels of the test split."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench) -> None:
        spec = workbench.dataset(job.dataset).spec
        self.label_kind: LabelKind = spec.label_kind
        self.n_classes: int = spec.n_classes
        self.selection: Selection = job.run.selection
        self._metric = job.run.metric
        arrays, features = workbench.arrays(job.dataset), workbench.features(job)
        rows = _rows(arrays, partition)
        self._features = {split: features[of_split] for split, of_split in rows.items()}
        self._labels = _known_labels(arrays, rows)

    def features(self, split: Split) -> np.ndarray:
        return self._features[split]

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        return self._labels[split]

    def valid_score(self, scores: np.ndarray) -> float:
        return self.score(self._labels["valid"], scores)

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        value = headline_value(self._metric, labels, scores)
        return -np.inf if value is None else value


class MaskMaterial:
    """Features of pixels and masks of one run (`records.PixelMaterial`). It does not hold the masks of the test split.

    Maps are read from disk image by image: those of a whole split may be larger than memory.
    """

    def __init__(self, job: Job, partition: Partition, workbench: Workbench) -> None:
        spec = workbench.dataset(job.dataset).spec
        self.label_kind: LabelKind = spec.label_kind
        self.n_classes: int = spec.n_classes
        self.selection: Selection = job.run.selection
        self.device: str = workbench.places.device
        self.progress: Progress = workbench.progress
        self._metric = job.run.metric
        self._features = workbench.pixel_features(job)
        self.strides: tuple[int, ...] = self._features.strides
        arrays = workbench.arrays(job.dataset)
        height, width = arrays.labels.shape[1:]
        self.size_px: tuple[int, int] = (height, width)
        self.fed_px: tuple[int, int] = fed_size(job.run.input_size, self.size_px)
        self._rows = _rows(arrays, partition)
        self._labels = _known_labels(arrays, self._rows)

    def n_images(self, split: Split) -> int:
        return len(self._rows[split])

    def maps(self, split: Split, image: int) -> Sequence[np.ndarray]:
        return [level[self._rows[split][image]] for level in self._features.maps]

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        return self._labels[split]

    def pixel_score(self, targets: np.ndarray, predicted: np.ndarray) -> float:
        confusions = confusion_matrices(targets[None, None], predicted[None, None], self.n_classes)
        value = headline_mask_value(self._metric, confusions)
        return -np.inf if value is None else value


class AreaMaterial:
    """Features of images and the areas of classes in their masks (`records.AreaMaterial`), but for those of test."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench) -> None:
        areas = {
            "train": read_areas(job, partition.train, workbench),
            "valid": read_areas(job, partition.valid, workbench),
        }
        labelled = ~np.isnan(areas["train"]).any(axis=1)
        self.n_unlabelled = int((~labelled).sum())
        self._labels = {**areas, "train": areas["train"][labelled]}
        rows = _rows(workbench.arrays(job.dataset), partition)
        rows["train"] = rows["train"][labelled]
        features = workbench.features(job)
        self._features = {split: features[of_split] for split, of_split in rows.items()}

    def features(self, split: Split) -> np.ndarray:
        return self._features[split]

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        return self._labels[split]

    def score(self, labels: np.ndarray, areas: np.ndarray) -> float:
        value = headline_area_value(labels, areas)
        return -np.inf if value is None else value


class TrainingMaterial:
    """Pixels, labels and the backbone of one run (`records.ImageMaterial`). It does not hold the labels of test."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench) -> None:
        spec = workbench.dataset(job.dataset).spec
        self.label_kind: LabelKind = spec.label_kind
        self.n_classes: int = spec.n_classes
        self.selection: Selection = job.run.selection
        self.device: str = workbench.places.device
        self.progress: Progress = workbench.progress
        self._run = job.run
        self._arrays = workbench.arrays(job.dataset)
        self.size_px: tuple[int, int] = workbench.native_size(job.dataset)
        self._backbone = workbench.backbone(job.backbone, job.weights, job.run.seed)
        self.preparation: Preparation = workbench.preparation(job)
        self._channels = stored_channels(self._arrays, job.run.band_sources)
        self._rows = _rows(self._arrays, partition)
        self._labels = _known_labels(self._arrays, self._rows)

    def backbone(self) -> Backbone:
        return copy.deepcopy(self._backbone).cpu()

    def n_images(self, split: Split) -> int:
        return len(self._rows[split])

    def pixels(self, split: Split, images: slice | np.ndarray) -> np.ndarray:
        return read_bands(self._arrays, self._rows[split][images], self._channels)

    def check_entered(self, entered: NetworkInput) -> None:
        check_entered(self._run, entered)

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        return self._labels[split]

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        if self.label_kind is LabelKind.SEGMENTATION:
            value = headline_mask_value(self._run.metric, confusion_matrices(labels, scores, self.n_classes))
        else:
            value = headline_value(self._run.metric, labels, scores)
        return -np.inf if value is None else value


def _rows(arrays: ArrayCache, partition: Partition) -> dict[Split, np.ndarray]:
    """Where the samples of each split are stored, in the partition's order."""
    return {
        "train": arrays.rows(partition.train),
        "valid": arrays.rows(partition.valid),
        "test": arrays.rows(partition.test),
    }


def _known_labels(arrays: ArrayCache, rows: Mapping[Split, np.ndarray]) -> dict[Split, np.ndarray]:
    """Labels of all splits but test."""
    return {"train": arrays.labels[rows["train"]], "valid": arrays.labels[rows["valid"]]}


def read_labels(job: Job, samples: tuple[str, ...], workbench: Workbench) -> np.ndarray:
    """Labels of samples by name, in their order."""
    arrays = workbench.arrays(job.dataset)
    return arrays.labels[arrays.rows(samples)]


def read_areas(job: Job, samples: tuple[str, ...], workbench: Workbench) -> np.ndarray:
    """(n, K) fractions that each class covers in the masks of samples by name; NaN in a mask without labelled pixel."""
    return area_fractions(read_labels(job, samples, workbench), workbench.dataset(job.dataset).spec.n_classes)

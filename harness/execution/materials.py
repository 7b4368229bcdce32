"""What protocols get of a run: features of images or of pixels, or the backbone itself; labels of train and valid."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from baselines.contract import Backbone
from baselines.inputs import Preparation
from baselines.meter import NetworkInput
from harness.data.arrays import ArrayCache
from harness.data.partitions import Partition
from harness.execution.workbench import Workbench
from harness.extraction.batches import read_bands, stored_channels
from harness.extraction.half_precision import convert
from harness.extraction.input_notes import check_entered
from harness.extraction.known_bands import check_values
from harness.extraction.normalisation import fed_size
from harness.protocols.entry import Need, ProtocolEntry
from harness.records.job import Job
from harness.records.labels import LabelKind, Split
from harness.records.progress import Progress
from harness.records.run import Selection
from harness.tasks import AREAS, TASKS
from harness.tasks.scoring import Scoring


def find_scoring(protocol: ProtocolEntry, label_kind: LabelKind) -> Scoring[Any]:
    """How predictions of a protocol are judged: as labels are, unless it predicts something else about them."""
    return AREAS if protocol.needs is Need.AREAS else TASKS[label_kind]


def build_material(job: Job, partition: Partition, workbench: Workbench, protocol: ProtocolEntry) -> "RunMaterial":
    """What the protocol needs."""
    scoring = find_scoring(protocol, workbench.dataset(job.dataset).spec.label_kind)
    return _MATERIALS[protocol.needs](job, partition, workbench, scoring)


def read_targets(job: Job, samples: tuple[str, ...], workbench: Workbench, scoring: Scoring[Any]) -> np.ndarray:
    """What is predicted of samples by name, in their order."""
    arrays = workbench.arrays(job.dataset)
    labels = arrays.labels_of_data if job.run.ignore_nodata else arrays.labels
    return scoring.targets(labels[arrays.rows(samples)], workbench.dataset(job.dataset).spec.n_classes)


class RunMaterial:
    """What all protocols get. It does not hold the labels of the test split."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench, scoring: Scoring[Any]) -> None:
        spec = workbench.dataset(job.dataset).spec
        self.label_kind: LabelKind = spec.label_kind
        self.n_classes: int = spec.n_classes
        self.selection: Selection = job.run.selection
        self.device: str = workbench.places.device
        self.progress: Progress = workbench.progress
        self._metric = job.run.metric
        self._scoring = scoring
        self._rows = _rows(workbench.arrays(job.dataset), partition)
        self._fed: dict[Split, Job] = {"train": job, "valid": job, "test": job.at_test}
        self._labels: dict[str, np.ndarray] = {
            "train": read_targets(job, partition.train, workbench, scoring),
            "valid": read_targets(job, partition.valid, workbench, scoring),
        }

    def n_images(self, split: Split) -> int:
        return len(self._rows[split])

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        return self._labels[split]

    def valid_score(self, scores: np.ndarray) -> float:
        return self.score(self._labels["valid"], scores)

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        return self._scoring.score(self._metric, labels, scores, self.n_classes)


class ProbeMaterial(RunMaterial):
    """Features of images and labels of one run (`records.materials.Material`)."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench, scoring: Scoring[Any]) -> None:
        super().__init__(job, partition, workbench, scoring)
        self._features: dict[Split, np.ndarray] = {}
        for split, fed in self._fed.items():
            self._features[split] = workbench.features(fed)[_places(workbench, fed, self._rows[split])]

    def features(self, split: Split) -> np.ndarray:
        return self._features[split]


class AreaMaterial(ProbeMaterial):
    """Features of images and the areas of classes in their masks (`records.materials.AreaMaterial`)."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench, scoring: Scoring[Any]) -> None:
        super().__init__(job, partition, workbench, scoring)
        labelled = ~np.isnan(self._labels["train"]).any(axis=1)
        self.n_unlabelled = int((~labelled).sum())
        self._rows["train"] = self._rows["train"][labelled]
        self._labels["train"] = self._labels["train"][labelled]
        self._features["train"] = self._features["train"][labelled]


class MaskMaterial(RunMaterial):
    """Features of pixels and their labels of one run (`records.materials.PixelMaterial`).

    Maps are read from disk image by image: those of a whole split may be larger than memory.
    """

    def __init__(self, job: Job, partition: Partition, workbench: Workbench, scoring: Scoring[Any]) -> None:
        super().__init__(job, partition, workbench, scoring)
        self._features = {split: workbench.pixel_features(fed) for split, fed in self._fed.items()}
        self._places = {split: _places(workbench, fed, self._rows[split]) for split, fed in self._fed.items()}
        self.strides: tuple[int, ...] = self._features["train"].strides
        height, width = workbench.arrays(job.dataset).labels.shape[1:]
        self.size_px: tuple[int, int] = (height, width)
        self.fed_px: tuple[int, int] = fed_size(job.run.input_size, self.size_px)

    def maps(self, split: Split, image: int) -> Sequence[np.ndarray]:
        features, wanted = self._features[split], self._features["train"]
        maps = [level[self._places[split][image]] for level in features.maps]
        if features is wanted:
            return maps
        return [convert(*level) for level in zip(maps, features.units, wanted.units, strict=True)]

    def pixel_score(self, targets: np.ndarray, predicted: np.ndarray) -> float:
        return self.score(targets[None, None], predicted[None, None])


class TrainingMaterial(RunMaterial):
    """Pixels, labels and the backbone of one run (`records.materials.ImageMaterial`)."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench, scoring: Scoring[Any]) -> None:
        super().__init__(job, partition, workbench, scoring)
        self._arrays = workbench.arrays(job.dataset)
        self.size_px: tuple[int, int] = workbench.native_size(job.dataset)
        self._backbone = workbench.backbone_of(job)
        self._preparations = {split: workbench.preparation(fed) for split, fed in self._fed.items()}
        self._channels = {
            split: stored_channels(self._arrays, fed.run.band_sources) for split, fed in self._fed.items()
        }

    def backbone(self) -> Backbone:
        return copy.deepcopy(self._backbone).cpu()

    def preparation(self, split: Split) -> Preparation:
        return self._preparations[split]

    def pixels(self, split: Split, images: slice | np.ndarray) -> np.ndarray:
        stored = read_bands(self._arrays, self._rows[split][images], self._channels[split])
        return check_values(stored, self._preparations[split].bands)

    def check_entered(self, entered: NetworkInput) -> None:
        check_entered(self._fed["train"].run, entered)


_MATERIALS: Mapping[Need, type[RunMaterial]] = {
    Need.IMAGE_FEATURES: ProbeMaterial,
    Need.PIXEL_FEATURES: MaskMaterial,
    Need.AREAS: AreaMaterial,
    Need.PIXELS: TrainingMaterial,
}


def _rows(arrays: ArrayCache, partition: Partition) -> dict[Split, np.ndarray]:
    """Where the samples of each split are stored, in the partition's order."""
    return {
        "train": arrays.rows(partition.train),
        "valid": arrays.rows(partition.valid),
        "test": arrays.rows(partition.test),
    }


def _places(workbench: Workbench, fed: Job, rows: np.ndarray) -> np.ndarray:
    """Where the features of stored rows are among those that a job has."""
    return np.searchsorted(workbench.feature_rows(fed), rows)

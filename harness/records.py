"""The values that cross module borders inside the harness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from harness.errors import as_user_error
from harness.progress import Progress
from leaderboards.schema import RunRecord

if TYPE_CHECKING:  # the command line imports this file and must not wait for torch
    from baselines.contract import Backbone
    from baselines.inputs import Preparation
    from baselines.meter import NetworkInput

Split = Literal["train", "valid", "test"]

IGNORED = 255
"""Value of a mask's pixels that have no label, in every mask we hand out."""


class LabelKind(StrEnum):
    """What a dataset's label is. The value is what users see and what rows store."""

    SINGLE_LABEL = "single_label"
    MULTI_LABEL = "multi_label"
    SEGMENTATION = "segmentation"


class TrainDraw(StrEnum):
    """Which train samples a run gets. The value is what users type and what rows store."""

    PARTITION = "partition"
    """Those its partition's file lists."""
    SEED = "seed"
    """As many, drawn from `default`'s by the run's seed; or the few a few-shot protocol asks for."""


class Selection(StrEnum):
    """What chooses hyper-parameters. The value is what users type and what rows store."""

    VALID = "valid"
    """The whole valid split, as is customary; its labels count as labels used."""
    CV = "cv"
    """Cross-validation inside train: no label beyond those that fit."""
    NONE = "none"
    """Nothing: the documented default is used, or there is nothing to choose."""


class NormalisationPolicy(StrEnum):
    """Whose statistics standardise what a backbone is fed. The value is what users type and what rows store."""

    DATASET = "dataset"
    """Those in the dataset's band_stats.json."""
    PRETRAINING = "pretraining"
    """Those the backbone was trained with."""
    NONE = "none"
    """Nobody's: the stored values enter as they are, no data as 0."""


class BandNames(StrEnum):
    """Whose word is taken on which band a channel is. The value is what users type and what rows store."""

    CORRECTED = "corrected"
    """An erratum's, where the published files are known to be wrong (`data.errata`)."""
    STORED = "stored"
    """The files', as published numbers were made."""


@dataclass(frozen=True, kw_only=True)
class DatasetRef:
    """A dataset found on disk, not opened."""

    name: str
    suite: str
    directory: Path
    band_names: BandNames = BandNames.CORRECTED
    """How it is to be opened."""

    @property
    def qualified_name(self) -> str:
        """Folder of the suite and name, which no other dataset of the root has."""
        return f"{self.directory.parent.name}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that can change a result and nothing that cannot: `identity` hashes exactly this.

    Device, workers, paths, host and inference batch size are deliberately absent, and so is the name under which the
    backbone was chosen: one network may have several.
    """

    suite: str
    dataset: str
    dataset_fingerprint: str
    """Over pixels and labels of the samples in `default` and in the run's partition as it is filed."""
    partition: str
    partition_sha256: str
    """Over the sample names of the three splits in order: an edited partition, or another draw, is another run."""
    valid_sha256: str
    """Over the sorted sample names of the valid split."""
    test_sha256: str
    """The same of the test split."""
    train_draw: TrainDraw
    backbone_settings: Mapping[str, Any]
    """What the network is, beside its weights: `builder`, `version`, and all that changes its features."""
    weights_sha256: str
    weights_from_seed: bool
    """Whether the weights were drawn from the run's seed, so that each seed is another network."""
    bands: tuple[str, ...]
    """Bands the backbone was fed, in its order, by the name it asked for."""
    band_sources: tuple[str | None, ...]
    """For each of `bands` the channel that supplied it, by the name it is stored under; None: filled with zeros."""
    band_names: BandNames
    """Whose names `bands` were matched with; `stored` where nothing is known to be wrong with them."""
    normalisation: NormalisationPolicy
    normalisation_statistics: Mapping[str, Sequence[float]]
    """`mean` and `std` of each of `bands`, in the unit of the stored pixels: the very numbers that were used."""
    input_size: int | None
    """Side in pixels the images were resampled to; None: their own size."""
    extraction_version: int
    """Of what is done to pixels before any network sees them."""
    metric: str
    """Headline metric: chooses hyper-parameters on valid and ranks on test."""
    metrics_version: int
    protocol: str
    protocol_version: int
    protocol_settings: Mapping[str, Any]
    selection: Selection
    seed: int
    """0 where it decides nothing, so that the same run is not repeated under many numbers."""


class Material(Protocol):
    """What a protocol gets. Test labels are not among it, so no choice can depend on them."""

    @property
    def label_kind(self) -> LabelKind: ...

    @property
    def n_classes(self) -> int: ...

    @property
    def selection(self) -> Selection:
        """What the protocol has to choose its hyper-parameters by."""
        ...

    def features(self, split: Split) -> np.ndarray:
        """(n, D) float32 embeddings of a split, in partition order."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n,) int64 class indices, or (n, K) uint8 0/1 vectors for multi-label."""
        ...

    def valid_score(self, scores: np.ndarray) -> float:
        """Headline metric of (n_valid, K) class probabilities; undefined counts as minus infinity."""
        ...

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        """The same of any samples, for choosing inside train."""
        ...


class PixelMaterial(Protocol):
    """What a protocol gets where labels are masks. Test masks are not among it."""

    @property
    def n_classes(self) -> int: ...

    @property
    def device(self) -> str:
        """Torch device to train on, for a protocol that trains a network."""
        ...

    @property
    def progress(self) -> Progress: ...

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the image as it was embedded per cell of each level of the feature pyramid, finest first."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of every mask."""
        ...

    @property
    def fed_px(self) -> tuple[int, int]:
        """(height, width) of every image as it was embedded: as its mask, unless it was resampled."""
        ...

    def n_images(self, split: Split) -> int: ...

    def maps(self, split: Split, image: int) -> Sequence[np.ndarray]:
        """Per level the (h_i, w_i, D_i) float16 map of one image of a split; it may reach beyond the mask's border."""
        ...

    @property
    def selection(self) -> Selection:
        """What the protocol has to choose its hyper-parameters by."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n, H, W) uint8 class indices; `IGNORED` has no label."""
        ...

    def pixel_score(self, targets: np.ndarray, predicted: np.ndarray) -> float:
        """Headline metric of (p,) pixels' classes, taken as one image; undefined counts as minus infinity."""
        ...


class AreaMaterial(Protocol):
    """What a protocol gets that predicts how much of an image each class covers. Test masks are not among it."""

    @property
    def n_unlabelled(self) -> int:
        """Train images that are left out because no pixel of their masks has a label."""
        ...

    def features(self, split: Split) -> np.ndarray:
        """(n, D) float32 embeddings of a split, in partition order."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n, K) float64 fractions of an image's labelled pixels; NaN in a valid image that has none."""
        ...

    def score(self, labels: np.ndarray, areas: np.ndarray) -> float:
        """Headline metric of (n, K) predicted fractions; undefined counts as minus infinity."""
        ...


class ImageMaterial(Protocol):
    """What a protocol gets that trains the backbone itself. Test labels are not among it."""

    @property
    def label_kind(self) -> LabelKind: ...

    @property
    def n_classes(self) -> int: ...

    @property
    def selection(self) -> Selection:
        """What the protocol has to choose the state of its network by."""
        ...

    @property
    def device(self) -> str:
        """Torch device to train on."""
        ...

    @property
    def progress(self) -> Progress: ...

    def backbone(self) -> "Backbone":
        """As it was pretrained: the caller's own copy, on the CPU."""
        ...

    @property
    def preparation(self) -> "Preparation":
        """What the backbone is called with."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of every image as stored, and mask."""
        ...

    def n_images(self, split: Split) -> int: ...

    def pixels(self, split: Split, images: "slice | np.ndarray") -> np.ndarray:
        """(B, C, H, W) float32 of images of a split as stored, bands as the backbone is called; the caller's own."""
        ...

    def check_entered(self, entered: "NetworkInput") -> None:
        """Raise UserError if what was measured entering the backbone are numbers that no sensor gives."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n,) int64 class indices, (n, K) uint8 of 0 and 1, or (n, H, W) uint8 masks."""
        ...

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        """Headline metric of (n, K) class probabilities, or (n, H, W) classes; undefined counts as minus infinity."""
        ...


@dataclass(frozen=True, kw_only=True)
class Range:
    """Where a number is searched for when a protocol is tuned."""

    low: float
    high: float
    log: bool = False
    """Whether its order of magnitude is what is searched for."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a protocol returns: predictions over whole splits, never metrics."""

    valid_scores: np.ndarray
    """(n_valid, K) float64 class probabilities (each label on its own if multi-label). Of masks the decision alone is
    kept: (n_valid, H, W) uint8 predicted classes. Of areas: (n_valid, K) float64 fractions of the image."""
    test_scores: np.ndarray
    """The same of the test split."""
    ran_with: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen on the way (for example the regularisation), JSON-able."""
    n_labels_fit: int
    """Labelled samples used to fit the reported predictor."""
    n_labels_select: int
    """Further labelled samples used to choose it; 0 if nothing was chosen."""
    network_input: "NetworkInput | None" = None
    """What entered the backbone, measured over train, by a protocol that runs it; None: it got features."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where work happens. None of it can change a result, so none of it is in a run's identity."""

    cache_dir: Path
    device: str
    """A torch device, for example `cpu` or `cuda:0`."""
    workers: int = 1
    """Processes that may execute runs side by side."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run together with what finds its input on this machine. Picklable, so that any executor can ship it."""

    run: Run
    run_id: str
    backbone: str
    """The name it was chosen by."""
    dataset: DatasetRef
    arrays_sha256: str
    """Of all that the dataset's arrays held when the run was planned. Nothing else may be filed under its identity."""
    weights: Path | None
    filled_bands: Mapping[str, str | None]
    """Bands that the dataset lacks, each with the band that feeds it instead; None: zeros."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that did not finish, and why."""

    message: str
    traceback: str | None
    """None if the cause is the user's to fix."""

    @classmethod
    def of(cls, error: Exception) -> "Failure":
        """What is told of an error at the border between runs."""
        told = as_user_error(error)
        return cls(message=str(told), traceback=told.traceback)


class Result(NamedTuple):
    """What became of a job."""

    job: Job
    outcome: RunRecord | Failure

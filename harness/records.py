"""The values that cross module borders inside the harness."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from leaderboards.schema import RunRecord

Split = Literal["train", "valid", "test"]


class LabelKind(StrEnum):
    """What a dataset's label is. The value is what users see and what rows store."""

    SINGLE_LABEL = "single_label"
    MULTI_LABEL = "multi_label"
    SEGMENTATION = "segmentation"


@dataclass(frozen=True, kw_only=True)
class DatasetRef:
    """A dataset found on disk, not opened."""

    name: str
    suite: str
    directory: Path


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that can change a result and nothing that cannot: `identity` hashes exactly this.

    Device, workers, paths, host and inference batch size are deliberately absent.
    """

    suite: str
    dataset: str
    dataset_fingerprint: str
    partition: str
    partition_sha256: str
    """Over the sample names of the three splits, so that an edited partition is another run."""
    backbone: str
    backbone_settings: Mapping[str, Any]
    weights_sha256: str
    bands: tuple[str, ...]
    """Bands the backbone was fed, in its order, by the name it asked for."""
    band_sources: tuple[str | None, ...]
    """For each of `bands` the dataset's band that supplied it; None: filled with zeros."""
    normalisation: str
    input_size: int | None
    """Side in pixels the images were resized to; None: their own size."""
    metric: str
    """Headline metric: chooses hyper-parameters on valid and ranks on test."""
    metrics_version: int
    protocol: str
    protocol_version: int
    protocol_settings: Mapping[str, Any]
    seed: int


class Material(Protocol):
    """What a protocol gets. Test labels are not among it, so no choice can depend on them."""

    @property
    def label_kind(self) -> LabelKind: ...

    @property
    def n_classes(self) -> int: ...

    def features(self, split: Split) -> np.ndarray:
        """(n, D) float32 embeddings of a split, in partition order."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n,) int64 class indices, or (n, K) uint8 0/1 vectors for multi-label."""
        ...

    def valid_score(self, scores: np.ndarray) -> float:
        """Headline metric of (n_valid, K) class probabilities; undefined counts as minus infinity."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a protocol returns: predictions over whole splits, never metrics."""

    valid_scores: np.ndarray
    """(n_valid, K) float64 class probabilities (each label on its own if multi-label)."""
    test_scores: np.ndarray
    """(n_test, K) float64 class probabilities."""
    ran_with: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen on the way (for example the regularisation), JSON-able."""
    n_labels_fit: int
    """Labelled samples used to fit the reported predictor."""
    n_labels_select: int
    """Further labelled samples used to choose it; 0 if nothing was chosen."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where work happens. None of it can change a result, so none of it is in a run's identity."""

    cache_dir: Path
    device: str
    """A torch device, for example `cpu` or `cuda:0`."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run together with what finds its input on this machine. Picklable, so that any executor can ship it."""

    run: Run
    run_id: str
    dataset: DatasetRef
    weights: Path | None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A run that did not finish, and why."""

    message: str
    traceback: str | None
    """None if the cause is the user's to fix."""


class Result(NamedTuple):
    """What became of a job."""

    job: Job
    outcome: RunRecord | Failure

"""The rows of a leaderboard as values. `schema.sql` has the tables they go to and the constraints they must meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

SCHEMA_VERSION = 1
"""Raised with every change to the tables; a file with another version is refused."""

Source = Literal["measured", "published"]
Split = Literal["valid", "test"]


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """What ran. None means unknown, which only published numbers may be; a measured run knows everything."""

    run_id: str
    """SHA-256, 64 lower-case hex digits: two results with one identity are the same run."""
    suite: str
    dataset: str
    backbone: str
    weights_sha256: str | None
    dataset_fingerprint: str | None
    protocol: str
    protocol_version: int | None
    partition: str
    seed: int | None
    metric: str
    """The headline metric: chooses hyper-parameters on valid and ranks on test."""
    n_train: int | None
    n_valid: int | None
    n_test: int | None
    n_labels_fit: int | None
    """Labelled samples used to fit the reported predictor."""
    n_labels_select: int | None
    """Further labelled samples used to choose it."""
    source: Source
    configuration: Mapping[str, Any]
    """JSON-able: everything the identity covers."""
    provenance: Mapping[str, Any]
    """JSON-able: versions, commit, what was chosen on the way; for a published number, where it was read."""
    device: str | None
    seconds: float | None
    finished_at: datetime | None
    """With a time zone; stored in UTC."""

    def __post_init__(self) -> None:
        if self.finished_at is not None and self.finished_at.tzinfo is None:
            raise ValueError(f"finished_at {self.finished_at} has no time zone")


@dataclass(frozen=True, kw_only=True)
class MetricRow:
    """One metric over one whole split."""

    split: Split
    metric: str
    value: float | None
    """None: undefined on this split."""
    ci_low: float | None
    """95 % interval; None: nobody computed it, or there is no value."""
    ci_high: float | None


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One metric of one class over one whole split."""

    split: Split
    metric: str
    class_name: str
    value: float | None
    """None: undefined for this class on this split."""


@dataclass(frozen=True, kw_only=True)
class PredictionRow:
    """What was predicted for one sample, for paired tests. Classes by index; one for single-label, any number else."""

    split: Split
    sample: str
    target: tuple[int, ...]
    predicted: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run with all its rows: what is committed as a whole.

    Raises:
        ValueError: the headline metric on test is not among `metrics`, or a sample is predicted twice.
    """

    run: RunRow
    metrics: Sequence[MetricRow]
    classes: Sequence[ClassRow] = ()
    predictions: Sequence[PredictionRow] = ()
    """In the order of the partition, split by split."""

    def __post_init__(self) -> None:
        if not any(row.split == "test" and row.metric == self.run.metric for row in self.metrics):
            raise ValueError(f"run {self.run.run_id}: no row for the headline metric {self.run.metric!r} on test")
        if len({(row.split, row.sample) for row in self.predictions}) < len(self.predictions):
            raise ValueError(f"run {self.run.run_id}: a sample is predicted twice in one split")

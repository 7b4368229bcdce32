"""The rows of a leaderboard as values. `schema.sql` has the tables they go to and the constraints they must meet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

SCHEMA_VERSION = 9
"""Raised with every change to the tables. An older file is upgraded when it is opened, a newer one refused."""

Source = Literal["measured", "published"]
Split = Literal["valid", "test"]
TrainDraw = Literal["partition", "seed"]
Selection = Literal["valid", "cv", "none"]
Question = Literal["retrieval", "subset", "missing channel", "transfer"]
FittedOn = Literal["everything", "the same"]


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
    train_draw: TrainDraw | None = "partition"
    """Train samples: the partition as filed, or as many drawn from the whole train split by the seed."""
    selection: Selection | None = "valid"
    """Hyper-parameters are chosen on the valid split, by cross-validation inside the train samples, or not at all."""
    parameters: int | None = None
    """Of the backbone. None also in a measured run: nobody counted."""
    flops_per_image: int | None = None
    """Of the backbone, for one image as it was fed: a multiplication and an addition are two. None as `parameters`."""
    images_per_second: float | None = None
    """That the backbone embedded on the run's device, fed as in the run; `provenance.speed` says how many at once and
    by how many threads. None as `parameters`."""
    peak_memory_bytes: int | None = None
    """The most that tensors took at once while the backbone embedded one such image, its parameters among them. None as
    `parameters`."""
    higher_is_better: bool = True
    """Of `metric`: False for errors, as rmse."""

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
class MaskRow:
    """The confusion counts of one image of a segmentation dataset, for paired tests.

    `n_pixels[i]` pixels of class `target[i]` were predicted as `predicted[i]`. Only pairs that occur; pixels without a
    label are not counted.
    """

    split: Split
    sample: str
    target: tuple[int, ...]
    predicted: tuple[int, ...]
    n_pixels: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ValueRow:
    """The real numbers predicted for one sample, for paired tests, in the order of the dataset's `class_names`."""

    split: Split
    sample: str
    target: tuple[float, ...]
    """Finite, in the dataset's units; at least one."""
    predicted: tuple[float, ...]
    """As many, finite."""


@dataclass(frozen=True, kw_only=True)
class ErrorSumsRow:
    """Sums over the labelled pixels of one image whose pixels are predicted as real numbers, for paired tests.

    An error is predicted - target, in the dataset's units. An image without a labelled pixel has zeros alone.
    """

    split: Split
    sample: str
    n_pixels: int
    """How many are labelled: what RMSE, MAE and R2 of any set of images need beside the sums."""
    sum_target: float
    sum_squared_target: float
    sum_error: float
    sum_squared_error: float
    sum_absolute_error: float


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run with all its rows: what is committed as a whole.

    Raises:
        ValueError: the headline metric on test is not among `metrics`, or a sample is there twice in one split.
    """

    run: RunRow
    metrics: Sequence[MetricRow]
    classes: Sequence[ClassRow] = ()
    predictions: Sequence[PredictionRow] = ()
    """In the order of the partition, split by split."""
    mask_counts: Sequence[MaskRow] = ()
    """Likewise."""
    values: Sequence[ValueRow] = ()
    """Likewise."""
    error_sums: Sequence[ErrorSumsRow] = ()
    """Likewise."""

    def __post_init__(self) -> None:
        if self._headline() is None:
            raise ValueError(f"run {self.run.run_id}: no row for the headline metric {self.run.metric!r} on test")
        for rows in (self.predictions, self.mask_counts, self.values, self.error_sums):
            if len({(row.split, row.sample) for row in rows}) < len(rows):
                raise ValueError(f"run {self.run.run_id}: a sample is predicted twice in one split")

    @property
    def headline(self) -> MetricRow:
        """The headline metric on test."""
        row = self._headline()
        assert row is not None
        return row

    def _headline(self) -> MetricRow | None:
        wanted = ("test", self.run.metric)
        return next((row for row in self.metrics if (row.split, row.metric) == wanted), None)


@dataclass(frozen=True, kw_only=True)
class TableOf:
    """Where the rows of a record go."""

    table: str
    attribute: str
    """Of RunRecord."""
    row_class: type
    numbered: bool
    """Whether rows are keyed by their position within their split."""


TABLES = (
    TableOf(table="metrics", attribute="metrics", row_class=MetricRow, numbered=False),
    TableOf(table="class_metrics", attribute="classes", row_class=ClassRow, numbered=False),
    TableOf(table="predictions", attribute="predictions", row_class=PredictionRow, numbered=True),
    TableOf(table="mask_counts", attribute="mask_counts", row_class=MaskRow, numbered=True),
    TableOf(table="value_predictions", attribute="values", row_class=ValueRow, numbered=True),
    TableOf(table="error_sums", attribute="error_sums", row_class=ErrorSumsRow, numbered=True),
)
"""All tables but `runs`, which each of them refers to, and `multimodal` and `failures`, which stand by themselves."""


@dataclass(frozen=True, kw_only=True)
class MultimodalRow:
    """One number about an embedding space that several modalities share, on the test images of a dataset."""

    result_id: str
    """SHA-256, 64 lower-case hex digits, over all that decides the number: two with one identity are the same."""
    suite: str
    backbone: str
    weights_sha256: str
    dataset: str
    """Whose train images fitted the probe; of a retrieval the same as `test_dataset`."""
    test_dataset: str
    what: Question
    modalities: tuple[str, ...]
    """What the test images, or the queries, are embedded from, in the model's order; at least one."""
    metric: str
    higher_is_better: bool
    value: float | None
    """None: undefined on this split."""
    n: int
    """Test images, or queries."""
    seed: int
    """Draws the resamples of the intervals."""
    configuration: Mapping[str, Any]
    """JSON-able: everything else that the identity covers. All rows of one evaluation have the same."""
    finished_at: datetime
    """With a time zone; stored in UTC."""
    gallery: str | None = None
    """Of a retrieval alone: the modality that is searched."""
    channel_of: str | None = None
    """The modality that lacks a channel; None: none does."""
    missing_channel: str | None = None
    fitted_on: FittedOn | None = None
    """Whether the train images that fitted the probe had everything, or lacked what the test images lack; None: a
    retrieval, which fits nothing."""
    k: int | None = None
    """Of recall: the image is among the first `k`."""
    ci_low: float | None = None
    """95 % interval; None: nobody computed it, or there is no value."""
    ci_high: float | None = None
    loss: float | None = None
    """How much worse than the same with nothing missing, or of a transfer than a probe fitted where it is tested; None:
    nothing is missing, or one of the two is undefined."""
    loss_low: float | None = None
    """95 % interval of the loss, paired by test image."""
    loss_high: float | None = None
    chance: float | None = None
    """What guessing gives; None: it has no one value."""
    n_gallery: int | None = None
    """Images that are searched."""

    def __post_init__(self) -> None:
        if self.finished_at.tzinfo is None:
            raise ValueError(f"finished_at {self.finished_at} has no time zone")


@dataclass(frozen=True, kw_only=True)
class FailureRow:
    """A run that failed, and has not been made since."""

    run_id: str
    """That it would have."""
    suite: str
    dataset: str
    backbone: str
    protocol: str
    partition: str
    seed: int
    message: str
    traceback: str | None
    """None: the cause is the user's to mend."""
    failed_at: datetime
    """The last time; with a time zone, stored in UTC."""
    times: int = 1
    """In a row, with this message."""

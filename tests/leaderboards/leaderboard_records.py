"""Records for the tests of the leaderboard: valid as they are, and easy to spoil."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from leaderboards.schema import (
    ClassRow,
    ErrorSumsRow,
    MaskRow,
    MetricRow,
    MultimodalRow,
    PredictionRow,
    RunRecord,
    RunRow,
    ValueRow,
)


def make_run(name: object = "run", **changes: Any) -> RunRow:
    values: dict[str, Any] = {
        "run_id": run_id(name),
        "suite": "geobench-classification-v1.0",
        "dataset": "m-eurosat",
        "backbone": "mp_mae",
        "weights_sha256": "0123456789abcdef" * 4,
        "dataset_fingerprint": "fingerprint",
        "protocol": "knn",
        "protocol_version": 1,
        "partition": "0.10x_train",
        "seed": 0,
        "metric": "accuracy",
        "n_train": 200,
        "n_valid": 100,
        "n_test": 3,
        "n_labels_fit": 200,
        "n_labels_select": 0,
        "source": "measured",
        # Runs of other names differ in their samples, so that none is a second run of the same seed.
        "configuration": {"k": 5, "bands": ["B2", "B3"], "partition_sha256": run_id(name)},
        "provenance": {"git_commit": None},
        "device": "cpu",
        "seconds": 0.5,
        "finished_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
    }
    return RunRow(**(values | changes))


def published_run(name: object = "published", **changes: Any) -> RunRow:
    """Everything a paper's table does not say is unknown."""
    unknown = (
        "weights_sha256 dataset_fingerprint protocol_version train_draw selection seed n_train n_valid n_test "
        "n_labels_fit n_labels_select device seconds finished_at"
    )
    return make_run(name, **({"source": "published"} | dict.fromkeys(unknown.split()) | changes))


def run_id(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def metric(value: float | None = 0.5, ci: tuple[float, float] | None = (0.4, 0.6), **changes: Any) -> MetricRow:
    low, high = ci or (None, None)
    values: dict[str, Any] = {"split": "test", "metric": "accuracy", "value": value, "ci_low": low, "ci_high": high}
    return MetricRow(**(values | changes))


def class_metric(**changes: Any) -> ClassRow:
    values: dict[str, Any] = {"split": "test", "metric": "f1", "class_name": "Forest", "value": 0.5}
    return ClassRow(**(values | changes))


def prediction(sample: str = "id_0000", **changes: Any) -> PredictionRow:
    return PredictionRow(**({"split": "test", "sample": sample, "target": (1,), "predicted": (2,)} | changes))


def make_mask(sample: str = "id_0000", **changes: Any) -> MaskRow:
    values = {"split": "test", "sample": sample, "target": (0, 0, 1), "predicted": (0, 1, 1), "n_pixels": (5, 1, 3)}
    return MaskRow(**(values | changes))


def make_value(sample: str = "id_0000", **changes: Any) -> ValueRow:
    values = {"split": "test", "sample": sample, "target": (1.5, -2.0), "predicted": (1.0, 1e-300)}
    return ValueRow(**(values | changes))


def make_error_sums(sample: str = "id_0000", **changes: Any) -> ErrorSumsRow:
    """Two pixels of 1 and 3, predicted as 1.5 and 2."""
    values = {
        "split": "test", "sample": sample, "n_pixels": 2, "sum_target": 4.0, "sum_squared_target": 10.0,
        "sum_error": -0.5, "sum_squared_error": 1.25, "sum_absolute_error": 1.5,
    }  # fmt: skip
    return ErrorSumsRow(**(values | changes))


def make_record(name: object = "run", *, n_predictions: int = 3, **changes: Any) -> RunRecord:
    """A complete measured run; `changes` replace fields of its RunRow."""
    return RunRecord(
        run=make_run(name, **changes),
        metrics=[metric(), metric(split="valid"), metric(None, None, metric="f1_macro")],
        classes=[class_metric(), class_metric(class_name="River", value=None)],
        predictions=[prediction(f"id_{i:04d}") for i in range(n_predictions)],
    )


def make_result(name: object = "result", **changes: Any) -> MultimodalRow:
    """The accuracy of a probe on Sentinel-1 alone, 0.2 worse than on all three; `changes` replace its fields."""
    values: dict[str, Any] = {
        "result_id": run_id(name),
        "suite": "areas",
        "backbone": "clip",
        "weights_sha256": "0123456789abcdef" * 4,
        "dataset": "area-delta-cover",
        "test_dataset": "area-delta-cover",
        "what": "subset",
        "modalities": ("sentinel1",),
        "fitted_on": "everything",
        "metric": "accuracy",
        "higher_is_better": True,
        "value": 0.5,
        "ci_low": 0.4,
        "ci_high": 0.6,
        "loss": 0.2,
        "loss_low": 0.1,
        "loss_high": 0.3,
        "chance": 0.25,
        "n": 100,
        "seed": 0,
        "configuration": {"evaluated": ["sentinel2", "sentinel1", "coherence"]},
        "finished_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
    }
    return MultimodalRow(**(values | changes))


def make_retrieval(name: object = "retrieval", **changes: Any) -> MultimodalRow:
    """Recall at 1 of Sentinel-2 by Sentinel-1."""
    values = {
        "what": "retrieval",
        "gallery": "sentinel2",
        "n_gallery": 100,
        "fitted_on": None,
        "metric": "recall",
        "k": 1,
    }
    return make_result(name, **(values | changes))

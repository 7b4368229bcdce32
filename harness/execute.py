"""One run, from files to a record for the leaderboard."""

from collections.abc import Mapping
from datetime import UTC, datetime
from time import perf_counter
from typing import Literal

import numpy as np

from harness.data.partitions import Partition
from harness.identity import configuration
from harness.metrics import evaluate, headline_value, per_class, predict
from harness.protocols import PROTOCOLS
from harness.provenance import collect_provenance
from harness.records import Job, LabelKind, Outcome, Split
from harness.workbench import Workbench
from leaderboards.schema import ClassRow, MetricRow, PredictionRow, RunRecord, RunRow

Scored = Literal["valid", "test"]
Targets = Mapping[Scored, np.ndarray]


def execute(job: Job, workbench: Workbench) -> RunRecord:
    """Features, protocol, metrics. Writes nothing but caches; the caller commits the record as a whole.

    Raises:
        UserError: input that the user has to mend.
    """
    started = perf_counter()
    partition = workbench.partition(job.dataset, job.run.partition)
    material = ProbeMaterial(job, partition, workbench)
    protocol = PROTOCOLS[job.run.protocol]
    outcome = protocol.function(material, protocol.settings, job.run.seed)
    # Only now, with the predictions made, are the labels of the test split read: once per run.
    targets: Targets = {"valid": material.labels("valid"), "test": _labels(job, partition.test, workbench)}
    return RunRecord(
        run=_run_row(job, partition, outcome, workbench, perf_counter() - started),
        metrics=_metric_rows(job, material.label_kind, targets, outcome),
        classes=_class_rows(material.label_kind, workbench.dataset(job.dataset).spec.class_names, targets, outcome),
        predictions=_prediction_rows(material.label_kind, partition, targets, outcome),
    )


class ProbeMaterial:
    """Features and labels of one run (`records.Material`). It does not hold the labels of the test split."""

    def __init__(self, job: Job, partition: Partition, workbench: Workbench) -> None:
        spec = workbench.dataset(job.dataset).spec
        self.label_kind: LabelKind = spec.label_kind
        self.n_classes: int = spec.n_classes
        self._metric = job.run.metric
        arrays, features = workbench.arrays(job.dataset), workbench.features(job)
        self._features = {
            "train": features[arrays.rows(partition.train)],
            "valid": features[arrays.rows(partition.valid)],
            "test": features[arrays.rows(partition.test)],
        }
        self._labels = {
            "train": _labels(job, partition.train, workbench),
            "valid": _labels(job, partition.valid, workbench),
        }

    def features(self, split: Split) -> np.ndarray:
        return self._features[split]

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        return self._labels[split]

    def valid_score(self, scores: np.ndarray) -> float:
        value = headline_value(self._metric, self._labels["valid"], scores)
        return -np.inf if value is None else value


def _labels(job: Job, samples: tuple[str, ...], workbench: Workbench) -> np.ndarray:
    arrays = workbench.arrays(job.dataset)
    return arrays.labels[arrays.rows(samples)]


def _scores(outcome: Outcome) -> dict[Scored, np.ndarray]:
    return {"valid": outcome.valid_scores, "test": outcome.test_scores}


def _run_row(job: Job, partition: Partition, outcome: Outcome, workbench: Workbench, seconds: float) -> RunRow:
    run = job.run
    return RunRow(
        run_id=job.run_id,
        suite=run.suite,
        dataset=run.dataset,
        backbone=run.backbone,
        weights_sha256=run.weights_sha256,
        dataset_fingerprint=run.dataset_fingerprint,
        protocol=run.protocol,
        protocol_version=run.protocol_version,
        partition=run.partition,
        seed=run.seed,
        metric=run.metric,
        n_train=len(partition.train),
        n_valid=len(partition.valid),
        n_test=len(partition.test),
        n_labels_fit=outcome.n_labels_fit,
        n_labels_select=outcome.n_labels_select,
        source="measured",
        configuration=configuration(run),
        provenance={
            **collect_provenance(),
            "weights_file": job.weights.name if job.weights else None,
            "ran_with": dict(outcome.ran_with),
            "pixels_without_data": dict(workbench.arrays(job.dataset).n_nonfinite),
        },
        device=workbench.places.device,
        seconds=seconds,
        finished_at=datetime.now(UTC),
    )


def _metric_rows(job: Job, kind: LabelKind, targets: Targets, outcome: Outcome) -> tuple[MetricRow, ...]:
    return tuple(
        MetricRow(split=split, metric=s.metric, value=s.value, ci_low=s.ci_low, ci_high=s.ci_high)
        for split, scores in _scores(outcome).items()
        for s in evaluate(kind, job.run.metric, targets[split], scores, job.run.seed)
    )


def _class_rows(kind: LabelKind, names: tuple[str, ...], targets: Targets, outcome: Outcome) -> tuple[ClassRow, ...]:
    # Files may call two classes the same, or one nothing at all; a row must still say which class it is.
    distinct = names if len({*names, ""}) == len(names) + 1 else [f"{i} {name}" for i, name in enumerate(names)]
    return tuple(
        ClassRow(split=split, metric=metric, class_name=distinct[index], value=value)
        for split, scores in _scores(outcome).items()
        for metric, index, value in per_class(kind, targets[split], scores)
    )


def _prediction_rows(
    kind: LabelKind, partition: Partition, targets: Targets, outcome: Outcome
) -> tuple[PredictionRow, ...]:
    """Of the test split, in the partition's order: what paired tests between backbones need."""
    predicted = predict(kind, outcome.test_scores)
    return tuple(
        PredictionRow(split="test", sample=sample, target=_classes(target), predicted=_classes(prediction))
        for sample, target, prediction in zip(partition.test, targets["test"], predicted, strict=True)
    )


def _classes(label: np.ndarray) -> tuple[int, ...]:
    """Indices of the classes present in a class index or a 0/1 vector."""
    return (int(label),) if np.ndim(label) == 0 else tuple(np.flatnonzero(label).tolist())

"""Rows for the leaderboard from predictions and targets: metrics, metrics of classes, single predictions."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from harness.metrics import (
    ClassScore,
    evaluate,
    evaluate_masks,
    per_class,
    per_class_masks,
    predict,
)
from harness.metrics import Scored as ScoredMetric
from harness.metrics.regression import evaluate_areas, per_class_areas
from harness.metrics.segmentation import confusion_matrices
from harness.records.labels import LabelKind
from harness.records.outcome import Outcome
from harness.records.run import Run
from leaderboards.schema import ClassRow, MaskRow, MetricRow, PredictionRow

Scored = Literal["valid", "test"]
Targets = Mapping[Scored, np.ndarray]


class Rows(NamedTuple):
    """What a run adds to the leaderboard beside itself."""

    metrics: Sequence[MetricRow]
    classes: Sequence[ClassRow]
    predictions: Sequence[PredictionRow] = ()
    """Of the test split, in the partition's order: what paired tests between backbones need."""
    mask_counts: Sequence[MaskRow] = ()
    """The same of masks."""


def label_rows(
    run: Run, kind: LabelKind, class_names: tuple[str, ...], test: tuple[str, ...], targets: Targets, outcome: Outcome
) -> Rows:
    """Of single-label and multi-label datasets. `test` names the samples of the test split."""
    metrics: list[MetricRow] = []
    classes: list[ClassRow] = []
    for split, scores in _predictions(outcome).items():
        metrics += _metric_rows(split, evaluate(kind, run.metric, targets[split], scores, run.seed))
        classes += _class_rows(split, class_names, per_class(kind, targets[split], scores))
    classes_of = zip(test, _classes(targets["test"]), _classes(predict(kind, outcome.test_scores)), strict=True)
    predictions = [
        PredictionRow(split="test", sample=sample, target=target, predicted=predicted)
        for sample, target, predicted in classes_of
    ]
    return Rows(metrics, classes, predictions=predictions)


def mask_rows(
    run: Run, class_names: tuple[str, ...], test: tuple[str, ...], targets: Targets, outcome: Outcome
) -> Rows:
    """Of masks: everything follows from one confusion matrix per image."""
    metrics: list[MetricRow] = []
    classes: list[ClassRow] = []
    counts = {
        split: confusion_matrices(targets[split], masks, len(class_names))
        for split, masks in _predictions(outcome).items()
    }
    for split, confusions in counts.items():
        metrics += _metric_rows(split, evaluate_masks(run.metric, confusions, run.seed))
        classes += _class_rows(split, class_names, per_class_masks(confusions))
    mask_counts = [_mask_row(sample, confusion) for sample, confusion in zip(test, counts["test"], strict=True)]
    return Rows(metrics, classes, mask_counts=mask_counts)


def area_rows(run: Run, class_names: tuple[str, ...], targets: Targets, outcome: Outcome) -> Rows:
    """Of areas. Single predictions are not kept: the leaderboard has room for classes, not for fractions."""
    metrics: list[MetricRow] = []
    classes: list[ClassRow] = []
    for split, areas in _predictions(outcome).items():
        metrics += _metric_rows(split, evaluate_areas(targets[split], areas, run.seed))
        classes += _class_rows(split, class_names, per_class_areas(targets[split], areas))
    return Rows(metrics, classes)


def _mask_row(sample: str, confusion: np.ndarray) -> MaskRow:
    target, predicted = np.nonzero(confusion)
    return MaskRow(
        split="test",
        sample=sample,
        target=tuple(target.tolist()),
        predicted=tuple(predicted.tolist()),
        n_pixels=tuple(confusion[target, predicted].tolist()),
    )


def _predictions(outcome: Outcome) -> dict[Scored, np.ndarray]:
    return {"valid": outcome.valid_scores, "test": outcome.test_scores}


def _metric_rows(split: Scored, scores: list[ScoredMetric]) -> list[MetricRow]:
    return [MetricRow(split=split, metric=s.metric, value=s.value, ci_low=s.ci_low, ci_high=s.ci_high) for s in scores]


def _class_rows(split: Scored, names: tuple[str, ...], scores: list[ClassScore]) -> list[ClassRow]:
    # Files may call two classes the same, or one nothing at all; a row must still say which class it is.
    distinct = names if len({*names, ""}) == len(names) + 1 else [f"{i} {name}" for i, name in enumerate(names)]
    return [ClassRow(split=split, metric=metric, class_name=distinct[index], value=v) for metric, index, v in scores]


def _classes(labels: np.ndarray) -> list[tuple[int, ...]]:
    """Indices of the classes present in each of n class indices or 0/1 vectors."""
    if labels.ndim == 1:
        return [(label,) for label in labels.tolist()]
    return [tuple(np.flatnonzero(label).tolist()) for label in labels]

"""Metrics over whole splits, never averages of mini-batches. To add one: a function and a line in its table.

The tables are `METRICS` of classes, `MASK_METRICS`, and `VALUE_METRICS` of numbers (`regression`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.metrics.average_precision import ap_macro, ap_micro, ap_per_class
from harness.metrics.bootstrap import once_and_resampled
from harness.metrics.calibration import calibration_error
from harness.metrics.counts import (
    WeightedSplit,
    accuracy,
    balanced_accuracy,
    decide,
    f1_macro,
    f1_micro,
    f1_per_class,
    recall_per_class,
)
from harness.metrics.regression import VALUE_METRICS, ValueMetric
from harness.metrics.scored import ClassScore, Scored, score_classes, score_split
from harness.metrics.segmentation import (
    iou_per_class,
    miou,
    pixel_accuracy,
    pixel_f1_macro,
    pixel_f1_per_class,
    pixel_recall_per_class,
)
from harness.records.labels import LabelKind

METRICS_VERSION = 2
"""Raised when a definition here changes a value."""

Weighted = Callable[[WeightedSplit], np.ndarray]
"""Values in B resamples, (B,) or (B, K) if per class; NaN: undefined."""

MaskWeighted = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(confusions (n, K, K), weights (B, n)) -> the same."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score of a whole split, for targets (n,) class indices or (n, K) zeros and ones, and scores (n, K)."""

    name: str
    label_kinds: frozenset[LabelKind]
    function: Weighted
    cheap: bool
    """It is of counts, which all such metrics share, so it always gets an interval; others only as the headline."""
    higher_is_better: bool = True

    def resampled(self, targets: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(B,) values for (B, n) weights; NaN: undefined."""
        return self.function(WeightedSplit(targets, scores, weights))

    def value(self, targets: np.ndarray, scores: np.ndarray) -> float | None:
        """None: undefined on this split."""
        value = self.resampled(targets, scores, np.ones((1, len(targets))))[0]
        return None if np.isnan(value) else float(value)


@dataclass(frozen=True, kw_only=True)
class MaskMetric:
    """A score of a whole split of masks, from the confusion matrix of each."""

    name: str
    resampled: MaskWeighted
    higher_is_better: bool = True


_SINGLE = frozenset({LabelKind.SINGLE_LABEL})
_BOTH = frozenset({LabelKind.SINGLE_LABEL, LabelKind.MULTI_LABEL})

METRICS: dict[str, Metric] = {
    # Not for multi-label: the fraction of samples with every label right says more about K than about the features.
    "accuracy": Metric(name="accuracy", label_kinds=_SINGLE, function=accuracy, cheap=True),
    "balanced_accuracy": Metric(name="balanced_accuracy", label_kinds=_SINGLE, function=balanced_accuracy, cheap=True),
    "f1_macro": Metric(name="f1_macro", label_kinds=_BOTH, function=f1_macro, cheap=True),
    "f1_micro": Metric(name="f1_micro", label_kinds=_BOTH, function=f1_micro, cheap=True),
    "ap_macro": Metric(name="ap_macro", label_kinds=_BOTH, function=ap_macro, cheap=False),
    "ap_micro": Metric(name="ap_micro", label_kinds=_BOTH, function=ap_micro, cheap=False),
    "calibration_error": Metric(
        name="calibration_error", label_kinds=_BOTH, function=calibration_error, cheap=False, higher_is_better=False
    ),
}

CLASS_METRICS: dict[str, Weighted] = {
    "f1": f1_per_class,
    "average_precision": ap_per_class,
    "recall": recall_per_class,
}

MASK_METRICS: dict[str, MaskMetric] = {
    "miou": MaskMetric(name="miou", resampled=miou),
    "pixel_accuracy": MaskMetric(name="pixel_accuracy", resampled=pixel_accuracy),
    "pixel_f1_macro": MaskMetric(name="pixel_f1_macro", resampled=pixel_f1_macro),
}

MASK_CLASS_METRICS: dict[str, MaskWeighted] = {
    "iou": iou_per_class,
    "pixel_f1": pixel_f1_per_class,
    "pixel_recall": pixel_recall_per_class,
}


def higher_is_better(metric: str) -> bool:
    """Which way a metric points, by the table it stands in."""
    return next(table[metric] for table in _TABLES if metric in table).higher_is_better


_TABLES: tuple[Mapping[str, Metric | MaskMetric | ValueMetric], ...] = (METRICS, MASK_METRICS, VALUE_METRICS)


def predict(kind: LabelKind, scores: np.ndarray) -> np.ndarray:
    """(n, K) probabilities -> (n,) int64 likeliest classes, the first of equals; multi-label: (n, K) uint8, >= 0.5."""
    return decide(scores, multi_label=kind is LabelKind.MULTI_LABEL)


def headline_value(metric: str, targets: np.ndarray, scores: np.ndarray) -> float | None:
    """One metric over a whole split; None: undefined."""
    return METRICS[metric].value(targets, scores)


def evaluate(label_kind: LabelKind, headline: str, targets: np.ndarray, scores: np.ndarray, seed: int) -> list[Scored]:
    """All metrics of a label kind in the order of `METRICS`, with intervals for the headline and the cheap ones.

    All intervals come from the same resamples, drawn from `seed`. One sample has no interval.

    Raises:
        UserError: the headline is not a metric of this kind.
        ValueError: scores that are NaN, or shapes that do not fit the label kind.
    """
    metrics = [metric for metric in METRICS.values() if label_kind in metric.label_kinds]
    names = [metric.name for metric in metrics]
    if headline not in names:
        raise UserError(
            f"{headline!r} is not a metric of {label_kind} labels; there are: {', '.join(names) or 'none'}."
        )
    _check(label_kind, targets, scores)
    once = WeightedSplit(targets, scores, np.ones((1, len(targets))))
    resampled = WeightedSplit(targets, scores, once_and_resampled(len(targets), seed))
    return [
        score_split(metric.name, metric.function(resampled if metric.cheap or metric.name == headline else once))
        for metric in metrics
    ]


def per_class(label_kind: LabelKind, targets: np.ndarray, scores: np.ndarray) -> list[ClassScore]:
    """F1, average precision and recall (for single labels the accuracy within a class) of every class."""
    _check(label_kind, targets, scores)
    once = WeightedSplit(targets, scores, np.ones((1, len(targets))))
    return [score for name, function in CLASS_METRICS.items() for score in score_classes(name, function(once)[0])]


def headline_mask_value(metric: str, confusions: np.ndarray) -> float | None:
    """One metric of masks over a whole split, from (n, K, K) confusion matrices; None: undefined."""
    value = MASK_METRICS[metric].resampled(confusions, np.ones((1, len(confusions))))[0]
    return None if np.isnan(value) else float(value)


def evaluate_masks(headline: str, confusions: np.ndarray, seed: int) -> list[Scored]:
    """All of `MASK_METRICS` in order, with 95 % bootstrap intervals over images.

    All intervals come from the same resamples, drawn from `seed`. One image has no interval.

    Args:
        confusions: (n, K, K) int64 pixel counts of each image, targets in rows (`confusion_matrices`).
    Raises:
        UserError: the headline is not a metric of masks.
    """
    if headline not in MASK_METRICS:
        raise UserError(f"{headline!r} is not a metric of masks; there are: {', '.join(MASK_METRICS)}.")
    weights = once_and_resampled(len(confusions), seed)
    return [score_split(metric.name, metric.resampled(confusions, weights)) for metric in MASK_METRICS.values()]


def per_class_masks(confusions: np.ndarray) -> list[ClassScore]:
    """IoU, F1 and recall of every class, from the (n, K, K) confusion matrices of all images."""
    once = np.ones((1, len(confusions)))
    return [
        score
        for name, function in MASK_CLASS_METRICS.items()
        for score in score_classes(name, function(confusions, once)[0])
    ]


def _check(label_kind: LabelKind, targets: np.ndarray, scores: np.ndarray) -> None:
    expected = scores.shape if label_kind is LabelKind.MULTI_LABEL else scores.shape[:1]
    if scores.ndim != 2 or targets.shape != expected:
        raise ValueError(f"{label_kind}: targets {targets.shape} do not fit scores {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError("scores contain NaN")

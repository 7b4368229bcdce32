"""Label-efficiency curves: area, labels to reach a score, label saving of one backbone over another."""

from dataclasses import dataclass, field

import numpy as np

from leaderboards.errors import UserError
from leaderboards.statistics.replicates import Estimate, interval


class CurveError(UserError):
    """A curve from which nothing can be read."""


@dataclass(frozen=True)
class Curve:
    """Score against number of labels."""

    n_labels: np.ndarray
    """(P,) strictly increasing, at least 1: labels in total, for fitting and for choosing."""
    value: np.ndarray
    """(P,) float64 scores, higher is better."""
    name: str = "curve"
    """Backbone, dataset and protocol, for messages."""


@dataclass(frozen=True)
class SeededCurve:
    """A curve of which every point was measured with several seeds."""

    n_labels: np.ndarray
    """(P,) as in `Curve`."""
    seeds: tuple[int, ...]
    """(S,) A seed stands for one draw of training samples, whatever the backbone."""
    values: np.ndarray
    """(P, S) float64; NaN: this seed was not run here."""
    name: str = "curve"
    partitions: tuple[str, ...] = field(default=())
    """(P,) where the points come from."""

    def mean(self) -> Curve:
        """The curve of means over seeds."""
        return Curve(self.n_labels, np.nanmean(self.values, axis=1), self.name)


@dataclass(frozen=True)
class LabelSaving:
    """How many of B's labels A does without."""

    target: float
    """B's score with all its labels."""
    labels_needed: float | None
    """By A; None: never reached."""
    saving: Estimate
    """1 - labels_needed / (labels B used). value None: A never reaches the target; ci_low None: the interval has no
    lower end, as in more than 2.5 % of the replicates A never reaches it."""
    at_most: bool
    """A is there at its smallest number of labels already: the saving may be larger."""


def aulc(curve: Curve) -> float:
    """Area under a label-efficiency curve over log(labels), divided by the log range: a mean score, a fraction.

    Trapezoids between the points. Unchanged if all numbers of labels are multiplied by a constant.

    Raises:
        CurveError: as `labels_to_reach`.
    """
    _check(curve)
    return float(log_label_weights(curve.n_labels) @ np.asarray(curve.value, dtype=np.float64))


def log_label_weights(n_labels: np.ndarray) -> np.ndarray:
    """(P,) weights, summing to 1, whose product with the scores of a curve is its AULC."""
    x = np.log(np.asarray(n_labels, dtype=np.float64))
    weights = np.zeros(len(x))
    weights[:-1] += np.diff(x) / 2
    weights[1:] += np.diff(x) / 2
    return weights / (x[-1] - x[0])


def labels_to_reach(curve: Curve, target: float) -> float | None:
    """Labels needed before a label-efficiency curve first reaches a score.

    Linear in log(labels) between measured points, which makes it monotone: a dip after the first crossing changes
    nothing. Never extrapolates: a target that the first point reaches already gives the first point's labels.

    Args:
        target: score to reach, a fraction.
    Returns:
        Labels in total, not per class; None if no measured point reaches the target.
    Raises:
        CurveError: fewer than two points, unordered or undefined; names the curve.
    """
    _check(curve)
    labels = _first_crossings(curve.n_labels, np.asarray(curve.value)[None], np.array([target]))[0]
    return None if np.isinf(labels) else float(labels)


def label_saving(a: Curve, b: Curve) -> float | None:
    """1 - (labels A needs to reach B's score with all its labels) / (labels B used); None if A never reaches it."""
    _check(b)
    needed = labels_to_reach(a, float(b.value[-1]))
    return None if needed is None else 1 - needed / float(b.n_labels[-1])


def estimate_label_saving(
    a: SeededCurve, b: SeededCurve, replicates_a: np.ndarray, replicates_b: np.ndarray
) -> LabelSaving:
    """`label_saving` of the mean curves with its 95 % interval.

    Args:
        replicates_a: (B, P_a) the mean curve of A as it might have come out (`replicates.replicate_means`), drawn
            together with `replicates_b` (B, P_b) where seeds or test samples are shared.
    Raises:
        CurveError: as `labels_to_reach`.
    """
    mean_a, mean_b = a.mean(), b.mean()
    _check(mean_a)
    value = label_saving(mean_a, mean_b)
    target = float(mean_b.value[-1])
    needed = _first_crossings(a.n_labels, replicates_a, replicates_b[:, -1])
    low, high = interval(1 - needed / float(b.n_labels[-1]))
    return LabelSaving(
        target=target,
        labels_needed=labels_to_reach(mean_a, target),
        saving=Estimate(value, low, high),
        at_most=bool(mean_a.value[0] >= target),
    )


def _first_crossings(n_labels: np.ndarray, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(B, P) curves and (B,) targets -> (B,) labels at which each first reaches its target; infinity: never."""
    x = np.log(np.asarray(n_labels, dtype=np.float64))
    reached = values >= targets[:, None]
    first = reached.argmax(axis=1)
    rows = np.arange(len(values))
    after, before = values[rows, first], values[rows, np.maximum(first - 1, 0)]
    step = np.where(first > 0, after - before, 1.0)
    share = np.where(first > 0, (targets - before) / np.where(step > 0, step, 1.0), 0.0)
    x_before = x[np.maximum(first - 1, 0)]
    return np.where(reached.any(axis=1), np.exp(x_before + share * (x[first] - x_before)), np.inf)


def _check(curve: Curve) -> None:
    n_labels, value = np.asarray(curve.n_labels, dtype=np.float64), np.asarray(curve.value, dtype=np.float64)
    if n_labels.shape != value.shape or n_labels.ndim != 1 or len(n_labels) < 2:
        raise CurveError(f"{curve.name}: wanted a score at two or more numbers of labels, found {len(n_labels)}.")
    if not (np.diff(n_labels) > 0).all() or n_labels[0] < 1:
        raise CurveError(f"{curve.name}: numbers of labels must increase from 1, found {n_labels.tolist()}.")
    if not np.isfinite(value).all():
        raise CurveError(f"{curve.name}: a score is undefined; leave its point out.")

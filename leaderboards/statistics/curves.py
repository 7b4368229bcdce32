"""Label-efficiency curves: their area, and the interval of the labels that one saves over another."""

from dataclasses import dataclass, replace

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
    """(P,) float64 scores."""
    name: str = "curve"
    """Backbone, dataset and protocol, for messages."""


@dataclass(frozen=True)
class LabelSaving:
    """How many of B's labels A does without: a row of the view `curve_pairs`, with an interval."""

    target: float
    """B's score with all its labels."""
    target_labels: float
    """All of B's labels."""
    labels_needed: float | None
    """By A; None: never reached."""
    saving: Estimate
    """1 - labels_needed / target_labels. value None: A never reaches the target; ci_low None: the interval has no
    lower end, as in more than 2.5 % of the replicates A never reaches it."""
    at_most: bool
    """A is there at its smallest number of labels already: the saving may be larger."""

    def with_interval_of(self, n_labels: np.ndarray, replicates: np.ndarray, targets: np.ndarray) -> "LabelSaving":
        """This curve with the 95 % interval of replicates: the view's rule on curves as they might have come out.

        Args:
            n_labels: (P,) of A's curve.
            replicates: (B, P) of A's scores, drawn together with `targets` (B,), B's scores with all its labels, where
                seeds or test samples are shared. Negated where lower is better.
        """
        low, high = interval(1 - _first_crossings(n_labels, replicates, targets) / self.target_labels)
        return replace(self, saving=Estimate(self.saving.value, low, high))


def aulc(curve: Curve) -> float:
    """Area under a label-efficiency curve over log(labels), divided by the log range: a mean score.

    Trapezoids between the points. Unchanged if all numbers of labels are multiplied by a constant.

    Raises:
        CurveError: fewer than two points, unordered or undefined; names the curve.
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


def _first_crossings(n_labels: np.ndarray, values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(B, P) curves and (B,) targets -> (B,) labels at which each first reaches its target; infinity: never.

    Linear in log(labels) between points and never extrapolated, as the view `curve_pairs` has it.
    """
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

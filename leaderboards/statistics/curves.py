"""What label-efficiency curves say: the area under one, and the labels that one saves over another.

Labels saved are told by how many A needs to reach B's score with all its labels. Curves are first fitted so that more
labels never hurt (isotonic regression): a dip that is noise would make a curve reach a score too early. A saving is
defined for every pair, and changes its sign with the two: where A never reaches the end of B's curve, it is told by the
labels after which B reaches the end of A's. Leaving those pairs out would leave out bad luck alone, and the rest of two
equal backbones would seem to save labels (docs/statistics.md).

The interval holds every saving that no test refutes. At each point of A's curve stands its advantage over the end of
B's, give or take the margin of that difference (`difference`: paired by seed and by test sample, where they are). A may
have reached B from where the upper ends of these intervals first reach zero; it surely has from where the lower ends
stay there. Where A truly reaches B, each end is wrong only if that one interval is, however many points there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboards.errors import UserError
from leaderboards.statistics.difference import difference
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.influences import SharedTestSet
from leaderboards.statistics.reading import Point
from leaderboards.statistics.student import margin


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


def _check(curve: Curve) -> None:
    n_labels, value = np.asarray(curve.n_labels, dtype=np.float64), np.asarray(curve.value, dtype=np.float64)
    if n_labels.shape != value.shape or n_labels.ndim != 1 or len(n_labels) < 2:
        raise CurveError(f"{curve.name}: wanted a score at two or more numbers of labels, found {len(n_labels)}.")
    if not (np.diff(n_labels) > 0).all() or n_labels[0] < 1:
        raise CurveError(f"{curve.name}: numbers of labels must increase from 1, found {n_labels.tolist()}.")
    if not np.isfinite(value).all():
        raise CurveError(f"{curve.name}: a score is undefined; leave its point out.")


@dataclass(frozen=True)
class LabelSaving:
    """Which share of B's labels A does without."""

    labels_needed: float | None
    """By A, to reach the end of B's curve; None: it never does."""
    target_labels: int
    """All of B's labels."""
    saving: Estimate
    """As a share of B's labels: with 0.75 a quarter of them is needed, below 0 are more. Called a saving only where
    `sure`. No interval: the noise of some point is not known."""
    at_most: bool
    """A is there at its smallest number of labels already: the saving may be larger."""


def label_saving(
    a: Sequence[Point], b: Sequence[Point], samples: SharedTestSet, *, higher_is_better: bool, draws_shared: bool
) -> LabelSaving:
    """What A saves against B.

    Args:
        a: two points or more of different numbers of labels, in their order (`reading.distinct_points`); `b` likewise.
    """
    sign = 1.0 if higher_is_better else -1.0
    (labels_a, gains_a), (labels_b, gains_b) = (_fitted(points, sign) for points in (a, b))
    margins_a, margins_b = (
        np.array([_margin(point, end, samples, draws_shared) for point in points])
        for points, end in ((a, b[-1]), (b, a[-1]))
    )
    needed = labels_to_reach(labels_a, gains_a - gains_b[-1])
    saving = saving_over(labels_a, gains_a, margins_a, labels_b, gains_b, margins_b)
    return LabelSaving(needed, b[-1].n_labels, saving, at_most=needed == labels_a[0])


def saving_over(
    labels_a: np.ndarray,
    gains_a: np.ndarray,
    margins_a: np.ndarray,
    labels_b: np.ndarray,
    gains_b: np.ndarray,
    margins_b: np.ndarray,
) -> Estimate:
    """The saving of A over B, two curves that never fall.

    Args:
        labels_a: (P,) increasing.
        gains_a: (P,) scores, negated where lower is better.
        margins_a: (P,) half of the 95 % interval of each minus the end of B; NaN: not known.
        labels_b: (Q,) and so on, likewise.
    """
    ahead_a, ahead_b = gains_a - gains_b[-1], gains_b - gains_a[-1]

    def saved(sign: float) -> float:
        """The estimate for 0; at most for 1, with A as good as it may be and B as bad; at least for -1."""
        of_a = labels_to_reach(labels_a, _never_falling(ahead_a + sign * np.nan_to_num(margins_a), sign))
        of_b = labels_to_reach(labels_b, _never_falling(ahead_b - sign * np.nan_to_num(margins_b), -sign))
        if of_a is not None:
            return float(1 - of_a / labels_b[-1])
        assert of_b is not None, "of two ends, one is as good as the other"
        return float(1 - labels_a[-1] / of_b)

    known = not (np.isnan(margins_a).any() or np.isnan(margins_b).any())
    return Estimate(saved(0.0), *((saved(-1.0), saved(1.0)) if known else (None, None)))


def median_saving(savings: Sequence[Estimate]) -> Estimate:
    """The median over datasets of the share of labels needed; its interval has the medians of the ends of theirs."""
    values, lows, highs = zip(*savings, strict=True)
    known = None not in lows and None not in highs
    return Estimate(_median(values), *((_median(lows), _median(highs)) if known else (None, None)))


def _median(savings: Sequence[float]) -> float:
    """A median of what is needed: of two in the middle the geometric mean, so that A over B mirrors B over A."""
    return float(1 - np.exp(np.median(np.log1p(-np.array(savings)))))


def labels_to_reach(n_labels: np.ndarray, ahead: np.ndarray) -> float | None:
    """Labels at which (P,) advantages that never fall reach 0; None: never.

    Linear in log(labels) between points and never extrapolated.
    """
    if ahead[-1] < 0:
        return None
    first = int(np.argmax(ahead >= 0))
    if first == 0:
        return float(n_labels[0])
    share = -ahead[first - 1] / (ahead[first] - ahead[first - 1])
    return float(n_labels[first - 1] * (n_labels[first] / n_labels[first - 1]) ** share)


def _never_falling(values: np.ndarray, sign: float) -> np.ndarray:
    """The lowest such curve above the values, or for a negative sign the highest below them."""
    if sign >= 0:
        return np.maximum.accumulate(values)
    return np.minimum.accumulate(values[::-1])[::-1]


def _fitted(points: Sequence[Point], sign: float) -> tuple[np.ndarray, np.ndarray]:
    """(P,) labels and (P,) fitted means over seeds."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - a tenth of a second that commands need not wait

    labels = np.array([point.n_labels for point in points])
    return labels, isotonic_regression([sign * np.mean(list(point.scores.values())) for point in points]).x


def _margin(a: Point, b: Point, samples: SharedTestSet, draws_shared: bool) -> float:
    parts = difference(a, b, samples, draws_shared=draws_shared).parts
    return margin(parts) if parts else np.nan

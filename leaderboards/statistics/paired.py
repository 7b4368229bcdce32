"""Paired tests between backbones from stored predictions: the same test samples, so luck with them cancels.

Predictions enter as `terms` (n, C, F): for every test sample, and class or output of a regression, what the metric sums
up. Of classes and masks F = 3: the target (0 or 1; pixels for masks), the prediction, and both at once. Of numbers
F = 5: how many labels, their deviation from a constant and its square, the squared and the absolute error. Every metric
of `FROM_TERMS` is a function of the sum of its terms over samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from leaderboards import metrics
from leaderboards.metrics import mean_of_defined, ratio

BOTH, TARGET, PREDICTED = range(3)
COUNT, DEVIATION, SQUARED_DEVIATION, SQUARED_ERROR, ABSOLUTE_ERROR = range(5)
_STEP = 1e-4
"""Of a sample's weight: small against 1, and far above rounding."""

Summed = Callable[[np.ndarray], np.ndarray]
"""(..., C, F) sums of terms -> (...) metric; NaN: undefined."""


class Terms(Enum):
    """What the terms of a metric count."""

    DECISIONS = 3
    ERRORS = 5


@dataclass(frozen=True)
class Summable:
    """A metric that stored predictions give again."""

    terms: Terms
    value: Summed
    pooled: bool = False
    """It looks at the sums over classes alone, so terms may be summed over classes first: (n, 1, 3)."""


def _by_term(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """(..., C, F) -> F arrays (..., C)."""
    return tuple(np.moveaxis(sums, -1, 0))


def _rmse(sums: np.ndarray) -> np.ndarray:
    return mean_of_defined(metrics.rmse_per_output(sums[..., COUNT], sums[..., SQUARED_ERROR]))


def _mae(sums: np.ndarray) -> np.ndarray:
    return mean_of_defined(ratio(sums[..., ABSOLUTE_ERROR], sums[..., COUNT]))


def _r2(sums: np.ndarray) -> np.ndarray:
    return mean_of_defined(metrics.r2_per_output(*_by_term(sums)[:ABSOLUTE_ERROR]))


FROM_TERMS: dict[str, Summable] = {
    "accuracy": Summable(
        Terms.DECISIONS, lambda sums: metrics.accuracy(sums[..., BOTH], sums[..., TARGET]), pooled=True
    ),
    "f1_micro": Summable(Terms.DECISIONS, lambda sums: metrics.f1_micro(*_by_term(sums)), pooled=True),
    "f1_macro": Summable(Terms.DECISIONS, lambda sums: mean_of_defined(metrics.f1_per_class(*_by_term(sums)))),
    "miou": Summable(Terms.DECISIONS, lambda sums: mean_of_defined(metrics.iou_per_class(*_by_term(sums)))),
    "rmse": Summable(Terms.ERRORS, _rmse),
    "mae": Summable(Terms.ERRORS, _mae),
    "r2": Summable(Terms.ERRORS, _r2),
}
"""By name as the rows have it. Means over classes leave out those that neither occur nor are predicted, means over
outputs those that do not vary."""


def score_terms(metric: str, terms: np.ndarray) -> float:
    """A metric of `FROM_TERMS` over all samples of `terms` (n, C, F)."""
    return float(FROM_TERMS[metric].value(terms.sum(axis=0, dtype=np.float64)))


def influences(metric: str, terms: np.ndarray) -> np.ndarray:
    """How much each test sample moves a metric of `FROM_TERMS`: its derivative by the sample's weight.

    The product of the influences of two runs is the covariance of their scores by the luck of the test samples
    (infinitesimal jackknife: Efron, Nonparametric estimates of standard error, Biometrika 1981).

    Args:
        terms: (n, C, F)
    Returns:
        (n,) float64, scaled so that the sum of squares is the unbiased variance of an accuracy. Their sum is 0.
    """
    n = len(terms)
    sums, value = terms.sum(axis=0, dtype=np.float64), FROM_TERMS[metric].value
    heavier, lighter = (value(sums + step * terms) for step in (_STEP, -_STEP))
    moved: np.ndarray = (heavier - lighter) / (2 * _STEP) * np.sqrt(n / max(n - 1, 1))
    return moved


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> float:
    """Exact two-sided p-value of equal accuracy on the same samples (McNemar 1947, binomial form).

    Args:
        correct_a: (n,) bool, which samples A gets right; `correct_b` the same for B.
    Returns:
        1.0 if no sample tells them apart.
    """
    only_a, only_b = int((correct_a & ~correct_b).sum()), int((correct_b & ~correct_a).sum())
    if only_a + only_b == 0:
        return 1.0
    from scipy import stats  # noqa: PLC0415 - half a second that commands need not wait

    return float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that the chance of any false finding among them stays at the level (Holm 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()

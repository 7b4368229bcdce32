"""Paired tests between backbones from stored predictions: the same test samples, so luck with them cancels.

Predictions enter as `counts` (n, C, 3): for every test sample and class the target (0 or 1; pixels for masks), the
prediction, and both at once. Every metric of `FROM_COUNTS` is a function of their sum over samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

BOTH, TARGET, PREDICTED = range(3)
_STEP = 1e-4
"""Of a sample's weight: small against 1, and far above rounding."""

Summed = Callable[[np.ndarray], np.ndarray]
"""(..., C, 3) sums of counts -> (...) metric; NaN: undefined."""


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0)


def _accuracy(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[..., BOTH].sum(-1), sums[..., TARGET].sum(-1))


def _f1_micro(sums: np.ndarray) -> np.ndarray:
    return _ratio(2 * sums[..., BOTH].sum(-1), (sums[..., TARGET] + sums[..., PREDICTED]).sum(-1))


def _f1_macro(sums: np.ndarray) -> np.ndarray:
    return _mean_of_defined(_ratio(2 * sums[..., BOTH], sums[..., TARGET] + sums[..., PREDICTED]))


def _miou(sums: np.ndarray) -> np.ndarray:
    return _mean_of_defined(_ratio(sums[..., BOTH], sums[..., TARGET] + sums[..., PREDICTED] - sums[..., BOTH]))


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    defined = ~np.isnan(values)
    return _ratio(np.where(defined, values, 0.0).sum(-1), defined.sum(-1).astype(np.float64))


@dataclass(frozen=True)
class Counted:
    """A metric that stored predictions give again."""

    value: Summed
    pooled: bool
    """It looks at the sums over classes alone, so counts may be summed over classes first: (n, 1, 3)."""


FROM_COUNTS: dict[str, Counted] = {
    "accuracy": Counted(_accuracy, pooled=True),
    "f1_micro": Counted(_f1_micro, pooled=True),
    "f1_macro": Counted(_f1_macro, pooled=False),
    "miou": Counted(_miou, pooled=False),
}
"""By name as the rows have it. Means over classes leave out those that neither occur nor are predicted."""


def score_counts(metric: str, counts: np.ndarray) -> float:
    """A metric of `FROM_COUNTS` over all samples of `counts` (n, C, 3)."""
    return float(FROM_COUNTS[metric].value(counts.sum(axis=0, dtype=np.float64)))


def influences(metric: str, counts: np.ndarray) -> np.ndarray:
    """How much each test sample moves a metric of `FROM_COUNTS`: its derivative by the sample's weight.

    The product of the influences of two runs is the covariance of their scores by the luck of the test samples
    (infinitesimal jackknife: Efron, Nonparametric estimates of standard error, Biometrika 1981).

    Args:
        counts: (n, C, 3)
    Returns:
        (n,) float64, scaled so that the sum of squares is the unbiased variance of an accuracy. Their sum is 0.
    """
    n = len(counts)
    sums, value = counts.sum(axis=0, dtype=np.float64), FROM_COUNTS[metric].value
    heavier, lighter = (value(sums + step * counts) for step in (_STEP, -_STEP))
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
    return float(stats.binomtest(only_a, only_a + only_b, 0.5).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that the chance of any false finding among them stays at the level (Holm 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()

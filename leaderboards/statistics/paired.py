"""Paired tests between backbones from stored predictions: the same test samples, so luck with them cancels.

Predictions enter as `counts` (n, C, 3): for every test sample and class the target (0 or 1; pixels for masks), the
prediction, and both at once. Every metric of `FROM_COUNTS` is a function of their sum over samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from leaderboards.statistics.replicates import Estimate, interval, two_sided_p

BOTH, TARGET, PREDICTED = range(3)

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


def sample_weights(n_samples: int, n_replicates: int, generator: np.random.Generator) -> np.ndarray:
    """(n_replicates, n_samples) float32: how often each sample is drawn, with replacement, in each replicate."""
    draws = generator.integers(0, n_samples, size=(n_replicates, n_samples))
    flat = (draws + n_samples * np.arange(n_replicates)[:, None]).ravel()
    return np.bincount(flat, minlength=n_replicates * n_samples).reshape(n_replicates, n_samples).astype(np.float32)


def resampled_scores(metric: str, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B,) metric under each row of `sample_weights` (B, n); NaN where a resample leaves it undefined."""
    n, n_classes, _ = counts.shape
    sums = (weights @ counts.reshape(n, n_classes * 3).astype(np.float32)).astype(np.float64)
    return FROM_COUNTS[metric].value(sums.reshape(len(weights), n_classes, 3))


def paired_bootstrap(
    metric: str, counts_a: np.ndarray, counts_b: np.ndarray, weights: np.ndarray
) -> tuple[Estimate, float]:
    """Difference A - B of a metric on the same test samples.

    Args:
        counts_a: (n, C, 3) of A's predictions, `counts_b` those of B in the same order of samples.
        weights: (B, n) of `sample_weights`.
    Returns:
        The difference with its 95 % percentile interval, and the two-sided p-value of no difference.
    """
    replicates = resampled_scores(metric, counts_a, weights) - resampled_scores(metric, counts_b, weights)
    defined = replicates[~np.isnan(replicates)]
    value = score_counts(metric, counts_a) - score_counts(metric, counts_b)
    return Estimate(value, *interval(defined)), two_sided_p(defined)


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

"""Many small comparisons at once: t-tests whose variances learn from each other.

With three seeds a variance is hardly known, and Student's t pays for it so dearly that hardly any regression is ever
significant among a hundred tests. But the hundred variances know something about each other: their distribution is
estimated from all of them, and each is drawn towards it. Only upwards, though: a point noisier than the others is taken
at its word, or false alarms would gather there where variances differ more than the model says.

Source: Smyth, Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments, 2004, sections 4 and 6 (the moderated t-statistic).
"""

from typing import NamedTuple

import numpy as np
from scipy import special

_ENOUGH = 1e-10
_MAX_STEPS = 50


class Prior(NamedTuple):
    """Scaled inverse chi-squared distribution of variances."""

    degrees: float
    """0: the variances say nothing about each other; infinity: they are one variance."""
    variance: float


def fit_prior(variances: np.ndarray, degrees: np.ndarray) -> Prior:
    """The distribution that (T,) sample variances with (T,) degrees of freedom come from, by moments of their log."""
    if len(variances) < 2:
        return Prior(0.0, 0.0)
    shifted = np.log(variances) - special.digamma(degrees / 2) + np.log(degrees / 2)
    excess = shifted.var(ddof=1) - special.polygamma(1, degrees / 2).mean()
    if excess <= 0:
        return Prior(np.inf, float(np.exp(shifted.mean())))
    half = inverse_trigamma(float(excess))
    return Prior(2 * half, float(np.exp(shifted.mean() + special.digamma(half) - np.log(half))))


def inverse_trigamma(value: float) -> float:
    """x > 0 with trigamma(x) = value > 0, by Newton's method on 1 / trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1 / value
    for _ in range(_MAX_STEPS):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if -step / x < _ENOUGH:
            break
    return x


def one_sided_p(drops: np.ndarray, variances: np.ndarray, degrees: np.ndarray, n_inverse: np.ndarray) -> np.ndarray:
    """(T,) p-values of no drop between two groups of scores, or of pairs of scores.

    Args:
        drops: (T,) mean before minus mean now.
        variances: (T,) pooled variance of a single score, above 0; of pairs, that of the drop of one pair.
        degrees: (T,) its degrees of freedom.
        n_inverse: (T,) 1 / n before + 1 / n now; of pairs, 1 / n.
    """
    prior = fit_prior(variances, degrees)
    # With an infinite prior all are one variance, known with as many degrees of freedom as they have together.
    known = np.minimum(degrees + prior.degrees, degrees.sum())
    share = 1.0 if np.isinf(prior.degrees) else prior.degrees / (degrees + prior.degrees)
    common = (variances * degrees).sum() / degrees.sum() if np.isinf(prior.degrees) else prior.variance
    moderated = share * common + (1 - share) * variances
    p: np.ndarray = special.stdtr(known, -drops / np.sqrt(np.maximum(moderated, variances) * n_inverse))
    return p

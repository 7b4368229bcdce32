"""How often 95 % intervals over few seeds contain the truth, by simulation: what docs/statistics.md tables.

Scores of seeds are normal; test samples add an error that all seeds share, of known variance.
"""

import numpy as np

from leaderboards.statistics.estimates import LEVEL
from leaderboards.statistics.student import critical_values

SEEDS = range(2, 11)


def cover_mean(n_seeds: int, of_test: float, n_studies: int, generator: np.random.Generator) -> float:
    """Coverage of the mean over seeds, or of a difference paired by seed.

    Args:
        of_test: variance by test samples, in units of the variance of the mean by seeds.
    """
    return _coverage(np.array([1.0]), np.array([n_seeds - 1.0]), of_test, n_studies, generator)


def cover_difference(
    n_a: int, n_b: int, of_test: float, n_studies: int, generator: np.random.Generator, ratio: float = 1.0
) -> float:
    """Coverage of a difference that is not paired by seed; 1 minus it is the rate of false positives at 5 %.

    Args:
        of_test: variance of the difference by test samples, in units of its variance by seeds.
        ratio: standard deviation of B's seeds over that of A's.
    """
    truth = np.array([1 / n_a, ratio**2 / n_b])
    return _coverage(truth / truth.sum(), np.array([n_a - 1.0, n_b - 1.0]), of_test, n_studies, generator)


def _coverage(
    truth: np.ndarray, degrees: np.ndarray, of_test: float, n_studies: int, generator: np.random.Generator
) -> float:
    """Parts of variance `truth` (K,) are estimated with `degrees` (K,) degrees of freedom; `of_test` is known."""
    of_seeds = truth * generator.chisquare(degrees, (n_studies, len(degrees))) / degrees
    variances = np.column_stack([of_seeds, np.full(n_studies, of_test)])
    critical = critical_values(variances, np.append(degrees, np.inf), 1 - LEVEL)
    errors = generator.standard_normal(n_studies) * np.sqrt(truth.sum() + of_test)
    return float((np.abs(errors) <= critical * np.sqrt(variances.sum(axis=1))).mean())

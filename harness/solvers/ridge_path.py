"""Ridge regressions at any penalty from one decomposition, and what they predict of a sample they did not see."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.solvers.eigenbasis import build_eigenbasis


class RidgePath:
    """Ridge regressions from (n, D) features to (n, K) targets, as scikit-learn's Ridge: the intercept is unpenalised.

    In the features' principal axes a solution is a division, so all penalties share one decomposition; with n < D
    samples there are at most n - 1 axes.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray) -> None:
        self._basis = build_eigenbasis(features)
        self._targets = targets
        self._mean = targets.mean(axis=0)
        self._along = self._basis.coordinates.T @ (targets - self._mean)  # (R, K)
        self._eigenvalues = np.square(self._basis.coordinates).sum(axis=0)  # (R,)

    def predict(self, queries: np.ndarray, penalty: float) -> np.ndarray:
        """(q, D) -> (q, K)."""
        slopes, intercepts = self.coefficients(penalty)
        return queries @ slopes + intercepts

    def coefficients(self, penalty: float) -> tuple[np.ndarray, np.ndarray]:
        """(D, K) slopes and (K,) intercepts."""
        slopes = self._basis.axes @ self._slopes(penalty)
        return slopes, self._mean - self._basis.centre @ slopes

    def predict_all(self, queries: np.ndarray, penalties: Sequence[float]) -> Iterator[np.ndarray]:
        """(q, D) -> (q, K) for each penalty."""
        coordinates = (queries - self._basis.centre) @ self._basis.axes
        for penalty in penalties:
            yield self._mean + coordinates @ self._slopes(penalty)

    def leave_one_out(self, penalties: Sequence[float]) -> Iterator[np.ndarray]:
        """(n, K) for each penalty: each sample as predicted by the regression on the n - 1 others, n > 1.

        A residual grows by 1 / (1 - h), h the sample's own weight in its fitted value.
        Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, equation 7.64.
        """
        coordinates = self._basis.coordinates
        squared = np.square(coordinates)
        for penalty in penalties:
            residual = self._targets - self._mean - coordinates @ self._slopes(penalty)
            own_weight = 1.0 / len(coordinates) + squared @ (1.0 / (self._eigenvalues + penalty))
            yield self._targets - residual / (1.0 - own_weight)[:, None]

    def _slopes(self, penalty: float) -> np.ndarray:
        """(R, K) in the principal axes."""
        return self._along / (self._eigenvalues + penalty)[:, None]

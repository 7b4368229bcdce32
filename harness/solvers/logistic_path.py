"""L2-regularised logistic regression along a whole path of C, each solved to a proven optimum.

At every C the objective is scikit-learn's `C * sum_i loss_i + |W|^2 / 2`, the intercepts unpenalised, so a larger C
regularises less. Inside it is divided by C: `sum_i loss_i + penalty / 2 * |W|^2` with `penalty` = 1 / C. What makes the
path fast:

1.  *Eigenbasis.* In the features' principal axes the Hessian is close to S x E + penalty, S the mean curvature of the
    loss by the logits (k, k) and E the diagonal of eigenvalues. Its exact inverse, a diagonal between two rotations
    of size k, preconditions conjugate gradients. Fewer samples than features cost no more than square data.
2.  *Prediction.* In those axes W (penalty + curvature * E) hardly changes with C. Extrapolated over log C it starts
    each C within a Newton step or two of its optimum. (Neighbouring values of C solved together share the passes over
    the features, but most of them then start further from home and need more passes than that saves.)
3.  *Mixed precision.* Newton's steps come from conjugate gradients in float32, objective and gradient are float64:
    an error in a step costs time at most, never accuracy.
4.  *Eliminated intercepts.* They are optimal at every iterate, by Newton steps that need no pass over the features,
    and the Hessian is that of the objective so reduced.
5.  *Approximations.* Where nobody will need the optimum, only roughly where it is (`LogisticPath.approximate`), a few
    products with the Hessian do instead of dozens.
6.  *Threads of our own* (`row_blocks`): a pass over the samples is shared block by block, and its result does not
    depend on how many threads there are.

Convergence is proven, not assumed: by Fenchel duality an iterate with optimal intercepts is at most
|gradient|^2 / (2 penalty) above the optimum, the duality gap at the dual point p - targets (Boyd and Vandenberghe,
Convex Optimization, chapter 5). What rounding leaves of the intercepts' own gradient is accounted for.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.solvers.eigenbasis import Eigenbasis, build_eigenbasis
from harness.solvers.logistic_iterate import Data, Iterate, dot, evaluate
from harness.solvers.logistic_links import Link
from harness.solvers.logistic_newton import RELATIVE_GAP, Optima, Precision, solve

HISTORY = 4
"""Optima the predictor extrapolates from: a cubic over log C."""
ROUGH_HISTORY = 2
"""The same where one of the last is an approximation: a cubic would blow up its error."""
ROUGH_FORCING = 0.1
"""`logistic_newton.FORCING` of an approximation."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The optimum at one C, for m problems of k classes over D features."""

    c: float
    """As in scikit-learn: larger is weaker regularisation."""
    coefficients: np.ndarray
    """(m, k, D) float64."""
    intercepts: np.ndarray
    """(m, k) float64."""
    objective: np.ndarray
    """(m,) float64, as scikit-learn counts it."""
    relative_gap: float
    """Proven bound on (objective - optimum) / objective, the largest over problems."""
    newton_steps: int
    """Of the slowest problem."""
    products: int
    """Products with the Hessian, each a pass over the features and back, of the slowest problem."""
    is_rough: bool
    """Whether it is an approximation."""

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(n, D) float64 features -> (m, k, n)."""
        m, k, d = self.coefficients.shape
        return (self.coefficients.reshape(m * k, d) @ features.T).reshape(m, k, -1) + self.intercepts[..., None]


class LogisticPath:
    """Optima of m problems at increasing C; each starts from those before it.

    Args:
        features: (n, D) float64, finite; standardised ones converge fastest.
        link: loss and targets of the n samples; each class or label occurs, no label is everywhere.
        relative_gap: proven bound on (objective - optimum) / objective at which a C counts as solved.
    """

    def __init__(self, features: np.ndarray, link: Link, relative_gap: float = RELATIVE_GAP) -> None:
        self._basis = build_eigenbasis(features)
        self._data = Data(self._basis, link)
        self._exact = Precision(relative_gap)
        self._found: deque[_Found] = deque(maxlen=HISTORY)

    def solve(self, c: float) -> Fit:
        """The optimum at c, which is larger than before, or that of the last approximation.

        Raises:
            NotConvergedError: names the C.
        """
        return self._find(c, self._exact)

    def approximate(self, c: float, relative_gap: float) -> Fit:
        """What is proven within `relative_gap` of the optimum at c, which is larger than before or the last that was
        approximated. It is far closer than that, by a factor of 10 to 100. Raises: as `solve`."""
        return self._find(c, Precision(relative_gap, ROUGH_FORCING))

    def _find(self, c: float, precision: Precision) -> Fit:
        if self._found and self._found[-1].c == c:
            begun = self._found.pop().optima
            start = _evaluate_all(self._data, c, begun.slopes, begun.intercepts)
        else:
            start = _start(self._data, self._found, c)
        found = _Found(c, solve(self._data, start, precision), precision is not self._exact)
        self._found.append(found)
        return _fit(self._basis, found)


class _Found(NamedTuple):
    c: float
    optima: Optima
    is_rough: bool


def regularisation_path(
    features: np.ndarray, link: Link, c_values: Sequence[float], relative_gap: float = RELATIVE_GAP
) -> Iterator[Fit]:
    """The optima of a `LogisticPath` at increasing `c_values`."""
    return map(LogisticPath(features, link, relative_gap).solve, c_values)


def path_to(c: float, c_values: Sequence[float]) -> list[float]:
    """The increasing `c_values` below c, and c: where only its optimum is wanted, for each starts the next."""
    return [*(below for below in c_values if below < c), c]


def _fit(basis: Eigenbasis, found: _Found) -> Fit:
    optima = found.optima
    coefficients = optima.slopes @ basis.axes.T
    return Fit(
        c=found.c,
        coefficients=coefficients,
        intercepts=optima.intercepts - coefficients @ basis.centre,
        objective=found.c * optima.objective,
        relative_gap=float((optima.gap / optima.objective).max()),
        newton_steps=int(optima.newton_steps.max()),
        products=int(optima.products.max()),
        is_rough=found.is_rough,
    )


def _start(data: Data, found: Sequence[_Found], c: float) -> Iterate:
    """All problems at c: where they are predicted, but never worse than at the last optimum."""
    if not found:
        return _evaluate_all(data, c, np.zeros_like(data.targets_x), data.prior)
    start = _evaluate_all(data, c, *_predict(data, found, c))
    last_c, last, _ = found[-1]
    # The objective of the last optimum under the new penalty.
    there = last.objective + (1.0 / c - 1.0 / last_c) / 2 * dot(last.slopes, last.slopes)
    worse = start.objective > there
    if not worse.any():
        return start
    slopes = np.where(worse[:, None, None], last.slopes, start.slopes)
    return _evaluate_all(data, c, slopes, np.where(worse[:, None], last.intercepts, start.intercepts))


def _evaluate_all(data: Data, c: float, slopes: np.ndarray, intercepts: np.ndarray) -> Iterate:
    m = len(slopes)
    return evaluate(data, np.arange(m), np.full(m, 1.0 / c), slopes, intercepts)


def _predict(data: Data, found: Sequence[_Found], c: float) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and intercepts at a new C: polynomials through the last optima over log C, slopes in flat units."""
    if any(one.is_rough for one in found):
        found = list(found)[-ROUGH_HISTORY:]
    expected = data.prior_curvature[..., None] * data.eigenvalues
    at = np.log([one.c for one in found])
    slopes, intercepts = np.zeros_like(data.targets_x), np.zeros_like(data.prior)
    for i, one in enumerate(found):
        others = np.delete(at, i)
        weight = np.prod((np.log(c) - others) / (at[i] - others))
        slopes += weight * (1.0 / one.c + expected) * one.optima.slopes
        intercepts += weight * one.optima.intercepts
    return slopes / (1.0 / c + expected), intercepts

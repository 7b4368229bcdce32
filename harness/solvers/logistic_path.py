"""L2-regularised logistic regression along a whole path of C, each solved to a proven optimum.

At every C the objective is scikit-learn's `C * sum_i loss_i + |W|^2 / 2`, the intercepts unpenalised, so a larger C
regularises less. Inside it is divided by C: `sum_i loss_i + penalty / 2 * |W|^2` with `penalty` = 1 / C. What makes the
path fast:

1.  *Eigenbasis.* In the features' principal axes the Hessian is close to S x E + penalty, S the mean curvature of the
    loss by the logits (k, k) and E the diagonal of eigenvalues. Its exact inverse, a diagonal between two rotations
    of size k, preconditions conjugate gradients. Fewer samples than features cost no more than square data.
2.  *Prediction.* In those axes W (penalty + curvature * E) hardly changes with C. Extrapolated over log C it starts
    each C within a Newton step or two of its optimum.
3.  *Mixed precision.* Newton's steps come from conjugate gradients in float32, objective and gradient are float64:
    an error in a step costs time at most, never accuracy.
4.  *Eliminated intercepts.* They are optimal at every iterate, by Newton steps that need no pass over the features,
    and the Hessian is that of the objective so reduced.
5.  *Windows.* With few classes neighbouring values of C are solved together: a matrix product with 20 columns costs
    little more than one with 10.

Convergence is proven, not assumed: by Fenchel duality an iterate with optimal intercepts is at most
|gradient|^2 / (2 penalty) above the optimum, the duality gap at the dual point p - targets (Boyd and Vandenberghe,
Convex Optimization, chapter 5). What rounding leaves of the intercepts' own gradient is accounted for.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.solvers.eigenbasis import Eigenbasis, build_eigenbasis
from harness.solvers.logistic_iterate import Data, Iterate, dot, evaluate
from harness.solvers.logistic_links import Link
from harness.solvers.logistic_newton import RELATIVE_GAP, Optima, solve

HISTORY = 4
"""Optima the predictor extrapolates from: a cubic over log C."""
WINDOW_COLUMNS = 24
"""Values of C are solved together until they make this many columns: matrix products of fewer are hardly cheaper."""
LONGEST_WINDOW = 4
REACH = 10.0
"""Factor between the values of C of a window: the polynomial does not reach further."""


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

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(n, D) float64 features -> (m, k, n)."""
        m, k, d = self.coefficients.shape
        return (self.coefficients.reshape(m * k, d) @ features.T).reshape(m, k, -1) + self.intercepts[..., None]


def regularisation_path(
    features: np.ndarray, link: Link, c_values: Sequence[float], relative_gap: float = RELATIVE_GAP
) -> Iterator[Fit]:
    """Optima at increasing C; each starts from those before it.

    Args:
        features: (n, D) float64, finite; standardised ones converge fastest.
        link: loss and targets of the n samples; each class or label occurs, no label is everywhere.
        c_values: increasing, positive.
        relative_gap: proven bound on (objective - optimum) / objective at which a C counts as solved.
    Raises:
        NotConvergedError: names the C.
    """
    basis = build_eigenbasis(features)
    data = Data(basis, link)
    m, k = data.prior.shape
    window = min(LONGEST_WINDOW, max(1, WINDOW_COLUMNS // (m * k)))
    solved: deque[tuple[float, Optima]] = deque(maxlen=HISTORY)
    done = 0
    while done < len(c_values):
        together = [c for c in c_values[done : done + window] if c <= REACH * c_values[done]]
        optima = solve(data, _start(data, solved, together), relative_gap)
        for i, c in enumerate(together):
            optimum = Optima(*(value[i * m : (i + 1) * m] for value in optima))
            solved.append((c, optimum))
            yield _fit(basis, c, optimum)
        done += len(together)


def path_to(c: float, c_values: Sequence[float]) -> list[float]:
    """The increasing `c_values` below c, and c: where only its optimum is wanted, for each starts the next."""
    return [*(below for below in c_values if below < c), c]


def _fit(basis: Eigenbasis, c: float, optimum: Optima) -> Fit:
    coefficients = optimum.slopes @ basis.axes.T
    return Fit(
        c=c,
        coefficients=coefficients,
        intercepts=optimum.intercepts - coefficients @ basis.centre,
        objective=c * optimum.objective,
        relative_gap=float((optimum.gap / optimum.objective).max()),
        newton_steps=int(optimum.newton_steps.max()),
        products=int(optimum.products.max()),
    )


def _start(data: Data, solved: Sequence[tuple[float, Optima]], c_values: Sequence[float]) -> Iterate:
    """All problems at all `c_values`: where they are predicted, but never worse than at the last optimum."""
    problems = np.tile(np.arange(len(data.prior)), len(c_values))
    penalties = np.repeat(1.0 / np.array(c_values), len(data.prior))
    if not solved:
        nothing = np.zeros_like(data.targets_x[problems])
        return evaluate(data, problems, penalties, nothing, data.prior[problems])
    predictions = [_predict(data, solved, c) for c in c_values]
    slopes, intercepts = (np.concatenate(parts) for parts in zip(*predictions, strict=True))
    start = evaluate(data, problems, penalties, slopes, intercepts)
    last_c, last = solved[-1]
    # The objective of the last optimum under the new penalties.
    there = last.objective[problems] + (penalties - 1.0 / last_c) / 2 * dot(last.slopes, last.slopes)[problems]
    worse = start.objective > there
    if worse.any():
        slopes[worse], intercepts[worse] = last.slopes[problems[worse]], last.intercepts[problems[worse]]
        start = evaluate(data, problems, penalties, slopes, intercepts)
    return start


def _predict(data: Data, solved: Sequence[tuple[float, Optima]], c: float) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and intercepts at a new C: polynomials through the last optima over log C, slopes in flat units."""
    expected = data.prior_curvature[..., None] * data.eigenvalues
    at = np.log([solved_c for solved_c, _ in solved])
    slopes, intercepts = np.zeros_like(data.targets_x), np.zeros_like(data.prior)
    for i, (solved_c, optimum) in enumerate(solved):
        others = np.delete(at, i)
        weight = np.prod((np.log(c) - others) / (at[i] - others))
        slopes += weight * (1.0 / solved_c + expected) * optimum.slopes
        intercepts += weight * optimum.intercepts
    return slopes / (1.0 / c + expected), intercepts

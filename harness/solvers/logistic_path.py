"""L2-regularised logistic regression at a whole path of strengths, each solved to a proven optimum.

At every strength C the objective is scikit-learn's `C * sum_i loss_i + |W|^2 / 2`, the intercepts unpenalised; inside
it is divided by C, so that `sum_i loss_i + penalty / 2 * |W|^2` with `penalty` = 1 / C. What makes the path fast:

1.  *Eigenbasis.* In the features' principal axes the Hessian is close to S x E + penalty, S the mean curvature of the
    loss by the logits (k, k) and E the diagonal of eigenvalues. Its exact inverse, a diagonal between two rotations
    of size k, preconditions conjugate gradients. Fewer samples than features cost no more than square data.
2.  *Prediction.* In those axes W (penalty + curvature * E) hardly changes with C. Extrapolated over log C it starts
    each strength within a Newton step or two of its optimum.
3.  *Mixed precision.* Newton's steps come from conjugate gradients in float32, objective and gradient are float64:
    an error in a step costs time at most, never accuracy.
4.  *Eliminated intercepts.* They are optimal at every iterate, by Newton steps that need no pass over the features,
    and the Hessian is that of the objective so reduced.
5.  *Windows.* With few classes neighbouring strengths are solved together: a matrix product with 20 columns costs
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
"""Strengths are solved together until they make this many columns: matrix products of fewer are hardly cheaper."""
LONGEST_WINDOW = 4
REACH = 10.0
"""Factor between the strengths of a window: the polynomial does not reach further."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The optimum at one strength, for m problems of k classes over D features."""

    strength: float
    """C of scikit-learn: larger is weaker regularisation."""
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
    features: np.ndarray, link: Link, strengths: Sequence[float], relative_gap: float = RELATIVE_GAP
) -> Iterator[Fit]:
    """Optima at increasing strengths C; each starts from those before it.

    Args:
        features: (n, D) float64, finite; standardised ones converge fastest.
        link: loss and targets of the n samples; each class or label occurs, no label is everywhere.
        strengths: increasing, positive.
        relative_gap: proven bound on (objective - optimum) / objective at which a strength counts as solved.
    Raises:
        NotConvergedError: names the strength.
    """
    basis = build_eigenbasis(features)
    data = Data(basis, link)
    m, k = data.prior.shape
    window = min(LONGEST_WINDOW, max(1, WINDOW_COLUMNS // (m * k)))
    solved: deque[tuple[float, Optima]] = deque(maxlen=HISTORY)
    done = 0
    while done < len(strengths):
        together = [c for c in strengths[done : done + window] if c <= REACH * strengths[done]]
        optima = solve(data, _start(data, solved, together), relative_gap)
        for i, strength in enumerate(together):
            optimum = Optima(*(value[i * m : (i + 1) * m] for value in optima))
            solved.append((strength, optimum))
            yield _fit(basis, strength, optimum)
        done += len(together)


def _fit(basis: Eigenbasis, strength: float, optimum: Optima) -> Fit:
    coefficients = optimum.slopes @ basis.axes.T
    return Fit(
        strength=strength,
        coefficients=coefficients,
        intercepts=optimum.intercepts - coefficients @ basis.centre,
        objective=strength * optimum.objective,
        relative_gap=float((optimum.gap / optimum.objective).max()),
        newton_steps=int(optimum.newton_steps.max()),
        products=int(optimum.products.max()),
    )


def _start(data: Data, solved: Sequence[tuple[float, Optima]], strengths: Sequence[float]) -> Iterate:
    """All problems at all `strengths`: where they are predicted, but never worse than at the last optimum."""
    problems = np.tile(np.arange(len(data.prior)), len(strengths))
    penalties = np.repeat(1.0 / np.array(strengths), len(data.prior))
    if not solved:
        nothing = np.zeros_like(data.targets_x[problems])
        return evaluate(data, problems, penalties, nothing, data.prior[problems])
    predictions = [_predict(data, solved, strength) for strength in strengths]
    slopes, intercepts = (np.concatenate(parts) for parts in zip(*predictions, strict=True))
    start = evaluate(data, problems, penalties, slopes, intercepts)
    strength, last = solved[-1]
    there = last.objective[problems] + (penalties - 1.0 / strength) / 2 * dot(last.slopes, last.slopes)[problems]
    worse = start.objective > there
    if worse.any():
        slopes[worse], intercepts[worse] = last.slopes[problems[worse]], last.intercepts[problems[worse]]
        start = evaluate(data, problems, penalties, slopes, intercepts)
    return start


def _predict(data: Data, solved: Sequence[tuple[float, Optima]], strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and intercepts at a new strength: polynomials through the last optima over log C, slopes in flat units."""
    expected = data.prior_curvature[..., None] * data.eigenvalues
    at = np.log([c for c, _ in solved])
    slopes, intercepts = np.zeros_like(data.targets_x), np.zeros_like(data.prior)
    for i, (c, optimum) in enumerate(solved):
        others = np.delete(at, i)
        weight = np.prod((np.log(strength) - others) / (at[i] - others))
        slopes += weight * (1.0 / c + expected) * optimum.slopes
        intercepts += weight * optimum.intercepts
    return slopes / (1.0 / strength + expected), intercepts

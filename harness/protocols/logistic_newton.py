"""Newton's method for logistic objectives: float64 values and gradients, float32 conjugate gradients for the steps."""

from typing import NamedTuple

import numpy as np

from harness.protocols.logistic_iterate import ROUNDING, Data, Iterate, dot, evaluate, slices
from harness.protocols.logistic_links import Curvature

RELATIVE_GAP = 1e-7
"""A problem is solved when its objective is proven to be within this fraction of the optimum."""
FORCING = 0.01
"""Conjugate gradients end when the residual, in the preconditioner's norm, fell to this fraction."""
LEAST_CURVATURE = 1e-12
"""Smaller ones, of problems fitted to the last bit, would not be numbers in float32 once inverted."""
MAX_NEWTON_STEPS = 100
MAX_HALVINGS = 40
MAX_PRODUCTS = 1_000
"""Hessian products in one Newton step; what is needed stays below 100."""


class NotConvergedError(ArithmeticError):
    """A strength could not be solved to `RELATIVE_GAP`. A bug, not the user's to mend."""


class Optima(NamedTuple):
    """Of m problems; what it took to solve them, and the proof that they are."""

    weights: np.ndarray  # (m, k, R + 1)
    objective: np.ndarray  # (m,)
    gap: np.ndarray  # (m,), proven bound on objective - optimum
    newton_steps: np.ndarray  # (m,)
    products: np.ndarray  # (m,), Hessian products


def solve(data: Data, start: Iterate) -> Optima:
    """Newton's method; each problem ends when it is proven solved.

    Raises:
        NotConvergedError: one is not.
    """
    now, active = start, np.arange(len(start.problems))
    counts = np.zeros((2, len(active)), dtype=np.int64)
    optima = Optima(now.weights.copy(), now.objective.copy(), now.gap.copy(), counts[0], counts[1])
    for _ in range(MAX_NEWTON_STEPS):
        solved = now.gap <= RELATIVE_GAP * now.objective
        if solved.all():
            return optima
        active, now = active[~solved], now.select(~solved)
        direction, products = _newton_direction(data, now)
        now = _line_search(data, now, direction)
        optima.weights[active], optima.objective[active], optima.gap[active] = now.weights, now.objective, now.gap
        optima.newton_steps[active] += 1
        optima.products[active] += products
    raise _not_converged(now)


def _line_search(data: Data, now: Iterate, direction: np.ndarray) -> Iterate:
    """The first of the steps 1, 1/2, 1/4, ... that lowers each objective enough (Armijo). Nearly always 1."""
    slope = dot(now.gradient, direction)
    length = np.ones(len(slope))
    for _ in range(MAX_HALVINGS):
        new = evaluate(data, now.problems, now.penalties, now.weights + length[:, None, None] * direction)
        lower = new.objective <= now.objective * (1 + ROUNDING) + 1e-4 * length * slope
        if lower.all():
            return new
        length[~lower] *= 0.5
    raise _not_converged(now)


def _not_converged(now: Iterate) -> NotConvergedError:
    gap = now.gap / now.objective
    worst = gap.argmax()
    return NotConvergedError(f"C = {1 / now.penalties[worst]:g}: proven within {gap[worst]:.1e} of the optimum only")


class _Preconditioner(NamedTuple):
    """Inverse of mean curvature x eigenvalues + penalty, a diagonal between rotations of the classes; float32."""

    rotation: np.ndarray  # (m, k, k)
    inverse: np.ndarray  # (m, k, R + 1)

    def __matmul__(self, vectors: np.ndarray) -> np.ndarray:
        if vectors.shape[1] == 1:
            return self.inverse * vectors
        product = self.rotation @ (self.inverse * (self.rotation.transpose(0, 2, 1) @ vectors))
        # Rounding along equal changes of all classes would meet no curvature and grow.
        return product - product.mean(axis=1, keepdims=True)

    def select(self, which: np.ndarray) -> "_Preconditioner":
        return _Preconditioner(self.rotation[which], self.inverse[which])


def _build_preconditioner(data: Data, now: Iterate) -> _Preconditioner:
    curvature, rotation = np.linalg.eigh(now.mean_curvature)
    diagonal = np.maximum(curvature, LEAST_CURVATURE)[..., None] * data.eigenvalues
    diagonal[..., :-1] += now.penalties[:, None, None]
    inverse = 1.0 / diagonal
    if diagonal.shape[1] > 1:
        inverse[:, 0, -1] = 0.0  # the smallest curvature, 0 in truth, is along equal intercepts
    return _Preconditioner(rotation.astype(np.float32), inverse.astype(np.float32))


def _newton_direction(data: Data, now: Iterate) -> tuple[np.ndarray, np.ndarray]:
    """Preconditioned conjugate gradients in float32 on Hessian x direction = -gradient; and the products it took."""
    active = np.arange(len(now.problems))
    precondition = _build_preconditioner(data, now)
    curvature, penalties = now.curvature, now.penalties.astype(np.float32)
    enough = np.sqrt(now.penalties / 2 * RELATIVE_GAP * now.objective)  # a residual for a quarter of the gap allowed
    residual = -now.gradient.astype(np.float32)
    search = precondition @ residual
    size = dot(residual, search)
    small = FORCING**2 * size
    step = np.zeros_like(residual)
    result, products = np.zeros_like(now.gradient), np.zeros(len(active), dtype=np.int64)
    for _ in range(MAX_PRODUCTS):
        product = _hessian_product(data, curvature, penalties, search)
        length = (size / dot(search, product))[:, None, None]
        step = step + length * search
        residual = residual - length * product
        direction = precondition @ residual
        last, size = size, dot(residual, direction)
        done = (size <= small) | (np.linalg.norm(residual[..., :-1], axis=(1, 2)) <= enough)
        result[active] = step
        products[active] += 1
        if done.all():
            break
        search = direction + (size / last)[:, None, None] * search
        if done.any():
            left = ~done
            active, penalties, enough, small, size, step, residual, search = (
                value[left] for value in (active, penalties, enough, small, size, step, residual, search)
            )
            curvature, precondition = curvature.select(left), precondition.select(left)
    return result, products


def _hessian_product(data: Data, curvature: Curvature, penalties: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Hessian times (m, k, R + 1) float32 vectors, in float32."""
    m, k, width = vectors.shape
    logits = (vectors.reshape(m * k, width) @ data.x32_t).reshape(m, k, -1)
    for part in slices(m, logits[0].size):
        data.link.multiply(curvature.select(part), logits[part])
    product = (logits.reshape(m * k, -1) @ data.x32).reshape(vectors.shape)
    product[..., :-1] += penalties[:, None, None] * vectors[..., :-1]
    return product

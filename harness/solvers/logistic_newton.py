"""Newton's method for logistic objectives: float64 values and gradients, float32 conjugate gradients for the steps."""

from typing import NamedTuple

import numpy as np

from harness.solvers.logistic_iterate import ROUNDING, Data, Iterate, dot, evaluate, invert_curvature, slices
from harness.solvers.logistic_links import Curvature

RELATIVE_GAP = 1e-7
"""A problem is solved when its objective is proven to be within this fraction of the optimum, unless told otherwise."""
FORCING = 0.01
"""Conjugate gradients end when the residual, in the preconditioner's norm, fell to this fraction."""
MAX_NEWTON_STEPS = 100
MAX_HALVINGS = 40
MAX_PRODUCTS = 1_000
"""Hessian products in one Newton step; what is needed stays below 100."""


class NotConvergedError(ArithmeticError):
    """A strength could not be solved. A bug, not the user's to mend."""


class Optima(NamedTuple):
    """Of m problems; what it took to solve them, and the proof that they are."""

    slopes: np.ndarray  # (m, k, R)
    intercepts: np.ndarray  # (m, k)
    objective: np.ndarray  # (m,)
    gap: np.ndarray  # (m,), proven bound on objective - optimum
    newton_steps: np.ndarray  # (m,)
    products: np.ndarray  # (m,), Hessian products


def solve(data: Data, start: Iterate, relative_gap: float) -> Optima:
    """Newton's method; each problem ends when its objective is proven within `relative_gap` of the optimum.

    Raises:
        NotConvergedError: one is not.
    """
    now, active = start, np.arange(len(start.problems))
    optima = Optima(
        now.slopes.copy(), now.intercepts.copy(), now.objective.copy(), now.gap.copy(), 0 * active, 0 * active
    )
    for _ in range(MAX_NEWTON_STEPS):
        solved = now.gap <= relative_gap * now.objective
        if solved.all():
            return optima
        active, now = active[~solved], now.select(~solved)
        direction, response, products = _newton_direction(data, now, relative_gap)
        now = _line_search(data, now, direction, response)
        for kept, value in zip(optima, (now.slopes, now.intercepts, now.objective, now.gap), strict=False):
            kept[active] = value
        optima.newton_steps[active] += 1
        optima.products[active] += products
    raise _not_converged(now)


def _line_search(data: Data, now: Iterate, direction: np.ndarray, response: np.ndarray) -> Iterate:
    """The first of the steps 1, 1/2, 1/4, ... that lowers each objective enough (Armijo). Nearly always 1."""
    descent = dot(now.gradient, direction)
    length = np.ones((len(descent), 1))
    for _ in range(MAX_HALVINGS):
        new = evaluate(
            data,
            now.problems,
            now.penalties,
            now.slopes + length[..., None] * direction,
            now.intercepts + length * response,
        )
        lower = new.objective <= now.objective * (1 + ROUNDING) + 1e-4 * length[:, 0] * descent
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
    inverse: np.ndarray  # (m, k, R)

    def __matmul__(self, vectors: np.ndarray) -> np.ndarray:
        if vectors.shape[1] == 1:
            return self.inverse * vectors
        product = self.rotation @ (self.inverse * (self.rotation.transpose(0, 2, 1) @ vectors))
        # Rounding along equal changes of all classes would meet no curvature and grow.
        return product - product.mean(axis=1, keepdims=True)

    def select(self, which: np.ndarray) -> "_Preconditioner":
        return _Preconditioner(self.rotation[which], self.inverse[which])


def _build_preconditioner(data: Data, now: Iterate) -> _Preconditioner:
    curvature, rotation = np.linalg.eigh(now.total_curvature / len(data.x))
    diagonal = np.maximum(curvature, 0.0)[..., None] * data.eigenvalues + now.penalties[:, None, None]
    return _Preconditioner(rotation.astype(np.float32), (1.0 / diagonal).astype(np.float32))


def _newton_direction(data: Data, now: Iterate, relative_gap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Preconditioned conjugate gradients in float32 on Hessian x direction = -gradient.

    Returns the direction (m, k, R), the response (m, k) of the intercepts, and the (m,) products it took.
    """
    active = np.arange(len(now.problems))
    precondition = _build_preconditioner(data, now)
    hessian = _Hessian(
        now.curvature,
        invert_curvature(now.total_curvature).astype(np.float32),
        now.penalties.astype(np.float32),
    )
    enough = now.penalties / 2 * relative_gap * now.objective  # squared residual, for a quarter of the gap allowed
    residual = -now.gradient.astype(np.float32)
    search = precondition @ residual
    size = dot(residual, search)
    small = FORCING**2 * size
    step, shift = np.zeros_like(residual), np.zeros_like(residual[..., 0])
    direction, response, products = np.zeros_like(step), np.zeros_like(shift), 0 * active
    for _ in range(MAX_PRODUCTS):
        product, answer = hessian.multiply(data, search)
        length = (size / dot(search, product))[:, None]
        step, shift = step + length[..., None] * search, shift + length * answer
        residual = residual - length[..., None] * product
        downhill = precondition @ residual
        last, size = size, dot(residual, downhill)
        done = (size <= small) | (dot(residual, residual) <= enough)
        direction[active], response[active] = step, shift
        products[active] += 1
        if done.all():
            break
        search = downhill + (size / last)[:, None, None] * search
        if done.any():
            left = ~done
            active, enough, small, size, step, shift, residual, search = (
                value[left] for value in (active, enough, small, size, step, shift, residual, search)
            )
            hessian, precondition = hessian.select(left), precondition.select(left)
    return direction.astype(np.float64), response.astype(np.float64), products


class _Hessian(NamedTuple):
    """Of objectives whose intercepts follow the slopes; float32."""

    curvature: Curvature
    inverse: np.ndarray  # (m, k, k), of the total curvature
    penalties: np.ndarray  # (m,)

    def multiply(self, data: Data, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Product with (m, k, R) changes of the slopes, and the (m, k) changes of the intercepts in response."""
        m, k, _ = vectors.shape
        logits = (vectors.reshape(m * k, -1) @ data.x32_t).reshape(m, k, -1)
        response = np.empty((m, k), dtype=np.float32)
        for part in slices(m, logits[0].size):
            response[part] = data.link.multiply(self.curvature.select(part), logits[part], self.inverse[part])
        product = (logits.reshape(m * k, -1) @ data.x32).reshape(vectors.shape)
        return product + self.penalties[:, None, None] * vectors, response

    def select(self, which: np.ndarray) -> "_Hessian":
        return _Hessian(self.curvature.select(which), self.inverse[which], self.penalties[which])

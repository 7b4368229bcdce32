"""Newton's method for logistic objectives: float64 values and gradients, float32 conjugate gradients for the steps."""

from typing import NamedTuple

import numpy as np

from harness.solvers.logistic_intercepts import ROUNDING, invert_curvature
from harness.solvers.logistic_iterate import Data, Iterate, dot, evaluate, slices
from harness.solvers.logistic_links import Curvature

RELATIVE_GAP = 1e-7
"""A problem is solved when its objective is proven to be within this fraction of the optimum, unless told otherwise."""
FORCING = 0.01
"""Conjugate gradients end when the residual, in the preconditioner's norm, fell to this fraction, unless told so."""
MAX_NEWTON_STEPS = 100
MAX_HALVINGS = 30
SINGLE_ROUNDING = 1e-6
"""Of the total curvature, in float32: directions with a smaller share of it are taken to have that much."""
MAX_PRODUCTS = 1_000
"""Hessian products in one Newton step; what is needed stays below 100."""


class Precision(NamedTuple):
    """How well problems are solved."""

    relative_gap: float = RELATIVE_GAP
    forcing: float = FORCING


class NotConvergedError(ArithmeticError):
    """No optimum was found at some C. A bug, not the user's to mend."""


class Optima(NamedTuple):
    """The optima of m problems; what it took to solve them, and the proof that they are."""

    slopes: np.ndarray  # (m, k, R)
    intercepts: np.ndarray  # (m, k)
    objective: np.ndarray  # (m,)
    gap: np.ndarray  # (m,), proven bound on objective - optimum
    newton_steps: np.ndarray  # (m,)
    products: np.ndarray  # (m,), Hessian products


def solve(data: Data, start: Iterate, precision: Precision) -> Optima:
    """Newton's method; each problem ends when its objective is proven within `relative_gap` of the optimum.

    Raises:
        NotConvergedError: one is not.
    """
    now, active = start, np.arange(len(start.problems))
    optima = Optima(
        now.slopes.copy(), now.intercepts.copy(), now.objective.copy(), now.gap.copy(), 0 * active, 0 * active
    )
    for _ in range(MAX_NEWTON_STEPS):
        solved = now.gap <= precision.relative_gap * now.objective
        if solved.all():
            return optima
        active, now = active[~solved], now.select(~solved)
        direction = _newton_direction(data, now, precision)
        now = _line_search(data, now, direction)
        for kept, value in zip(optima, (now.slopes, now.intercepts, now.objective, now.gap), strict=False):
            kept[active] = value
        optima.newton_steps[active] += 1
        optima.products[active] += direction.products
    raise _not_converged(now)


def _line_search(data: Data, now: Iterate, direction: "_Direction") -> Iterate:
    """The first of the steps 1, 1/2, 1/4, ... that lowers each objective enough (Armijo). Nearly always 1.

    Where rounding spoilt the direction so that none does, the same along the preconditioned gradient, which leads down.
    """
    direction = direction.replace(data, now, ~(dot(now.gradient, direction.slopes) < 0))
    for _ in range(2):
        new, lower = _backtrack(data, now, direction)
        if lower.all():
            return new
        direction = direction.replace(data, now, ~lower)
    raise _not_converged(now)


def _backtrack(data: Data, now: Iterate, direction: "_Direction") -> tuple[Iterate, np.ndarray]:
    """Where the search along a direction ended, and (m,) whether that is low enough."""
    descent = dot(now.gradient, direction.slopes)
    length = np.ones((len(descent), 1))
    for _ in range(MAX_HALVINGS):
        new = evaluate(
            data,
            now.problems,
            now.penalties,
            now.slopes + length[..., None] * direction.slopes,
            now.intercepts + length * direction.intercepts,
        )
        lower = new.objective <= now.objective * (1 + ROUNDING) + 1e-4 * length[:, 0] * descent
        if lower.all():
            break
        length[~lower] *= 0.5
    return new, lower


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


class _Direction(NamedTuple):
    """Where a Newton step goes, of m problems."""

    slopes: np.ndarray  # (m, k, R)
    intercepts: np.ndarray  # (m, k), their response
    products: np.ndarray  # (m,), Hessian products it took

    def replace(self, data: Data, now: Iterate, which: np.ndarray) -> "_Direction":
        """The preconditioned gradient instead, for the (m,) problems of `which`; its intercepts have yet to follow."""
        if not which.any():
            return self
        steepest = -(_build_preconditioner(data, now) @ now.gradient)
        return self._replace(
            slopes=np.where(which[:, None, None], steepest, self.slopes),
            intercepts=np.where(which[:, None], 0.0, self.intercepts),
        )


class _Conjugate(NamedTuple):
    """Conjugate gradients under way, of the m problems that are not done; float32 but for what `enough` is."""

    problems: np.ndarray  # (m,) int64, places among all
    hessian: "_Hessian"
    precondition: _Preconditioner
    step: np.ndarray  # (m, k, R), the solution so far
    shift: np.ndarray  # (m, k), of the intercepts
    residual: np.ndarray  # (m, k, R), -gradient - Hessian x step
    search: np.ndarray  # (m, k, R), where the next part of the step lies
    size: np.ndarray  # (m,), squared residual in the preconditioner's norm
    small: np.ndarray  # (m,), `size` at which a direction is good enough for Newton's method
    enough: np.ndarray  # (m,), squared residual at which a problem will be solved

    def select(self, which: np.ndarray) -> "_Conjugate":
        return _Conjugate(
            problems=self.problems[which],
            hessian=self.hessian.select(which),
            precondition=self.precondition.select(which),
            step=self.step[which],
            shift=self.shift[which],
            residual=self.residual[which],
            search=self.search[which],
            size=self.size[which],
            small=self.small[which],
            enough=self.enough[which],
        )

    def advance(self, data: Data) -> tuple["_Conjugate", np.ndarray]:
        """One product with the Hessian further, and (m,) which problems are done.

        A product without curvature along the search is rounding's: the step so far has to do.
        """
        product, response = self.hessian.multiply(data, self.search)
        curvature = dot(self.search, product)
        lost = ~(curvature > 0)
        length = np.divide(self.size, curvature, out=np.zeros_like(curvature), where=~lost)[:, None]
        residual = self.residual - length[..., None] * product
        downhill = self.precondition @ residual
        size = dot(residual, downhill)
        again = np.divide(size, self.size, out=np.zeros_like(size), where=self.size > 0)
        further = self._replace(
            step=self.step + length[..., None] * self.search,
            shift=self.shift + length * response,
            residual=residual,
            search=downhill + again[:, None, None] * self.search,
            size=size,
        )
        return further, lost | (size <= self.small) | (dot(residual, residual) <= self.enough)


def _newton_direction(data: Data, now: Iterate, precision: Precision) -> _Direction:
    """Preconditioned conjugate gradients in float32 on Hessian x direction = -gradient."""
    under_way = _begin_conjugate(data, now, precision)
    slopes, intercepts = np.zeros_like(under_way.step), np.zeros_like(under_way.shift)
    products = np.zeros_like(under_way.problems)
    for _ in range(MAX_PRODUCTS):
        under_way, done = under_way.advance(data)
        slopes[under_way.problems], intercepts[under_way.problems] = under_way.step, under_way.shift
        products[under_way.problems] += 1
        if done.all():
            break
        if done.any():
            under_way = under_way.select(~done)
    return _Direction(slopes.astype(np.float64), intercepts.astype(np.float64), products)


def _begin_conjugate(data: Data, now: Iterate, precision: Precision) -> _Conjugate:
    precondition = _build_preconditioner(data, now)
    inverse = invert_curvature(now.total_curvature, SINGLE_ROUNDING).astype(np.float32)
    residual = -now.gradient.astype(np.float32)
    search = precondition @ residual
    size = dot(residual, search)
    return _Conjugate(
        problems=np.arange(len(now.problems)),
        hessian=_Hessian(now.curvature, inverse, now.penalties.astype(np.float32)),
        precondition=precondition,
        step=np.zeros_like(residual),
        shift=np.zeros_like(residual[..., 0]),
        residual=residual,
        search=search,
        size=size,
        small=precision.forcing**2 * size,
        enough=now.penalties / 2 * precision.relative_gap * now.objective,  # for a quarter of the gap allowed
    )


class _Hessian(NamedTuple):
    """The second derivatives of objectives whose intercepts follow the slopes; float32."""

    curvature: Curvature
    inverse: np.ndarray  # (m, k, k), of the total curvature
    penalties: np.ndarray  # (m,)

    def multiply(self, data: Data, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Product with (m, k, R) changes of the slopes, and the (m, k) changes of the intercepts in response."""
        logits = data.logits(vectors)
        response = np.empty(vectors.shape[:2], dtype=np.float32)
        for part in slices(*logits.shape):
            response[part] = data.link.multiply(self.curvature.select(part), logits[part], self.inverse[part])
        return data.sum_samples(logits) + self.penalties[:, None, None] * vectors, response

    def select(self, which: np.ndarray) -> "_Hessian":
        return _Hessian(self.curvature.select(which), self.inverse[which], self.penalties[which])

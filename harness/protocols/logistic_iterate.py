"""Regularised logistic objectives at given weights: value, gradient, curvature, and proof of how far the optimum is.

Everything in float64, for m problems at once. The objective here is `sum_i loss_i + penalty / 2 * |W|^2`.
"""

from typing import NamedTuple

import numpy as np

from harness.protocols.eigenbasis import Eigenbasis
from harness.protocols.logistic_links import Curvature, Link

MAX_INTERCEPT_STEPS = 2
MAX_INTERCEPT_STEP = 30.0
"""exp() of it is a harmless number; a longer step is cut short."""
ROUNDING = 1e-12
"""By this fraction an objective may seem to rise although the step was a descent."""
CACHE_ELEMENTS = 65_536
"""Numbers an elementwise pass works on at once, so that they stay in the processor's cache."""


class Data:
    """The samples in their eigenbasis with a column of ones for the intercept: x (n, R + 1)."""

    def __init__(self, basis: Eigenbasis, link: Link) -> None:
        n = len(basis.coordinates)
        self.link = link
        self.x = np.hstack([basis.coordinates, np.ones((n, 1))])
        self.x32 = self.x.astype(np.float32)
        # Both orders in memory: a product of few rows with a transposed view is up to twice as slow.
        self.x_t, self.x32_t = np.ascontiguousarray(self.x.T), np.ascontiguousarray(self.x32.T)
        self.eigenvalues = np.square(self.x).sum(axis=0)  # (R + 1,), of the intercept: n
        m, k, _ = link.targets.shape
        self.targets_x = (link.targets.reshape(m * k, n) @ self.x).reshape(m, k, -1)
        frequency = self.totals / n
        others = frequency if k > 1 else 1.0 - frequency
        self.prior = np.zeros_like(self.targets_x)
        """Optimum without features: the classes' frequencies."""
        self.prior[..., -1] = np.log(frequency) - (np.log(others).mean(axis=1, keepdims=True))
        self.prior_curvature = frequency * (1.0 - frequency)  # (m, k)

    @property
    def totals(self) -> np.ndarray:
        """(m, k) positive samples."""
        return self.targets_x[..., -1]


class Iterate(NamedTuple):
    """Where m problems are, each a label set of the link at a penalty, and what follows from their weights."""

    problems: np.ndarray  # (m,) int64, index into the link's targets
    penalties: np.ndarray  # (m,)
    weights: np.ndarray  # (m, k, R + 1), the last column the intercepts, always optimal
    objective: np.ndarray  # (m,)
    gradient: np.ndarray  # (m, k, R + 1)
    gap: np.ndarray  # (m,), how far the objective can be above its optimum
    mean_curvature: np.ndarray  # (m, k, k)
    curvature: Curvature

    def select(self, which: np.ndarray) -> "Iterate":
        return Iterate(
            problems=self.problems[which],
            penalties=self.penalties[which],
            weights=self.weights[which],
            objective=self.objective[which],
            gradient=self.gradient[which],
            gap=self.gap[which],
            mean_curvature=self.mean_curvature[which],
            curvature=self.curvature.select(which),
        )


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Scalar products (m,) of (m, k, R) arrays."""
    return np.einsum("mkr,mkr->m", a, b)


def evaluate(data: Data, problems: np.ndarray, penalties: np.ndarray, weights: np.ndarray) -> Iterate:
    """Everything at (m, k, R + 1) weights, after making the intercepts optimal for them."""
    m, k, _ = weights.shape
    n = len(data.x)
    # Adding the same to all classes changes no probability and costs penalty: the optimum sums to zero over them.
    weights = weights - weights.mean(axis=1, keepdims=True) if k > 1 else weights.copy()
    slopes = weights[..., :-1]
    values = (slopes.reshape(m * k, -1) @ data.x_t[:-1]).reshape(m, k, n)
    loss, mean_curvature, curvatures = np.empty(m), np.empty((m, k, k)), []
    for part in slices(m, k * n):
        p, loss[part], weights[part, :, -1] = _settle_intercepts(
            data, problems[part], values[part], weights[part, :, -1]
        )
        values[part] = p  # from logits to probabilities
        mean_curvature[part] = data.link.total_curvature(p) / n
        curvatures.append(data.link.curvature(p))
    p_x = (values.reshape(m * k, n) @ data.x).reshape(weights.shape)
    gradient = p_x - data.targets_x[problems]
    gradient[..., :-1] += penalties[:, None, None] * slopes
    return Iterate(
        problems=problems,
        penalties=penalties,
        weights=weights,
        objective=loss + penalties / 2 * dot(slopes, slopes),
        gradient=gradient,
        gap=_certificate(data, problems, penalties, weights, gradient, p_x, loss),
        mean_curvature=mean_curvature,
        curvature=Curvature(*(np.concatenate(parts) for parts in zip(*curvatures, strict=True))),
    )


def slices(m: int, size: int) -> list[slice]:
    step = max(1, CACHE_ELEMENTS // size)
    return [slice(start, start + step) for start in range(0, m, step)]


def _settle_intercepts(
    data: Data, problems: np.ndarray, logits: np.ndarray, intercepts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton steps on the (m, k) intercepts alone, from (m, k, n) logits without them: probabilities, losses, them."""
    totals = data.targets_x[problems, :, -1]
    k, n = logits.shape[1:]
    p, loss = data.link.probabilities(logits + intercepts[..., None], problems)
    for _ in range(MAX_INTERCEPT_STEPS):
        excess = p.sum(axis=2) - totals
        if np.abs(excess).max() <= 1e-14 * n:
            break
        curvature = data.link.total_curvature(p)
        ridge = 1e-12 * np.trace(curvature, axis1=1, axis2=2) + np.finfo(np.float64).tiny  # for classes without any
        step = -np.linalg.solve(curvature + ridge[:, None, None] * np.eye(k), excess[..., None])[..., 0]
        step = np.clip(step, -MAX_INTERCEPT_STEP, MAX_INTERCEPT_STEP)
        shifted, change = data.link.shift(p, step, totals)
        if not (change <= ROUNDING * loss).all():
            break  # too far from the optimum for Newton; the next iterate is nearer
        p, loss, intercepts = shifted, loss + change, intercepts + step
    return p, loss, intercepts


def _certificate(
    data: Data,
    problems: np.ndarray,
    penalties: np.ndarray,
    weights: np.ndarray,
    gradient: np.ndarray,
    p_x: np.ndarray,
    loss: np.ndarray,
) -> np.ndarray:
    """Upper bound (m,) on objective - optimum: the duality gap at the dual point (1 - mix) p + mix q - targets.

    q, the same for all samples, makes the point sum to zero over them as the intercepts demand, and is a distribution
    if `mix` is large enough. By concavity the entropy of the mixture is at least (1 - mix) times that of p.
    """
    excess, totals = gradient[..., -1], data.targets_x[problems, :, -1]
    mix = np.minimum(1.0, (np.abs(excess) / np.minimum(totals, len(data.x) - totals)).max(axis=1))
    residual = (gradient - mix[:, None, None] * p_x)[..., :-1]
    fitted = dot(weights[..., :-1], data.targets_x[problems][..., :-1])
    infeasible = mix * (fitted + loss) + (1 - mix) * (weights[..., -1] * excess).sum(axis=1)
    return dot(residual, residual) / (2 * penalties) + infeasible

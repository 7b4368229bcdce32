"""Regularised logistic objectives at given weights: value, gradient, curvature, and proof of how far the optimum is.

The objective here is `sum_i loss_i + penalty / 2 * |slopes|^2` with the intercepts at their optimum: a function of the
slopes alone. Everything in float64, for m problems at once.
"""

from typing import NamedTuple

import numpy as np

from harness.solvers.eigenbasis import Eigenbasis, squared_norms
from harness.solvers.logistic_intercepts import settle_intercepts
from harness.solvers.logistic_links import Curvature, Link
from harness.solvers.row_blocks import over_rows, sum_over_rows

CACHE_ELEMENTS = 65_536
"""Numbers an elementwise pass works on at once, so that they stay in the processor's cache."""


class Data:
    """The samples in the coordinates of their eigenbasis, and what their labels say before any weight is known."""

    def __init__(self, basis: Eigenbasis, link: Link) -> None:
        self.link = link
        self.x = basis.coordinates  # (n, R)
        self.x32 = self.x.astype(np.float32)
        self.eigenvalues = squared_norms(self.x)  # (R,)
        _, k, n = link.targets.shape
        self.targets_x = self.sum_samples(link.targets)  # (m, k, R)
        self.totals = link.targets.sum(axis=2)  # (m, k), positive samples
        frequency = self.totals / n
        others = frequency if k > 1 else 1.0 - frequency
        self.prior = np.log(frequency) - np.log(others).mean(axis=1, keepdims=True)
        """(m, k) optimal intercepts where all slopes are 0: the probabilities are the classes' frequencies."""
        self.prior_curvature = frequency * (1.0 - frequency)  # (m, k)

    def sum_samples(self, weights: np.ndarray) -> np.ndarray:
        """(m, k, n) weights of the samples -> (m, k, R) sums of their coordinates, in the precision of the weights."""
        m, k, n = weights.shape
        x, flat = self._in_precision(weights), weights.reshape(m * k, n)
        return sum_over_rows(lambda rows: flat[:, rows] @ x[rows], n).reshape(m, k, -1)

    def logits(self, slopes: np.ndarray) -> np.ndarray:
        """(m, k, R) -> (m, k, n), without intercepts, in the precision of the slopes."""
        m, k, width = slopes.shape
        x, flat = self._in_precision(slopes), slopes.reshape(m * k, width)
        columns = np.ascontiguousarray(flat.T)
        values = np.empty((m * k, len(x)), dtype=slopes.dtype)

        def compute(rows: slice) -> None:
            # The two ways round differ in speed by a third, in each precision the other way.
            values[:, rows] = (x[rows] @ columns).T if x is self.x32 else flat @ x[rows].T

        over_rows(compute, len(x))
        return values.reshape(m, k, -1)

    def _in_precision(self, values: np.ndarray) -> np.ndarray:
        return self.x32 if values.dtype == np.float32 else self.x


class Iterate(NamedTuple):
    """Where m problems are, each a label set of the link at a penalty, and what follows from their weights."""

    problems: np.ndarray  # (m,) int64, index into the link's targets
    penalties: np.ndarray  # (m,)
    slopes: np.ndarray  # (m, k, R)
    intercepts: np.ndarray  # (m, k), optimal for the slopes
    objective: np.ndarray  # (m,)
    gradient: np.ndarray  # (m, k, R)
    gap: np.ndarray  # (m,), how far the objective can be above its optimum
    total_curvature: np.ndarray  # (m, k, k), of the summed loss by the intercepts
    curvature: Curvature

    def select(self, which: np.ndarray) -> "Iterate":
        return Iterate(
            problems=self.problems[which],
            penalties=self.penalties[which],
            slopes=self.slopes[which],
            intercepts=self.intercepts[which],
            objective=self.objective[which],
            gradient=self.gradient[which],
            gap=self.gap[which],
            total_curvature=self.total_curvature[which],
            curvature=self.curvature.select(which),
        )


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Scalar products (m,) of (m, k, R) arrays."""
    return np.einsum("mkr,mkr->m", a, b)


def slices(m: int, k: int, n: int) -> list[slice]:
    """Slices of m problems, as many at a time as fit the cache."""
    step = max(1, CACHE_ELEMENTS // (k * n))
    return [slice(start, start + step) for start in range(0, m, step)]


def evaluate(
    data: Data, problems: np.ndarray, penalties: np.ndarray, slopes: np.ndarray, intercepts: np.ndarray
) -> Iterate:
    """Everything at (m, k, R) slopes; the (m, k) intercepts are where the search for their optimum starts."""
    if slopes.shape[1] > 1:
        # Adding the same to all classes changes no probability and costs penalty: the optimum sums to zero over them.
        slopes = slopes - slopes.mean(axis=1, keepdims=True)
    values = data.logits(slopes)
    at = _pass_samples(data, problems, values, intercepts)  # from here on they are probabilities
    p_x = data.sum_samples(values)
    gradient = p_x - data.targets_x[problems] + penalties[:, None, None] * slopes
    return Iterate(
        problems=problems,
        penalties=penalties,
        slopes=slopes,
        intercepts=at.intercepts,
        objective=at.loss + penalties / 2 * dot(slopes, slopes),
        gradient=gradient,
        gap=_duality_gap(data, problems, penalties, slopes, gradient, p_x, at),
        total_curvature=at.total_curvature,
        curvature=at.curvature,
    )


class _AtSamples(NamedTuple):
    """What a pass over the logits of all samples gives of m problems."""

    intercepts: np.ndarray  # (m, k), settled
    loss: np.ndarray  # (m,)
    excess: np.ndarray  # (m, k), predicted less actual positive samples: what rounding left of the intercepts' gradient
    total_curvature: np.ndarray  # (m, k, k)
    curvature: Curvature


def _pass_samples(data: Data, problems: np.ndarray, values: np.ndarray, intercepts: np.ndarray) -> _AtSamples:
    """Turns (m, k, n) logits without intercepts into probabilities, in place, as many problems at a time as fit the
    processor's cache."""
    m, k, n = values.shape
    settled, loss, excess = np.empty((m, k)), np.empty(m), np.empty((m, k))
    total_curvature, curvatures = np.empty((m, k, k)), []
    for part in slices(m, k, n):
        which = problems[part]
        totals = data.totals[which]
        p, loss[part], settled[part] = settle_intercepts(data.link, which, totals, values[part], intercepts[part])
        excess[part] = p.sum(axis=2) - totals
        total_curvature[part] = data.link.total_curvature(p)
        curvatures.append(data.link.curvature(p))
        values[part] = p
    curvature = Curvature(*(np.concatenate(parts) for parts in zip(*curvatures, strict=True)))
    return _AtSamples(settled, loss, excess, total_curvature, curvature)


def _duality_gap(
    data: Data,
    problems: np.ndarray,
    penalties: np.ndarray,
    slopes: np.ndarray,
    gradient: np.ndarray,
    p_x: np.ndarray,
    at: _AtSamples,
) -> np.ndarray:
    """(m,) how far the objective can be above its optimum, by the dual point that `_least_mix` makes feasible.

    Args:
        p_x: (m, k, R) probabilities times coordinates, summed over samples.
    """
    mix = _least_mix(data.totals[problems], at.excess, len(data.x))
    residual = gradient - mix[:, None, None] * p_x
    of_mixing = mix * (dot(slopes, data.targets_x[problems]) + at.loss)
    of_intercepts = (1 - mix) * (at.intercepts * at.excess).sum(axis=1)
    return dot(residual, residual) / (2 * penalties) + (of_mixing + of_intercepts)


def _least_mix(totals: np.ndarray, excess: np.ndarray, n: int) -> np.ndarray:
    """The share (m,) of q that makes (1 - mix) p + mix q - targets a dual point; 0 where no intercept has an excess.

    q, the same for all samples, is chosen so that the point sums to zero over them, as the intercepts demand, and must
    be a distribution. The gap there follows with the entropy of the mixture, which is at least (1 - mix) times that of
    p because entropy is concave.
    """
    return np.minimum(1.0, (np.abs(excess) / np.minimum(totals, n - totals)).max(axis=1))

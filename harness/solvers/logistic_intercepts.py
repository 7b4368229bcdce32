"""The intercepts of logistic objectives at given slopes: their optimum, and how they respond to a change of the slopes.

However badly a trial step went: a class that no sample is predicted to be, or that all are predicted surely, has
next to no curvature, and what rounding makes of that must not enter a step.
"""

from typing import NamedTuple

import numpy as np

from harness.solvers.logistic_links import Link

MAX_NEWTON_STEPS = 2
"""They converge beside the slopes, a step an iterate is nearly always enough."""
MAX_SAFE_STEPS = 50
"""Where Newton's method went astray; a handful is enough."""
SETTLED = 1e-9
"""Excess, as a fraction of the rarest class, at which the safe steps end."""
MAX_STEP = 10.0
"""A longer one of Newton's method has gone astray: exp() of it could round to nothing beside 1."""
ROUNDING = 1e-12
"""By this fraction an objective may seem to rise although the step was a descent."""
NO_CURVATURE = 1e-30
"""Total curvature, in samples, that is as good as none; its inverse is finite in float32, too."""


class Settled(NamedTuple):
    """m problems at given slopes, their intercepts at or near the optimum."""

    p: np.ndarray  # (m, k, n) probabilities
    loss: np.ndarray  # (m,)
    intercepts: np.ndarray  # (m, k)


def settle_intercepts(
    link: Link, problems: np.ndarray, totals: np.ndarray, logits: np.ndarray, intercepts: np.ndarray
) -> Settled:
    """Newton steps on the (m, k) intercepts alone, from (m, k, n) logits without them.

    Args:
        totals: (m, k) positive samples.
    """
    p, loss = link.probabilities(logits + intercepts[..., None], problems)
    for _ in range(MAX_NEWTON_STEPS):
        excess = p.sum(axis=2) - totals
        if np.abs(excess).max() <= np.finfo(np.float64).eps * logits.shape[2]:
            break
        step = _newton_step(link, p, excess)
        shifted, change = link.shift(p, step, totals)
        astray = (change > ROUNDING * loss) | (np.abs(step) == MAX_STEP).any(axis=1)
        if astray.any():
            before = Settled(p[astray], loss[astray], intercepts[astray])
            safe = _settle_safely(link, problems[astray], totals[astray], logits[astray], before)
        p, loss, intercepts = shifted, loss + change, intercepts + step
        if astray.any():
            p[astray], loss[astray], intercepts[astray] = safe
    return Settled(p, loss, intercepts)


def _settle_safely(link: Link, problems: np.ndarray, totals: np.ndarray, logits: np.ndarray, now: Settled) -> Settled:
    """From where a step of Newton's method would lead up or too far.

    A step of iterative scaling, which never leads up and is at home where probabilities saturate, then one of Newton's
    where that lowers the loss further, and so on.
    """
    p, loss, intercepts = now
    rarest = np.minimum(totals, logits.shape[2] - totals).min(axis=1)
    for _ in range(MAX_SAFE_STEPS):
        if (np.abs(p.sum(axis=2) - totals).max(axis=1) <= SETTLED * rarest).all():
            break
        intercepts = intercepts + link.scale_step(p, totals)
        p, loss = link.probabilities(logits + intercepts[..., None], problems)
        further = intercepts + _newton_step(link, p, p.sum(axis=2) - totals)
        further_p, further_loss = link.probabilities(logits + further[..., None], problems)
        lower = further_loss < loss
        p[lower], loss[lower], intercepts[lower] = further_p[lower], further_loss[lower], further[lower]
    return Settled(p, loss, intercepts)


def _newton_step(link: Link, p: np.ndarray, excess: np.ndarray) -> np.ndarray:
    step = -(invert_curvature(link.total_curvature(p)) @ excess[..., None])[..., 0]
    return np.clip(step, -MAX_STEP, MAX_STEP)


def invert_curvature(curvature: np.ndarray, rounding: float = ROUNDING) -> np.ndarray:
    """(m, k, k) -> (m, k, k), for changes that sum to zero over the k classes; what it gives sums to zero, too.

    Each class is first measured by its own curvature, so that one of hardly any keeps its precision beside others. A
    direction that has less than `rounding` of the curvatures of its classes is taken to have that much.
    """
    k = curvature.shape[1]
    diagonal = np.arange(k)
    own = curvature[:, diagonal, diagonal]  # (m, k)
    own = np.maximum(own, ROUNDING * own.mean(axis=1, keepdims=True) + NO_CURVATURE)
    unit = np.sqrt(own)
    scaled = curvature / (unit[:, :, None] * unit[:, None, :])
    scaled[:, diagonal, diagonal] = 1.0 + rounding
    if k == 1:
        return 1.0 / (own * (1.0 + rounding))[..., None]
    equal = unit / np.linalg.norm(unit, axis=1, keepdims=True)  # the same change of all classes meets no curvature
    inverse = np.linalg.inv(scaled + equal[:, :, None] * equal[:, None, :])
    inverse /= unit[:, :, None] * unit[:, None, :]
    return inverse - inverse.mean(axis=1, keepdims=True)

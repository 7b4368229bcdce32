"""The two logistic losses as the path solver sees them: batches of problems that share one feature matrix.

Arrays are (problems m, classes k, samples n). `Softmax` has k classes that compete; `Sigmoid` is one label a problem,
k = 1. Both keep full precision where a sample is fitted so well that 1 - p is far below float32's resolution:
without that, products with the Hessian lose their sign on separable data.
"""

from typing import NamedTuple, Protocol

import numpy as np

TINY = 1e-300
"""Samples predicted to be of a class that is predicted nowhere: its logarithm is finite."""


class Curvature(NamedTuple):
    """What Hessian products need to know of an iterate."""

    factors: np.ndarray
    """(m, k, n) float32: Softmax's probabilities, Sigmoid's p (1 - p)."""
    likeliest: np.ndarray
    """(m, n) int64: where in flattened (k, n) values those of the likeliest classes are; (m, 0) for Sigmoid."""

    def select(self, which: np.ndarray | slice) -> "Curvature":
        return Curvature(self.factors[which], self.likeliest[which])


class Link(Protocol):
    """A logistic loss with its targets."""

    targets: np.ndarray
    """(problems, k, n) float64 zeros and ones."""

    def probabilities(self, logits: np.ndarray, problems: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(m, k, n) logits -> (m, k, n) probabilities and (m,) summed losses of the given (m,) problems."""
        ...

    def shift(self, p: np.ndarray, step: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities after (m, k) `step` is added to the intercepts, and the (m,) changes of the losses.

        `totals` (m, k) counts the positive samples. It takes no exponential per sample.
        """
        ...

    def scale_step(self, p: np.ndarray, totals: np.ndarray) -> np.ndarray:
        """(m, k) step of the intercepts that iterative scaling takes: it never raises a loss.

        Each class becomes as much likelier, before all are normalised, as it has more positive samples than predicted.
        Source: Darroch and Ratcliff, Generalized iterative scaling for log-linear models (1972).
        """
        ...

    def total_curvature(self, p: np.ndarray) -> np.ndarray:
        """(m, k, k) second derivative of the summed loss by the intercepts."""
        ...

    def curvature(self, p: np.ndarray) -> Curvature:
        """What `multiply` needs at these probabilities."""
        ...

    def multiply(self, curvature: Curvature, logits: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        """From (m, k, n) float32 changes of the logits to changes of the loss's gradient by them, in place.

        The intercepts respond so as to stay optimal. `inverse` (m, k, k) of the total curvature says how they do, and
        the result is their (m, k) change.
        """
        ...


class Softmax:
    """Multinomial loss -log p_y of k competing classes, one problem. labels: (n,) int64 in 0..k-1, each present."""

    def __init__(self, labels: np.ndarray, n_classes: int) -> None:
        n = len(labels)
        self.samples = np.arange(n)
        self.labelled = labels * n + self.samples  # where in flattened (k, n) values the labels' are
        self.targets = np.zeros((1, n_classes, n))
        self.targets.reshape(-1)[self.labelled] = 1.0

    def probabilities(self, logits: np.ndarray, problems: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        highest = logits.max(axis=1)
        p = np.exp(logits - highest[:, None])
        total = p.sum(axis=1)
        p /= total[:, None]
        loss = np.log(total) + (highest - logits.reshape(len(logits), -1).take(self.labelled, axis=1))
        return p, loss.sum(axis=1)

    def shift(self, p: np.ndarray, step: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        growth = np.einsum("mkn,mk->mn", p, np.expm1(step))  # of the sum over classes, from 1
        change = np.log1p(growth).sum(axis=1) - (step * totals).sum(axis=1)
        return p * np.exp(step)[..., None] / (1.0 + growth[:, None]), change

    def scale_step(self, p: np.ndarray, totals: np.ndarray) -> np.ndarray:
        step = np.log(totals / np.maximum(p.sum(axis=2), TINY))
        return step - step.mean(axis=1, keepdims=True)

    def total_curvature(self, p: np.ndarray) -> np.ndarray:
        curvature = -(p @ p.transpose(0, 2, 1))
        diagonal = np.arange(p.shape[1])
        curvature[:, diagonal, diagonal] = 0.0
        # Rows sum to zero. A difference from the sum of p would lose a class that is fitted almost surely.
        curvature[:, diagonal, diagonal] = -curvature.sum(axis=2)
        return curvature

    def curvature(self, p: np.ndarray) -> Curvature:
        likeliest = p.argmax(axis=1) * len(self.samples) + self.samples
        return Curvature(p.astype(np.float32), likeliest)

    def multiply(self, curvature: Curvature, logits: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        """(diag p - p p^T) u = p (u - p.u), with u taken relative to the likeliest class.

        The product does not depend on that reference, but the cancellation u - p.u at p close to 1 does.
        """
        p, likeliest = curvature
        flat = logits.reshape(len(logits), -1)
        logits -= np.stack([values.take(at) for values, at in zip(flat, likeliest, strict=True)])[:, None]
        logits -= np.einsum("mkn,mkn->mn", p, logits)[:, None]
        response = -(inverse @ np.einsum("mkn,mkn->mk", p, logits)[..., None])
        logits += response
        logits -= np.einsum("mkn,mk->mn", p, response[..., 0])[:, None]
        logits *= p
        return response[..., 0]


class Sigmoid:
    """Binary losses of m unrelated labels, all solved at once. labels: (n, m), zeros and ones, each present."""

    def __init__(self, labels: np.ndarray) -> None:
        self.targets = np.ascontiguousarray(labels.T, dtype=np.float64)[:, None]
        self.signs = 1.0 - 2.0 * self.targets

    def probabilities(self, logits: np.ndarray, problems: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        small = np.exp(-np.abs(logits))
        loss = np.log1p(small) + np.maximum(self.signs[problems] * logits, 0.0)
        return np.where(logits >= 0, 1.0, small) / (1.0 + small), loss.sum(axis=(1, 2))

    def shift(self, p: np.ndarray, step: np.ndarray, totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        growth = p * np.expm1(step)[..., None]
        change = np.log1p(growth).sum(axis=(1, 2)) - (step * totals).sum(axis=1)
        return p * np.exp(step)[..., None] / (1.0 + growth), change

    def scale_step(self, p: np.ndarray, totals: np.ndarray) -> np.ndarray:
        yes, no = (np.maximum(either.sum(axis=2), TINY) for either in (p, 1.0 - p))
        return np.log(totals / yes) - np.log((p.shape[2] - totals) / no)

    def total_curvature(self, p: np.ndarray) -> np.ndarray:
        return (p * (1.0 - p)).sum(axis=2)[:, :, None]

    def curvature(self, p: np.ndarray) -> Curvature:
        return Curvature((p * (1.0 - p)).astype(np.float32), np.zeros((len(p), 0), dtype=np.int64))

    def multiply(self, curvature: Curvature, logits: np.ndarray, inverse: np.ndarray) -> np.ndarray:
        response = -inverse[..., 0] * np.einsum("mkn,mkn->mk", curvature.factors, logits)
        logits += response[..., None]
        logits *= curvature.factors
        return response

"""Logistic regression on pixels: which classes it knows, and decisions instead of probabilities."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.solvers.logistic_links import Link, Sigmoid, Softmax
from harness.solvers.logistic_newton import RELATIVE_GAP
from harness.solvers.logistic_path import regularisation_path


@dataclass(frozen=True, kw_only=True)
class PixelFit:
    """The optimum at one C, over the k >= 2 classes that occur among the pixels it was fitted on."""

    c: float
    classes: np.ndarray
    """(k,) uint8, increasing."""
    slopes: np.ndarray
    """(k, D) float64."""
    intercepts: np.ndarray
    """(k,) float64."""
    relative_gap: float
    """Proven bound on (objective - optimum) / objective."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """(p, D) float64 features -> (p,) uint8 likeliest classes, the first of equals."""
        return self.classes[(features @ self.slopes.T + self.intercepts).argmax(axis=1)]


def fit_pixels(
    features: np.ndarray, labels: np.ndarray, c_values: Sequence[float], relative_gap: float = RELATIVE_GAP
) -> Iterator[PixelFit]:
    """Optima at increasing C, to within `relative_gap`.

    features (p, D) float64; labels (p,) uint8 of at least two classes.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    two = len(classes) == 2
    link: Link = Sigmoid(codes[:, None]) if two else Softmax(codes, len(classes))
    for fit in regularisation_path(features, link, c_values, relative_gap):
        slopes, intercepts = fit.coefficients[0], fit.intercepts[0]
        if two:  # the binary form: the first class has logit 0
            slopes, intercepts = np.vstack([0 * slopes, slopes]), np.append(0.0, intercepts)
        yield PixelFit(
            c=fit.c,
            classes=classes,
            slopes=slopes,
            intercepts=intercepts,
            relative_gap=fit.relative_gap,
        )

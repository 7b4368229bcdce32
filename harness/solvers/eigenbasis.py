"""Features in the axes in which they are uncorrelated: the coordinates the logistic path is solved in."""

from dataclasses import dataclass

import numpy as np

NEGLIGIBLE = 1e-12
"""Norm of a coordinate, relative to the largest, below which it is rounding: duplicated features, more features than
samples. The objective cannot see such a coordinate, and its optimal coefficient is 0."""


@dataclass(frozen=True, kw_only=True)
class Eigenbasis:
    """An orthogonal change of features, x -> (x - centre) @ axes. L2 penalties and optima are the same in either."""

    centre: np.ndarray
    """(D,) float64, mean of the samples."""
    axes: np.ndarray
    """(D, R) float64, orthonormal columns; R <= min(D, n - 1)."""
    coordinates: np.ndarray
    """(n, R) float64, the samples; orthogonal columns."""


def build_eigenbasis(features: np.ndarray) -> Eigenbasis:
    """Principal axes of (n, D) float64 features. With n < D the cost is that of n features, not D."""
    centre = features.mean(axis=0)
    coordinates = features - centre
    axes = np.eye(features.shape[1])
    if len(features) < features.shape[1]:
        axes = np.linalg.qr(coordinates.T)[0]
        coordinates = coordinates @ axes
    rotation = np.linalg.eigh(coordinates.T @ coordinates)[1][:, ::-1]
    coordinates, axes = coordinates @ rotation, axes @ rotation
    # Judged by the coordinates themselves: eigenvalues are exact to 1e-16 of the largest, their square roots are not.
    norms = np.linalg.norm(coordinates, axis=0)
    kept = norms > NEGLIGIBLE * norms.max(initial=0.0)
    return Eigenbasis(centre=centre, axes=axes[:, kept], coordinates=coordinates[:, kept])

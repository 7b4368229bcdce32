"""Features in the axes in which they are uncorrelated: the coordinates the logistic path is solved in."""

from dataclasses import dataclass

import numpy as np

from harness.solvers.row_blocks import over_rows, share, sum_over_rows

NEGLIGIBLE = 1e-12
"""Norm of a coordinate, relative to the largest, below which it is rounding: duplicated features, more features than
samples. The objective cannot see such a coordinate, and its optimal coefficient is 0."""
PANEL = 256
"""Columns of a matrix of products that are computed at once."""


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
    coordinates, spanned = _centred(features, centre), None
    if len(features) < features.shape[1]:
        spanned = np.linalg.qr(coordinates.T)[0]
        coordinates = coordinates @ spanned
    rotation = np.ascontiguousarray(np.linalg.eigh(_lower_products(coordinates))[1][:, ::-1])
    _rotate(coordinates, rotation)
    # Judged by the coordinates themselves: eigenvalues are exact to 1e-16 of the largest, their square roots are not.
    norms = np.sqrt(squared_norms(coordinates))
    kept = norms > NEGLIGIBLE * norms.max(initial=0.0)
    axes = rotation if spanned is None else spanned @ rotation
    if not kept.all():
        coordinates, axes = coordinates[:, kept], axes[:, kept]
    return Eigenbasis(centre=centre, axes=axes, coordinates=coordinates)


def squared_norms(x: np.ndarray) -> np.ndarray:
    """(R,) of the columns of (n, R)."""
    return sum_over_rows(lambda rows: np.einsum("nr,nr->r", x[rows], x[rows]), len(x))


def _centred(features: np.ndarray, centre: np.ndarray) -> np.ndarray:
    centred = np.empty_like(features)

    def compute(rows: slice) -> None:
        np.subtract(features[rows], centre, out=centred[rows])

    over_rows(compute, len(features))
    return centred


def _lower_products(x: np.ndarray) -> np.ndarray:
    """The lower triangle of x^T x, which is all that its eigenvectors are computed from."""
    products = np.zeros((x.shape[1], x.shape[1]))

    def compute(start: int) -> None:
        products[start:, start : start + PANEL] = x[:, start:].T @ x[:, start : start + PANEL]

    share(compute, range(0, x.shape[1], PANEL))
    return products


def _rotate(x: np.ndarray, rotation: np.ndarray) -> None:
    """In place, so that a large x is in memory once."""

    def compute(rows: slice) -> None:
        x[rows] = x[rows] @ rotation

    over_rows(compute, len(x))

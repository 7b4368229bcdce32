"""The space of a backbone's features, and two pictures of it in the plane."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from harness.errors import UserError
from harness.records.progress import Progress
from harness.solvers.standardise import measure_units

MOST_NEIGHBOURS = 10
FEWEST_IMAGES = 10
_PERPLEXITY = 30
_TSNE_COMPONENTS = 50
"""Principal components that t-SNE starts from, as its authors do."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """n images as points in the plane."""

    name: str
    points: np.ndarray
    """(n, 2) float64."""
    explained: float | None
    """Share of the variance that the two axes show; None where axes mean nothing."""
    trustworthiness: float
    """1: whoever are neighbours in the picture are so in the space; 0.5: about as good as random points (Venna and
    Kaski, Neighborhood preservation in nonlinear projection methods, 2001)."""
    neighbours: np.ndarray
    """(n, k) int64 of the nearest points in the picture, the nearest first."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Space:
    """Features of n images as `knn` compares them: standardised, then of length 1."""

    backbone: str
    n_features: int
    neighbours: np.ndarray
    """(n, k) int64 of the nearest images by all features, the nearest first."""
    pictures: tuple[Picture, ...]


def build_space(backbone: str, features: np.ndarray, seed: int, progress: Progress) -> Space:
    """Neighbours in the full space, its principal components and its t-SNE.

    One thread computes: several would add up in another order and t-SNE would then be another picture.

    Args:
        features: (n, D) float32, n at least `FEWEST_IMAGES`.
        seed: decides t-SNE.
    Raises:
        UserError: features are not finite, or the same for all images; names the backbone.
    """
    directions = _directions(backbone, features)
    k = min(MOST_NEIGHBOURS, (len(features) - 1) // 2)  # trustworthiness is defined below n / 2
    with threadpool_limits(1), progress.step(f"{backbone}: projecting {len(features)} images", 3) as step:
        neighbours = _nearest(directions, k)
        step.advance()
        pictures = []
        for name, points, explained in _project(directions, seed):
            pictures.append(
                Picture(
                    name=name,
                    points=points,
                    explained=explained,
                    trustworthiness=float(trustworthiness(directions, points, n_neighbors=k)),
                    neighbours=_nearest(points, k),
                )
            )
            step.advance()
    return Space(backbone=backbone, n_features=features.shape[1], neighbours=neighbours, pictures=tuple(pictures))


def _directions(backbone: str, features: np.ndarray) -> np.ndarray:
    """(n, D) float64 unit vectors of features that have mean 0 and variance 1 over these images."""
    if not np.isfinite(features).all():
        row = int(np.argwhere(~np.isfinite(features).all(axis=1))[0, 0])
        raise UserError(f"{backbone}: features of image {row} are not finite. Look for broken weights")
    exact = features.astype(np.float64)
    standardised = measure_units(exact).standardise(exact)
    lengths = np.linalg.norm(standardised, axis=1, keepdims=True)
    if not lengths.any():
        raise UserError(f"{backbone}: features of all images are the same, so there is no space to look at")
    return standardised / np.where(lengths > 0, lengths, 1.0)


def _project(directions: np.ndarray, seed: int) -> Iterator[tuple[str, np.ndarray, float | None]]:
    n, n_features = directions.shape
    pca = PCA(n_components=min(_TSNE_COMPONENTS, n, n_features), svd_solver="full")
    components = pca.fit_transform(directions)
    if n_features == 1:
        components = np.pad(components, ((0, 0), (0, 1)))
    yield "PCA", components[:, :2], float(pca.explained_variance_ratio_[:2].sum())
    tsne = TSNE(perplexity=min(_PERPLEXITY, (n - 1) / 3), init="pca", random_state=seed)
    yield "t-SNE", tsne.fit_transform(components).astype(np.float64), None


def _nearest(points: np.ndarray, k: int) -> np.ndarray:
    """(n, k) int64 of the nearest others of (n, D) points, the nearest first."""
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    return search.kneighbors(return_distance=False)

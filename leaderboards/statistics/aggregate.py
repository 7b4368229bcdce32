"""One number over many datasets: normalised scores and their interquartile mean, as GEO-Bench reports results.

Source: Lacoste et al., GEO-Bench, NeurIPS 2023, section 4; Agarwal et al., Deep Reinforcement Learning at the Edge of
the Statistical Precipice, NeurIPS 2021 (interquartile mean, stratified bootstrap).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from leaderboards.errors import UserError
from leaderboards.statistics.estimates import LEVEL, Estimate, interval

N_RESAMPLES = 2_000
_NAMED = 10


@dataclass(frozen=True)
class Grid:
    """Scores of every backbone on every dataset: no cell is empty."""

    backbones: tuple[str, ...]
    datasets: tuple[str, ...]
    scores: Mapping[tuple[str, str], np.ndarray]
    """(backbone, dataset) -> (S,) one score per seed; cells may differ in S."""


def complete_grid(scores: Mapping[tuple[str, str], Sequence[float]]) -> Grid:
    """The grid of (backbone, dataset) -> scores by seed.

    Raises:
        UserError: cells are missing; names them.
    """
    backbones = tuple(dict.fromkeys(backbone for backbone, _ in scores))
    datasets = tuple(dict.fromkeys(dataset for _, dataset in scores))
    missing = [(b, d) for d in datasets for b in backbones if not len(scores.get((b, d), ()))]
    if missing:
        named = ", ".join(f"{backbone} on {dataset}" for backbone, dataset in missing[:_NAMED])
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise UserError(
            f"an incomplete grid ranks by what was skipped: {len(missing)} cells have no score: {named}{more}. "
            "Run them."
        )
    return Grid(backbones, datasets, {cell: np.asarray(values, dtype=np.float64) for cell, values in scores.items()})


def normalise(grid: Grid) -> Grid:
    """Scores of each dataset mapped linearly so that its worst run is 0 and its best run 1.

    A dataset on which all runs are equal tells nobody apart: 0.5 for everyone.
    """
    ranges = {}
    for dataset in grid.datasets:
        everyone = np.concatenate([grid.scores[backbone, dataset] for backbone in grid.backbones])
        ranges[dataset] = float(everyone.min()), float(everyone.max())

    def scale(values: np.ndarray, low: float, high: float) -> np.ndarray:
        return (values - low) / (high - low) if high > low else np.full(len(values), 0.5)

    scores = {cell: scale(values, *ranges[cell[1]]) for cell, values in grid.scores.items()}
    return Grid(grid.backbones, grid.datasets, scores)


def interquartile_mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean of the middle half of (..., n) values, those at the border counted in part.

    Equals the mean trimmed by 25 % at both ends where n is a multiple of 4.

    Args:
        weights: (n,) share of each value in the whole; equal if None.
    """
    n = values.shape[-1]
    weights = np.full(n, 1 / n) if weights is None else weights / weights.sum()
    order = np.argsort(values, axis=-1)
    upper = np.cumsum(weights[order], axis=-1)
    lower = upper - weights[order]
    middle = np.clip(np.minimum(upper, 0.75) - np.maximum(lower, 0.25), 0.0, None)
    result: np.ndarray = (np.take_along_axis(values, order, axis=-1) * middle).sum(axis=-1) / middle.sum(axis=-1)
    return result


def aggregate(grid: Grid, generator: np.random.Generator, n_resamples: int = N_RESAMPLES) -> dict[str, Estimate]:
    """Interquartile mean of every backbone over datasets and seeds, with 95 % stratified bootstrap intervals.

    Every dataset has the same weight, however many seeds it has. Seeds are resampled within each dataset, so the
    interval is about other seeds on these datasets, not about other datasets. It is widened for small numbers of seeds
    (`_widening`). Normalise first, or the dataset with the widest range of scores decides.

    Returns:
        By backbone; without an interval if every dataset has one seed.
    """
    result = {}
    for backbone in grid.backbones:
        strata = [grid.scores[backbone, dataset] for dataset in grid.datasets]
        weights = np.concatenate([np.full(len(s), 1 / len(s)) for s in strata])
        resampled = np.concatenate(
            [s[generator.integers(0, len(s), size=(n_resamples, len(s)))] for s in strata], axis=1
        )  # (n_resamples, all runs)
        value = float(interquartile_mean(np.concatenate(strata), weights))
        widening = _widening([len(s) for s in strata])
        draws = value + widening * (interquartile_mean(resampled, weights) - value) if widening else None
        result[backbone] = Estimate(value, *(interval(draws) if draws is not None else (None, None)))
    return result


def _widening(n_seeds: Sequence[int]) -> float | None:
    """What percentile intervals lack: resampling S seeds shows (S - 1) / S of their variance and no Student's t.

    None if no dataset has two seeds. Source: Hesterberg, What Teachers Should Know About the Bootstrap, 2015, 3.4.
    """
    several = np.array([n for n in n_seeds if n > 1])
    if not len(several):
        return None
    quantile = (1 + LEVEL) / 2
    student = special.stdtrit((several - 1).sum(), quantile) / special.ndtri(quantile)
    return float(np.sqrt((several / (several - 1)).mean()) * student)

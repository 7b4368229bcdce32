"""Who is better over several datasets: mean rank, win rate and Bradley-Terry strength, each with an interval."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from leaderboards.errors import UserError
from leaderboards.statistics.aggregate import Grid
from leaderboards.statistics.replicates import Estimate, draw_seed_noise, interval, replicate_means

N_REPLICATES = 1_000
VIRTUAL_TIES = 0.5
"""Ties added between every two backbones, or one that wins everywhere would be infinitely strong."""
ELO_SCALE = 400 / np.log(10)
ELO_MEAN = 1_000.0
_MAX_ITERATIONS = 10_000
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Standing:
    """How one backbone does against the others of a grid."""

    backbone: str
    mean_rank: Estimate
    """1 is best; ties share their mean rank."""
    win_rate: Estimate
    """Share of comparisons won against the others on the same dataset, a tie counting half."""
    elo: Estimate
    """Bradley-Terry strength on Elo's scale around 1,000: 400 more means ten times the odds of winning on a dataset."""


def rank(grid: Grid, generator: np.random.Generator) -> list[Standing]:
    """Standings in the order of mean rank.

    The 95 % intervals come from the noise of the seeds in every cell (`replicates`); a cell with one seed has none.

    Raises:
        UserError: fewer than two backbones.
    """
    if len(grid.backbones) < 2:
        raise UserError(f"a ranking takes two backbones or more, found {', '.join(grid.backbones)}.")
    means, replicates = _cell_means(grid, generator)
    everything = np.concatenate([means[None], replicates])  # (1 + B, M, D), the observed first
    ranks = stats.rankdata(-everything, axis=1).mean(axis=2)
    wins = win_counts(everything)
    n_backbones, n_datasets = means.shape
    rates = wins.sum(axis=2) / ((n_backbones - 1) * n_datasets)
    elos = ELO_MEAN + ELO_SCALE * bradley_terry(wins + VIRTUAL_TIES / 2 * (1 - np.eye(n_backbones)))
    standings = [
        Standing(
            backbone=backbone,
            mean_rank=_estimate(ranks[:, i]),
            win_rate=_estimate(rates[:, i]),
            elo=_estimate(elos[:, i]),
        )
        for i, backbone in enumerate(grid.backbones)
    ]
    return sorted(standings, key=lambda standing: standing.mean_rank.value or 0.0)


def win_counts(scores: np.ndarray) -> np.ndarray:
    """(..., M, D) scores -> (..., M, M): on how many datasets row beats column, a tie counting half; zero diagonal."""
    first, second = scores[..., :, None, :], scores[..., None, :, :]
    wins: np.ndarray = (first > second).sum(axis=-1) + 0.5 * (first == second).sum(axis=-1)
    return wins - np.eye(scores.shape[-2]) * scores.shape[-1] / 2


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Maximum-likelihood strengths from counts of wins, by the minorise-maximise iteration.

    Args:
        wins: (..., M, M) how often row beat column; everyone must reach everyone by wins, or no maximum exists.
    Returns:
        (..., M) natural logarithms of the strengths, their mean 0: i beats j with odds exp(r_i - r_j).
    Source: Hunter, MM algorithms for generalized Bradley-Terry models, Annals of Statistics 2004, equation 3.
    """
    games = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(axis=-1)
    strength = np.ones(won.shape)
    for _ in range(_MAX_ITERATIONS):
        met = games / (strength[..., :, None] + strength[..., None, :])
        updated = won / np.maximum(met.sum(axis=-1), np.finfo(float).tiny)
        updated /= np.exp(np.log(updated).mean(axis=-1, keepdims=True))
        converged = np.abs(np.log(updated / strength)).max() < _TOLERANCE
        strength = updated
        if converged:
            break
    return np.log(strength)


def _cell_means(grid: Grid, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(M, D) means over seeds and (B, M, D) replicates of them."""
    shape = len(grid.backbones), len(grid.datasets)
    means, replicates = np.empty(shape), np.empty((N_REPLICATES, *shape))
    for i, backbone in enumerate(grid.backbones):
        for j, dataset in enumerate(grid.datasets):
            values = grid.scores[backbone, dataset]
            means[i, j] = values.mean()
            noise = draw_seed_noise(len(values), N_REPLICATES, generator)
            replicates[:, i, j] = replicate_means(values[None], noise)[:, 0]
    return means, replicates


def _estimate(values: np.ndarray) -> Estimate:
    """The observed value is first, its replicates follow."""
    return Estimate(float(values[0]), *interval(values[1:]))

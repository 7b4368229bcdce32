"""The rows of the view `ranking`, with the intervals that SQL cannot draw."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from leaderboards.statistics.aggregate import Grid, aggregate, complete_grid, normalise
from leaderboards.statistics.ranking import N_REPLICATES, win_counts
from leaderboards.statistics.replicates import draw_seed_noise, interval, replicate_means

GRID = ("suite", "protocol", "selection", "train_draw", "partition", "source")
"""What backbones that are ranked together have in common."""
CELL_COLUMNS = ", ".join((*GRID, "backbone", "weights", "dataset"))
INTERVALS = (
    "rank_low", "rank_high", "win_low", "win_high", "score", "score_low", "score_high", "fewest_seeds"
)  # fmt: skip
SEED = 0

Row = Sequence[Any]
_NONE = (None,) * len(INTERVALS)


def with_intervals(names: Sequence[str], rows: Sequence[Row], cells: Sequence[Row]) -> tuple[list[str], list[Row]]:
    """Add to each ranked row 95 % intervals of mean rank and win rate, and the normalised interquartile mean with its.

    An interval that seeds cannot tell, as some cell of the grid has a single one, is None.

    Args:
        names: columns of the view `ranking`.
        rows: its rows.
        cells: the columns of `CELL_COLUMNS`, then all scores of the cell.
    """
    n_shared = len(GRID)
    scores: dict[Row, dict[tuple[Row, str], list[float]]] = defaultdict(dict)
    for *key, backbone, weights, dataset, values in cells:
        scores[tuple(key)][(backbone, weights), dataset] = values
    ranked: dict[Row, list[Row]] = defaultdict(list)
    for row in rows:
        if row[names.index("mean_rank")] is not None:
            ranked[tuple(row[:n_shared])].append(tuple(row[n_shared : n_shared + 2]))
    added = {
        (*key, *entry): found
        for key, entries in ranked.items()
        for entry, found in _intervals(entries, scores[key]).items()
    }
    return [*names, *INTERVALS], [(*row, *added.get(tuple(row[: n_shared + 2]), _NONE)) for row in rows]


def _intervals(entries: Sequence[Row], scores: dict[tuple[Row, str], list[float]]) -> dict[Row, tuple[Any, ...]]:
    names = {str(i): entry for i, entry in enumerate(entries)}
    grid = complete_grid(
        {(name, dataset): values for name, e in names.items() for (who, dataset), values in scores.items() if who == e}
    )
    fewest = min(len(values) for values in grid.scores.values())
    aggregates = aggregate(normalise(grid), np.random.default_rng(SEED))
    ranks, wins = place_replicates(grid)
    result = {}
    for i, name in enumerate(grid.backbones):
        score = aggregates[name]
        known = fewest > 1
        result[names[name]] = (
            *(interval(ranks[:, i]) if known else (None, None)),
            *(interval(wins[:, i]) if known and len(names) > 1 else (None, None)),
            score.value,
            *((score.ci_low, score.ci_high) if known else (None, None)),
            fewest,
        )
    return result


def place_replicates(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """(B, M) mean ranks and (B, M) win rates as other seeds might have given them.

    The same draws as `leaderboards.statistics.ranking.rank` makes from seed 0, without its Bradley-Terry strengths,
    which would take most of the time that a report may.
    """
    generator = np.random.default_rng(SEED)
    n_backbones, n_datasets = len(grid.backbones), len(grid.datasets)
    replicates = np.empty((N_REPLICATES, n_backbones, n_datasets))
    for i, backbone in enumerate(grid.backbones):
        for j, dataset in enumerate(grid.datasets):
            values = grid.scores[backbone, dataset]
            noise = draw_seed_noise(len(values), N_REPLICATES, generator)
            replicates[:, i, j] = replicate_means(values[None], noise)[:, 0]
    ranks = stats.rankdata(-replicates, axis=1).mean(axis=2)
    wins = win_counts(replicates).sum(axis=2) / (max(n_backbones - 1, 1) * n_datasets)
    return ranks, wins

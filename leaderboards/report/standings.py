"""The rows of the view `ranking`, with what SQL cannot say: who is tied with whom, and a normalised score."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leaderboards.statistics.aggregate import aggregate, complete_grid, normalise
from leaderboards.statistics.ranking import Entry, GridKey, Standing

CELL_COLUMNS = ", ".join((*GridKey._fields, *Entry._fields, "dataset", "metric", "samples", "higher_is_better"))
"""Scores on other samples or by another metric are those of another dataset, as in the view."""
_STANDING = ("place_low", "place_high", "ties", "wins", "undecided", "losses")
ADDED = (*_STANDING, "score", "score_low", "score_high", "fewest_seeds")
SEED = 0

Row = Sequence[Any]
_NONE = (None,) * len(ADDED)


def with_ties(
    names: Sequence[str], rows: Sequence[Row], cells: Sequence[Row], standings: Mapping[GridKey, Sequence[Standing]]
) -> tuple[list[str], list[Row]]:
    """Add to each ranked row the columns of ADDED: `Standing`'s, and the interquartile mean of normalised scores.

    The interval of that is None where seeds cannot tell it, as some cell of the grid has a single one.

    Args:
        names: columns of the view `ranking`.
        rows: its rows.
        cells: the columns of `CELL_COLUMNS`, then all scores of the cell.
    """
    width = len(GridKey._fields)
    scores: dict[GridKey, dict[tuple[Row, str], list[float]]] = defaultdict(dict)
    for *key, backbone, weights, dataset, metric, samples, higher_is_better, values in cells:
        gains = values if higher_is_better else [-value for value in values]
        scores[GridKey(*key)][Entry(backbone, weights), f"{dataset} {metric} {samples}"] = gains
    added = {
        (*grid, *standing.entry): (*(getattr(standing, name) for name in _STANDING), *score)
        for grid, ranked in standings.items()
        for standing, score in zip(ranked, _scores([s.entry for s in ranked], scores[grid]), strict=True)
    }
    return [*names, *ADDED], [(*row, *added.get(tuple(row[: width + 2]), _NONE)) for row in rows]


def _scores(entries: Sequence[Entry], scores: Mapping[tuple[Row, str], list[float]]) -> list[tuple[Any, ...]]:
    """The score of each entry, its interval, and the fewest seeds of any cell."""
    position = {entry: str(i) for i, entry in enumerate(entries)}
    grid = complete_grid(
        {(position[who], dataset): values for (who, dataset), values in scores.items() if who in position}
    )
    fewest = min(len(values) for values in grid.scores.values())
    found = aggregate(normalise(grid), np.random.default_rng(SEED))
    estimates = [found[position[entry]] for entry in entries]
    return [(e.value, *((e.ci_low, e.ci_high) if fewest > 1 else (None, None)), fewest) for e in estimates]

"""Who cannot be told apart from whom in a ranking over several datasets.

Mean ranks are those of the view `ranking`, which is the only place that ranks. They say nothing about noise, and
drawing it anew around observed scores would add it a second time. So every two backbones of a ranking are tested
instead: no difference of their mean scores over its datasets, by `difference` on each of them, Holm's correction over
all pairs of the ranking. Two are told apart where that is significant and their mean ranks say the same.
"""

from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from string import ascii_lowercase
from typing import NamedTuple, TypeVar

import numpy as np

from leaderboards.metrics import SMALLEST_ERROR
from leaderboards.statistics.difference import Difference, difference
from leaderboards.statistics.estimates import SURE
from leaderboards.statistics.influences import SharedTestSet, read_all_test_samples
from leaderboards.statistics.mean_difference import mean_parts
from leaderboards.statistics.paired import holm
from leaderboards.statistics.reading import Point, fetch
from leaderboards.statistics.student import Part, two_sided_p, with_interval

T = TypeVar("T", bound=Hashable)


class GridKey(NamedTuple):
    """What backbones that are ranked together have in common."""

    suite: str
    protocol: str
    selection: str | None
    train_draw: str | None
    partition: str
    source: str


class Entry(NamedTuple):
    """Who is ranked."""

    backbone: str
    weights: str | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One row of the view `ranking`, and where it surely stands."""

    entry: Entry
    mean_rank: float
    wins: int
    """On how many datasets against how many others it is better, told apart there: the 95 % interval of that difference
    leaves out zero. What is neither a win nor a loss is a tie."""
    losses: int
    undecided: int
    n_datasets: int
    n_labels: int
    """The fewest that any of its scores used."""
    place_low: int
    """1 + how many are surely better. With 95 % confidence all places of a ranking lie in their intervals at once."""
    place_high: int
    """How many there are, less those that are surely worse."""
    ties: str | None
    """Letters; who shares one cannot be told apart. None: nothing is known of the noise, as with one seed each."""
    contradicted: tuple[str, ...] = ()
    """Runs of the whole ranking whose stored predictions do not give their scores. Test samples tell nothing on their
    datasets, as if there were no predictions."""
    mixed: bool = False
    """Somebody of the ranking was identified by another version, or fed bands by other names, than somebody else."""


@dataclass(frozen=True)
class Cell:
    """One dataset of a ranking, by one metric: everybody's seeds on the same samples."""

    points: Mapping[Entry, Point]
    samples: SharedTestSet
    higher_is_better: bool = True
    """Of the metric."""


class _CellKey(NamedTuple):
    """One dataset of a ranking: other samples or another metric make another."""

    dataset: str
    metric: str
    samples: str
    higher_is_better: bool


_RANKED = """
    SELECT suite, protocol, selection, train_draw, partition, source, backbone, weights, mean_rank, n_datasets
    FROM ranking WHERE mean_rank IS NOT NULL ORDER BY ALL
"""
# Of published numbers nobody knows the seeds: they are counted.
_CELLS = """
    WITH rules AS (
        SELECT setup, concat_ws(' ', any_value(identity_version), any_value(configuration) ->> '$.band_names') AS rules
        FROM runs GROUP BY setup
    )
    SELECT suite, protocol, selection, train_draw, partition, source, dataset, metric, coalesce(samples, ''),
        higher_is_better, backbone, weights, coalesce(any_value(n_labels), 0), any_value(rules),
        list(coalesce(seed, n) ORDER BY n), list(value ORDER BY n), list(run_id ORDER BY n)
    FROM (SELECT *, row_number() OVER (
        PARTITION BY suite, protocol, selection, train_draw, partition, source, dataset, metric, samples, backbone,
        weights ORDER BY seed, run_id) AS n FROM scores JOIN rules USING (setup) WHERE value IS NOT NULL)
    GROUP BY ALL ORDER BY ALL
"""


def read_standings(path: Path) -> dict[GridKey, list[Standing]]:
    """Every ranking of the leaderboard, each in the order of mean rank.

    Raises:
        UserError: as `reading.read_points`.
    """
    ranked: dict[GridKey, dict[Entry, tuple[float, int]]] = {}
    for *key, backbone, weights, mean_rank, n_datasets in fetch(path, _RANKED, {}):
        ranked.setdefault(GridKey(*key), {})[Entry(backbone, weights)] = mean_rank, n_datasets
    rules_of: dict[tuple[object, ...], set[str]] = {}
    points: dict[GridKey, dict[_CellKey, dict[Entry, Point]]] = {}
    for row in fetch(path, _CELLS, {}):
        *key, dataset, metric, samples, higher, backbone, weights, n_labels, rules, seeds, values, run_ids = row
        grid, entry = GridKey(*key), Entry(backbone, weights)
        if entry in ranked.get(grid, {}):
            scores, runs = (dict(zip(seeds, column, strict=True)) for column in (values, run_ids))
            point = Point(grid.partition, samples, n_labels, 0, scores, runs)
            cell = _CellKey(dataset, metric, samples, higher)
            rules_of.setdefault((grid, cell), set()).add(rules)
            points.setdefault(grid, {}).setdefault(cell, {})[entry] = point
    by_metric: dict[str, list[Point]] = {}
    for of_grid in points.values():
        for cell, of_cell in of_grid.items():
            by_metric.setdefault(cell.metric, []).extend(of_cell.values())
    samples = read_all_test_samples(path, by_metric)
    cells = {
        grid: [Cell(of_cell, samples.of(of_cell.values()), cell.higher_is_better) for cell, of_cell in of_grid.items()]
        for grid, of_grid in points.items()
    }
    mixed = {key[0] for key, rules in rules_of.items() if len(rules) > 1}
    return {
        grid: [replace(row, mixed=grid in mixed) for row in _standings(grid, rows, cells[grid], samples.contradicted)]
        for grid, rows in ranked.items()
    }


def _standings(
    grid: GridKey,
    rows: Mapping[Entry, tuple[float, int]],
    cells: Sequence[Cell],
    contradicted: Collection[str],
) -> list[Standing]:
    mean_ranks = {entry: mean_rank for entry, (mean_rank, _) in rows.items()}
    found = pair_differences(mean_ranks, cells, draws_shared=grid.train_draw == "seed")
    better, (wins, losses) = told_apart(mean_ranks, cells, found), count_wins(cells, found)
    order = sorted(rows, key=lambda entry: (mean_ranks[entry], entry.backbone, entry.weights or ""))
    letters = tie_letters(order, better or ())
    run_ids = {run_id for cell in cells for point in cell.points.values() for run_id in point.run_ids.values()}
    return [
        Standing(
            entry=entry,
            mean_rank=mean_ranks[entry],
            wins=wins[entry],
            losses=losses[entry],
            undecided=(len(rows) - 1) * len(cells) - wins[entry] - losses[entry],
            n_datasets=rows[entry][1],
            n_labels=min(cell.points[entry].n_labels for cell in cells),
            place_low=1 + sum(worse == entry for _, worse in better or ()),
            place_high=len(rows) - sum(best == entry for best, _ in better or ()),
            ties=None if better is None else letters[entry],
            contradicted=tuple(sorted(run_ids.intersection(contradicted))),
        )
        for entry in order
    ]


def pair_differences(
    mean_ranks: Mapping[Entry, float], cells: Sequence[Cell], *, draws_shared: bool
) -> dict[tuple[Entry, Entry], list[Difference]]:
    """(the better by mean rank, the other) -> their difference in every cell.

    Args:
        mean_ranks: of the entries, all in every cell.
        draws_shared: one seed draws the same training samples for all.
    """
    order = sorted(mean_ranks, key=lambda entry: mean_ranks[entry])
    return {
        (a, b): [difference(c.points[a], c.points[b], c.samples, draws_shared=draws_shared) for c in cells]
        for a, b in combinations(order, 2)
    }


def told_apart(
    mean_ranks: Mapping[Entry, float],
    cells: Sequence[Cell],
    found: Mapping[tuple[Entry, Entry], Sequence[Difference]],
) -> set[tuple[Entry, Entry]] | None:
    """Pairs (better, worse) that differ surely; None if the noise of no pair is known.

    Args:
        found: of `pair_differences`.
    """
    scales = _scales(cells)
    tested: dict[tuple[Entry, Entry], float] = {}
    for (a, b), of_pair in found.items():
        parts = mean_parts([
            [Part(part.variance * scale**2, part.degrees) for part in one.parts]
            for one, scale in zip(of_pair, scales, strict=True)
        ])  # fmt: skip
        value = float(np.mean(scales * [one.value for one in of_pair]))
        if parts:
            agrees = value > 0 and mean_ranks[a] < mean_ranks[b]
            tested[a, b] = two_sided_p(value, parts) if agrees else 1.0
    adjusted = holm(list(tested.values()))
    return {pair for pair, p in zip(tested, adjusted, strict=True) if p < SURE} if tested else None


def count_wins(
    cells: Sequence[Cell], found: Mapping[tuple[Entry, Entry], Sequence[Difference]]
) -> tuple[Counter[Entry], Counter[Entry]]:
    """Wins and losses of each over all cells and others: only where two are told apart on that dataset."""
    wins, losses = Counter[Entry](), Counter[Entry]()
    for (a, b), of_pair in found.items():
        for cell, one in zip(cells, of_pair, strict=True):
            if with_interval(one.value, one.parts).sure:
                better, worse = (a, b) if (one.value > 0) == cell.higher_is_better else (b, a)
                wins[better] += 1
                losses[worse] += 1
    return wins, losses


def _scales(cells: Sequence[Cell]) -> np.ndarray:
    """(D,) what turns a difference of scores of each dataset into one that may be averaged, positive where better.

    Scores for which higher is better have no unit and are taken as they are. Errors have the unit of the labels, so
    they count as shares of their mean over everybody. Not of their range: where all are nearly equal it is nothing but
    noise, and would drown the datasets that tell them apart.
    """
    means = [np.mean([np.mean(list(point.scores.values())) for point in cell.points.values()]) for cell in cells]
    shares = [
        1.0 if cell.higher_is_better else -1 / max(float(mean), SMALLEST_ERROR)
        for cell, mean in zip(cells, means, strict=True)
    ]
    return np.array(shares)


def tie_letters(order: Sequence[T], apart: Collection[tuple[T, T]]) -> dict[T, str]:
    """Letters such that two share one exactly if they are not told apart: a compact letter display.

    Args:
        order: from the best to the worst; the best have the first letters.
    Source: Piepho, An algorithm for a letter-based representation of all-pairwise comparisons, 2004 (insert-absorb).
    """
    groups = [frozenset(order)]
    for pair in apart:
        split = {group - {one} for group in groups if group.issuperset(pair) for one in pair}
        whole = split | {group for group in groups if not group.issuperset(pair)}
        groups = [group for group in whole if not any(group < other for other in whole)]
    places = {entry: place for place, entry in enumerate(order)}
    groups.sort(key=lambda group: sorted(places[entry] for entry in group))
    return {entry: "".join(_letter(i) for i, group in enumerate(groups) if entry in group) for entry in order}


def _letter(i: int) -> str:
    """a to z, then a1 to z1, and so on."""
    turn, letter = divmod(i, len(ascii_lowercase))
    return ascii_lowercase[letter] + (str(turn) if turn else "")

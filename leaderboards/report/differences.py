"""Paired differences of every two backbones: on each dataset, and over those that both were measured on.

As the ranking tests them (`leaderboards.statistics.ranking`), but on every dataset by itself too, and of backbones that
lack some dataset.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from leaderboards.statistics.difference import difference
from leaderboards.statistics.estimates import SURE
from leaderboards.statistics.influences import TestSamples, read_all_test_samples
from leaderboards.statistics.mean_difference import mean_parts
from leaderboards.statistics.paired import holm
from leaderboards.statistics.reading import CurveKey, Point, read_points
from leaderboards.statistics.student import Part, two_sided_p, with_interval

COLUMNS = (
    "suite", "protocol", "selection", "train_draw", "partition", "dataset", "n_datasets", "backbone", "weights",
    "rival", "rival_weights", "difference", "low", "high", "apart",
)  # fmt: skip
"""dataset None: the mean over n_datasets of them. difference: by how much the backbone is better; low and high None: of
unknown noise. apart: whether the two differ surely, all pairs tested beside them considered (Holm)."""


class _Grid(NamedTuple):
    """What backbones that are compared have in common."""

    suite: str
    protocol: str
    selection: str
    train_draw: str
    partition: str


class _Task(NamedTuple):
    """Other samples or another metric make another task of a dataset."""

    dataset: str
    metric: str
    samples: str
    higher_is_better: bool


class _Found(NamedTuple):
    value: float
    parts: Sequence[Part]


_Model = tuple[str, str]
"""A backbone with its weights."""
_Pair = tuple[_Model, _Model]


def read_differences(path: Path) -> list[tuple[Any, ...]]:
    """Rows of COLUMNS, one for each pair: nobody stands there twice on one dataset.

    Raises:
        UserError: as `reading.read_points`.
    """
    curves = read_points(path)
    by_metric: dict[str, list[Point]] = {}
    for curve, points in curves.items():
        by_metric.setdefault(curve.metric, []).extend(points)
    tested = read_all_test_samples(path, by_metric)
    rows: list[tuple[Any, ...]] = []
    for grid, tasks in _grids(curves).items():
        on_all: dict[_Pair, list[_Found]] = {}
        for task, points_of in tasks.items():
            found = _compare(points_of, tested, task, grid)
            rows += _rows(grid, task.dataset, {pair: [one] for pair, one in found.items()})
            for pair, one in found.items() if task.higher_is_better else ():  # errors have units, and so no mean
                on_all.setdefault(pair, []).append(one)
        rows += _rows(grid, None, {pair: found_of for pair, found_of in on_all.items() if len(found_of) > 1})
    return rows


def _grids(curves: Mapping[CurveKey, list[Point]]) -> dict[_Grid, dict[_Task, dict[_Model, Point]]]:
    """Who has several setups on a task is left out of it: nobody can say which counts."""
    found: dict[_Grid, dict[_Task, dict[_Model, list[Point]]]] = {}
    for curve, points in curves.items():
        for point in points:
            grid = _Grid(curve.suite, curve.protocol, curve.selection, curve.train_draw, point.partition)
            task = _Task(curve.dataset, curve.metric, point.samples, curve.higher_is_better)
            model = curve.backbone, curve.weights
            found.setdefault(grid, {}).setdefault(task, {}).setdefault(model, []).append(point)
    return {
        grid: {task: {m: points[0] for m, points in models.items() if len(points) == 1} for task, models in of.items()}
        for grid, of in found.items()
    }


def _compare(points: Mapping[_Model, Point], tested: TestSamples, task: _Task, grid: _Grid) -> dict[_Pair, _Found]:
    found = {}
    for a, b in combinations(sorted(points), 2):
        samples = tested.of([points[a], points[b]])
        one = difference(points[a], points[b], samples, draws_shared=grid.train_draw == "seed")
        found[a, b] = _Found(one.value if task.higher_is_better else -one.value, one.parts)
    return found


def _rows(grid: _Grid, dataset: str | None, pairs: Mapping[_Pair, Sequence[_Found]]) -> list[tuple[Any, ...]]:
    """Rows of the mean of each pair's differences; the pairs are those that are tested together."""
    means = {
        pair: _Found(sum(one.value for one in found) / len(found), mean_parts([one.parts for one in found]))
        for pair, found in pairs.items()
    }
    known = {pair: two_sided_p(mean.value, mean.parts) for pair, mean in means.items() if mean.parts}
    adjusted = dict(zip(known, holm(list(known.values())), strict=True))
    return [
        (
            *grid, dataset, len(pairs[a, b]), a[0], a[1] or None, b[0], b[1] or None,
            *with_interval(mean.value, mean.parts), adjusted.get((a, b), 1.0) < SURE,
        )
        for (a, b), mean in means.items()
    ]  # fmt: skip

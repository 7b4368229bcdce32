"""Paired differences of every two backbones: on each dataset, and over those that both were measured on. And ties:
who cannot be told apart from whom on one dataset with the same labels.

As the ranking tests them (`leaderboards.statistics.ranking`), but on every dataset by itself too, and of backbones that
lack some dataset.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from leaderboards.statistics.difference import difference
from leaderboards.statistics.estimates import SURE
from leaderboards.statistics.influences import TestSamples, read_all_test_samples
from leaderboards.statistics.mean_difference import mean_parts
from leaderboards.statistics.paired import holm
from leaderboards.statistics.ranking import tie_letters
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
_Tasks = Mapping[_Task, Mapping[_Model, tuple[CurveKey, Point]]]

Place = tuple[str, str, str]
"""curve_id, partition and samples of a point."""


class Tied(NamedTuple):
    """How a point stands among the others on its dataset with the same labels."""

    letters: str
    """Who shares one cannot be told apart; the best have the first."""
    best: bool
    """Better than all others, and told apart from each."""


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
        for task, models in tasks.items():
            found = _compare(models, tested, task, grid)
            rows += _rows(grid, task.dataset, {pair: [one] for pair, one in found.items()})
            for pair, one in found.items() if task.higher_is_better else ():  # errors have units, and so no mean
                on_all.setdefault(pair, []).append(one)
        rows += _rows(grid, None, {pair: found_of for pair, found_of in on_all.items() if len(found_of) > 1})
    return rows


def read_ties(path: Path, places: Collection[Place]) -> dict[Place, Tied]:
    """Ties among points of the same dataset, protocol, partition and samples, by the pairs that are shown together.

    Points that stand alone, or of which no noise is known, have none.

    Args:
        places: of the points that are shown.
    Raises:
        UserError: as `reading.read_points`.
    """
    shown = set(places)
    curves = {
        key: [point for point in points if (key.curve_id, point.partition, point.samples) in shown]
        for key, points in read_points(path).items()
    }
    rivals = {
        (grid, task): models
        for grid, tasks in _grids(curves).items()
        for task, models in tasks.items()
        if len(models) > 1
    }
    by_metric: dict[str, list[Point]] = {}
    for (_, task), models in rivals.items():
        by_metric.setdefault(task.metric, []).extend(point for _, point in models.values())
    tested = read_all_test_samples(path, by_metric) if rivals else TestSamples({}, {}, ())
    ties: dict[Place, Tied] = {}
    for (grid, task), models in rivals.items():
        for model, tied in _ties(_compare(models, tested, task, grid), models, task).items():
            key, point = models[model]
            ties[key.curve_id, point.partition, point.samples] = tied
    return ties


def _ties(
    found: Mapping[_Pair, _Found], models: Mapping[_Model, tuple[CurveKey, Point]], task: _Task
) -> dict[_Model, Tied]:
    """The standing of each model; none where the noise of no pair is known."""
    adjusted = _adjusted(found)
    if not adjusted:
        return {}
    sign = 1 if task.higher_is_better else -1
    means = {model: sign * fmean(point.scores.values()) for model, (_, point) in models.items()}
    order = sorted(means, key=lambda model: (-means[model], model))
    apart = {pair for pair, p in adjusted.items() if p < SURE}
    from_first = sum(order[0] in pair for pair in apart)
    letters = tie_letters(order, apart)
    return {model: Tied(letters[model], model == order[0] and from_first == len(order) - 1) for model in order}


def _grids(curves: Mapping[CurveKey, list[Point]]) -> dict[_Grid, _Tasks]:
    """Who has several setups on a task is left out of it: nobody can say which counts."""
    found: dict[_Grid, dict[_Task, dict[_Model, list[tuple[CurveKey, Point]]]]] = {}
    for curve, points in curves.items():
        for point in points:
            grid = _Grid(curve.suite, curve.protocol, curve.selection, curve.train_draw, point.partition)
            task = _Task(curve.dataset, curve.metric, point.samples, curve.higher_is_better)
            model = curve.backbone, curve.weights
            found.setdefault(grid, {}).setdefault(task, {}).setdefault(model, []).append((curve, point))
    return {
        grid: {task: {model: one[0] for model, one in models.items() if len(one) == 1} for task, models in of.items()}
        for grid, of in found.items()
    }


def _compare(
    models: Mapping[_Model, tuple[CurveKey, Point]], tested: TestSamples, task: _Task, grid: _Grid
) -> dict[_Pair, _Found]:
    found, points = {}, {model: point for model, (_, point) in models.items()}
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
    adjusted = _adjusted(means)
    return [
        (
            *grid, dataset, len(pairs[a, b]), a[0], a[1] or None, b[0], b[1] or None,
            *with_interval(mean.value, mean.parts), adjusted.get((a, b), 1.0) < SURE,
        )
        for (a, b), mean in means.items()
    ]  # fmt: skip


def _adjusted(found: Mapping[_Pair, _Found]) -> dict[_Pair, float]:
    """P-values of no difference, adjusted by Holm over those whose noise is known."""
    known = {pair: two_sided_p(one.value, one.parts) for pair, one in found.items() if one.parts}
    return dict(zip(known, holm(list(known.values())), strict=True))

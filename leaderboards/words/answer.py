"""Which backbone to use on one dataset, what it saves, and what more labels would bring, in words."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from leaderboards.statistics.comparison import Comparison, compare
from leaderboards.statistics.reading import CurveKey, Point, distinct_points, fetch, read_points
from leaderboards.words import saving_in_words

GAIN = 0.05
"""Of the score: what more labels are counted for."""
_LAST = 3
"""Points at the end of a curve that its slope is read from."""
_BEYOND = "any number"
"""Of labels, where a million times as many would not do."""


def answer(path: Path, suite: str, dataset: str, run_ids: Collection[str], floor: str) -> list[str]:
    """A few sentences on one dataset; of one curve alone, what more labels would bring and what it cost.

    Args:
        run_ids: the runs that are spoken of. Whatever else is stored, as of the same images with other splits, is not.
        floor: the backbone that needs no network; what the best one saves against it is always said.
    """
    found = {
        key: points
        for key, points in read_points(path).items()
        if (key.suite, key.dataset) == (suite, dataset)
        and not set(run_ids).isdisjoint(run_id for point in points for run_id in point.run_ids.values())
    }
    best = max(found, key=lambda key: _end(key, found[key]), default=None)
    if best is None:
        return []
    rivals = {key.backbone: key for key in found if _alike(key) == _alike(best) and key.backbone != best.backbone}
    ranked = sorted(rivals, key=lambda name: _end(rivals[name], found[rivals[name]]), reverse=True)
    told: list[str] = []
    if ranked:
        compared = _compared(path, best, rivals, ranked)
        told = [*_winner(best, ranked, compared), *_savings(ranked[0], floor, compared)]
    elif len(found) > 1:
        return []  # one backbone by several protocols: nothing says which curve would be meant
    return [*told, *more_labels(distinct_points(found[best]), best), _cost(path, found)]


def more_labels(points: Sequence[Point], curve: CurveKey) -> list[str]:
    """How many more labels would raise the score by `GAIN`, if the curve goes on as at its end.

    Args:
        points: of the curve, in the order of their labels.
    """
    last = points[-_LAST:]
    seeds = sorted(set[int].intersection(*(set(point.scores) for point in last))) if last else []
    if len(last) < 2 or not seeds or not curve.higher_is_better:
        return []
    x = np.log([point.n_labels for point in last])
    slopes = np.array([np.polyfit(x, [point.scores[seed] for point in last], 1)[0] for seed in seeds])
    slope, n_labels = float(slopes.mean()), last[-1].n_labels
    if float(np.mean([last[-1].scores[seed] for seed in seeds])) + GAIN > 1:
        return [f"No labels can bring +{GAIN} any more: {curve.metric} ends at 1."]
    if slope <= 0:
        return [f"More labels bring nothing: between {last[0].n_labels} and {n_labels} the curve is flat."]
    needed = _needed(n_labels, slope)
    if needed == _BEYOND:
        return [
            f"More labels bring next to nothing: between {last[0].n_labels} and {n_labels} the curve is nearly flat."
        ]
    said = f"About {needed} more labels for +{GAIN}"
    if len(seeds) > 1:
        half = float(stdtrit(len(seeds) - 1, 0.975) * slopes.std(ddof=1) / math.sqrt(len(seeds)))
        most = _needed(n_labels, slope - half) if slope > half else _BEYOND
        said += f" (95 %: {_needed(n_labels, slope + half)} to {most})"
    return [f"{said}, if the curve goes on as between {last[0].n_labels} and {n_labels}."]


def _needed(n_labels: int, slope: float) -> str:
    """Labels beyond those there are, of a curve that rises by `slope` when they become e times as many."""
    exponent = GAIN / slope
    more = n_labels * math.expm1(exponent) if exponent < math.log(1e6) else math.inf
    return f"{float(f'{more:.2g}'):,.0f}" if more < 1e6 * n_labels else _BEYOND


def _end(key: CurveKey, points: Sequence[Point]) -> float:
    """The score with the most labels, negated where lower is better."""
    last = max(points, key=lambda point: (point.n_labels, len(point.scores)))
    return float(np.mean(list(last.scores.values()))) * (1 if key.higher_is_better else -1)


def _alike(key: CurveKey) -> tuple[str, ...]:
    return key.protocol, key.selection, key.train_draw, key.axis, key.metric


def _compared(
    path: Path, best: CurveKey, rivals: Mapping[str, CurveKey], ranked: Sequence[str]
) -> dict[str, Comparison]:
    """The best against each other one, by its protocol, these very curves alone."""
    sides = (f"{name}:{best.protocol}" for name in (best.backbone, *ranked))
    found = compare(path, *sides, only={best.curve_id, *(key.curve_id for key in rivals.values())})
    return {c.names[1].removesuffix(f":{best.protocol}"): c for c in found}


def _winner(best: CurveKey, ranked: Sequence[str], compared: Mapping[str, Comparison]) -> list[str]:
    (first, *_) = compared.values()
    value, low, high = first.a
    between = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
    ties = [name for name in ranked if name in compared and not compared[name].sure]
    apart = f"It cannot be told apart from {', '.join(ties)}." if ties else "It is better than all others."
    return [
        f"Use {best.backbone} on {best.dataset}: {best.metric} {value:.3f}{between} by {best.protocol} with "
        f"{first.n_labels} labels. {apart}"
    ]


def _savings(runner_up: str, floor: str, compared: Mapping[str, Comparison]) -> list[str]:
    """Labels saved against the next and against the floor, where both have curves."""
    rivals = dict.fromkeys((runner_up, floor))
    savings = {name: found.saving for name in rivals if (found := compared.get(name)) and found.saving}
    return [f"Against {name}: {saving_in_words(saving.saving)}." for name, saving in savings.items()]


def _cost(path: Path, curves: Mapping[CurveKey, Sequence[Point]]) -> str:
    run_ids = [run_id for points in curves.values() for point in points for run_id in point.run_ids.values()]
    sql = "SELECT count(*), sum(seconds) FROM runs WHERE list_contains($run_ids, run_id)"
    ((n_runs, seconds),) = fetch(path, sql, {"run_ids": run_ids})
    return f"It took {seconds or 0:.0f} s of computing for {n_runs} runs, once features were there."

"""Label savings with their intervals, which the views `label_savings` and `curve_pairs` cannot have."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from leaderboards.statistics.curves import label_saving, median_saving
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.influences import read_all_test_samples
from leaderboards.statistics.reading import CurveKey, Point, distinct_points, read_points

INTERVAL = ("saving_low", "saving_high")

Row = Sequence[Any]
CurvePair = tuple[str, str]
"""curve_id and rival_curve_id."""


def read_savings(path: Path) -> dict[CurvePair, Estimate]:
    """What each measured curve saves over each other one of the same dataset and protocol.

    Raises:
        UserError: as `reading.read_points`.
    """
    alike: defaultdict[tuple[object, ...], dict[CurveKey, list[Point]]] = defaultdict(dict)
    by_metric: defaultdict[str, list[Point]] = defaultdict(list)
    for key, points in read_points(path).items():
        if len(distinct := distinct_points(points)) > 1:
            alike[_shared(key)][key] = distinct
            by_metric[key.metric] += distinct
    tested = read_all_test_samples(path, by_metric)
    return {
        (a.curve_id, b.curve_id): label_saving(
            curves[a],
            curves[b],
            tested.of([*curves[a], *curves[b]]),
            higher_is_better=a.higher_is_better,
            draws_shared=a.train_draw == "seed",
        ).saving
        for curves in alike.values()
        for a, b in permutations(curves, 2)
    }


def _shared(key: CurveKey) -> tuple[object, ...]:
    return (
        *(key.suite, key.dataset, key.protocol, key.selection, key.train_draw, key.axis),
        *(key.metric, key.higher_is_better),
    )


def with_intervals(
    names: Sequence[str], rows: Sequence[Row], savings: Mapping[CurvePair, Estimate]
) -> tuple[list[str], list[Row]]:
    """Rows of the view `label_savings` with the interval of each, None where noise is not known."""
    here, there = names.index("curve_id"), names.index("rival_curve_id")
    return [*names, *INTERVAL], [(*row, *savings[row[here], row[there]][1:]) for row in rows]


def typical_savings(
    names: Sequence[str], rows: Sequence[Row], savings: Mapping[CurvePair, Estimate]
) -> tuple[list[str], list[Row]]:
    """The median saving over datasets, with its interval, for rows that end with their pairs of curves.

    Args:
        names: columns; the last is `pairs`, a list of (curve_id, rival_curve_id) for each row.
    """
    added = ("label_saving", *INTERVAL)
    return [*names[:-1], *added], [(*row[:-1], *median_saving([savings[pair] for pair in row[-1]])) for row in rows]

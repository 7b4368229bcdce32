"""95 % intervals of label savings, from the noise of seeds: what the view `label_savings` cannot draw."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from leaderboards.statistics.curves import SeededCurve, estimate_label_saving
from leaderboards.statistics.reading import CurveKey, Point, distinct_points, seeded_curve
from leaderboards.statistics.replicates import draw_seed_noise, replicate_means

PAIR = (
    "suite", "dataset", "protocol", "selection", "train_draw", "axis", "metric", "backbone", "weights", "setup",
    "rival", "rival_weights", "rival_setup",
)  # fmt: skip
"""Columns of the view that tell its rows apart."""
INTERVAL = ("saving_low", "saving_high")
N_REPLICATES = 1_000
SEED = 0

Row = Sequence[Any]


def with_saving_intervals(
    names: Sequence[str], rows: Sequence[Row], curves: Mapping[CurveKey, list[Point]]
) -> tuple[list[str], list[Row]]:
    """Add the interval of `label_saving` to the rows of the view.

    Both ends are None if a point of either curve has a single seed. Only the lower is None if the interval has no lower
    end, as the backbone may never reach the rival's score.

    Args:
        names: columns of the view, all of `PAIR` among them.
        rows: its measured rows.
        curves: the same curves with their seeds (`reading.read_points`).
    """
    groups: dict[Row, dict[Row, list[Point]]] = defaultdict(dict)
    for key, points in curves.items():
        distinct = distinct_points(points)
        if len(distinct) > 1:
            shared = (key.suite, key.dataset, key.protocol, key.selection, key.train_draw, key.axis, key.metric)
            groups[shared][key.backbone, key.weights or None, key.setup] = distinct
    found = {(*shared, *pair): ends for shared, members in groups.items() for pair, ends in _intervals(members)}
    positions = [names.index(name) for name in PAIR]
    return [*names, *INTERVAL], [(*row, *found.get(tuple(row[i] for i in positions), (None, None))) for row in rows]


def _intervals(members: Mapping[Row, list[Point]]) -> Iterator[tuple[Row, tuple[float | None, float | None]]]:
    """Of every ordered pair of curves; a seed is the same draw of training samples for all of them."""
    seeds = sorted({seed for points in members.values() for point in points for seed in point.scores})
    noise = draw_seed_noise(len(seeds), N_REPLICATES, np.random.default_rng(SEED))
    known: dict[Row, tuple[SeededCurve, np.ndarray]] = {}
    for who, points in members.items():
        if min(len(point.scores) for point in points) > 1:
            curve = seeded_curve(str(who[0]), points, seeds)
            known[who] = curve, replicate_means(curve.values, noise)
    for who, (curve, replicates) in known.items():
        for rival, (rival_curve, rival_replicates) in known.items():
            if who != rival:
                saving = estimate_label_saving(curve, rival_curve, replicates, rival_replicates).saving
                yield (*who, *rival), (saving.ci_low, saving.ci_high)

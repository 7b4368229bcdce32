"""95 % intervals of label savings, from the noise of seeds: what the view `label_savings` cannot draw."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leaderboards.statistics.curves import LabelSaving
from leaderboards.statistics.reading import CurveKey, Point, distinct_points, score_matrix
from leaderboards.statistics.replicates import N_REPLICATES, draw_seed_noise, replicate_means

INTERVAL = ("saving_low", "saving_high")
SEED = 0

Row = Sequence[Any]


def with_saving_intervals(
    names: Sequence[str],
    rows: Sequence[Row],
    curves: Mapping[CurveKey, list[Point]],
    savings: Mapping[tuple[CurveKey, CurveKey], LabelSaving],
) -> tuple[list[str], list[Row]]:
    """Add the interval of `label_saving` to the rows of the view `label_savings`.

    Both ends are None if a point of either curve has a single seed. Only the lower is None if the interval has no lower
    end, as the backbone may never reach the rival's score.

    Args:
        names: columns of the view, `curve_id` and `rival_curve_id` among them.
        rows: its measured rows.
        curves: the same curves with their seeds (`reading.read_points`).
        savings: the rows again, by their curves (`reading.read_label_savings`); pairs of two protocols are passed over.
    """
    replicates = _Replicates(curves)
    found = {
        (a.curve_id, b.curve_id): replicates.interval(a, b, saving)
        for (a, b), saving in savings.items()
        if a.protocol == b.protocol
    }
    here, there = names.index("curve_id"), names.index("rival_curve_id")
    return [*names, *INTERVAL], [(*row, *found.get((row[here], row[there]), (None, None))) for row in rows]


class _Replicates:
    """Replicates of every curve, drawn together where a seed draws the same training samples for all."""

    def __init__(self, curves: Mapping[CurveKey, list[Point]]) -> None:
        self._points = {curve: distinct_points(points) for curve, points in curves.items()}
        self._seeds = sorted({seed for points in curves.values() for point in points for seed in point.scores})
        self._generator = np.random.default_rng(SEED)
        self._shared = draw_seed_noise(len(self._seeds), N_REPLICATES, self._generator)
        self._drawn: dict[CurveKey, np.ndarray | None] = {}

    def interval(self, a: CurveKey, b: CurveKey, saving: LabelSaving) -> tuple[float | None, float | None]:
        """The interval of what A saves against B; (None, None) if it is not known."""
        of_a, of_b = self._of(a), self._of(b)
        if of_a is None or of_b is None:
            return None, None
        n_labels = np.array([point.n_labels for point in self._points[a]])
        sign = 1.0 if a.higher_is_better else -1.0
        return saving.with_interval_of(n_labels, sign * of_a, sign * of_b[:, -1]).saving[1:]

    def _of(self, curve: CurveKey) -> np.ndarray | None:
        """(B, P), or None if some point has a single seed."""
        if curve not in self._drawn:
            points, own = self._points[curve], self._shared
            if curve.train_draw != "seed":
                own = draw_seed_noise(len(self._seeds), N_REPLICATES, self._generator)
            known = min(len(point.scores) for point in points) > 1
            self._drawn[curve] = replicate_means(score_matrix(points, self._seeds), own) if known else None
        return self._drawn[curve]

"""Label-efficiency curves as a leaderboard has them, grouped into the panels of a picture."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from leaderboards.looks import read_looks
from leaderboards.simulated import mark
from leaderboards.statistics.reading import fetch


@dataclass(frozen=True)
class Point:
    """One number of labels."""

    n_labels: int
    """All that were used, to fit and to choose."""
    value: float
    low: float | None
    """95 % interval; None: unknown."""
    high: float | None
    of_seeds: tuple[float, ...]
    """The scores whose mean `value` is."""


@dataclass(frozen=True)
class Curve:
    """One backbone on one panel."""

    name: str
    """The backbone, with what tells its curves on this panel apart."""
    look: int
    """Of the backbone with its weights (`leaderboards.looks`)."""
    variant: int
    """Counts the curves of one look on a panel."""
    points: tuple[Point, ...]
    """By number of labels, each once."""


@dataclass(frozen=True)
class Panel:
    """Curves that can be compared: one dataset, one protocol, one way to choose and to draw."""

    title: str
    protocol: str
    metric: str
    """And which way it points, where lower is better."""
    curves: tuple[Curve, ...]

    @property
    def is_curve(self) -> bool:
        """Whether some backbone has more than one point."""
        return any(len(curve.points) > 1 for curve in self.curves)


@dataclass(frozen=True)
class _CurveKey:
    """What tells curves of one panel apart."""

    backbone: str
    weights: str | None
    axis: str
    setup: str


_ROWS = """
    WITH seeds AS (
        SELECT curve_id, partition, samples, list(value ORDER BY seed) AS of_seeds
        FROM scores WHERE value IS NOT NULL
            AND ($runs IS NULL OR (suite, dataset, protocol, partition, setup) IN (
                SELECT (suite, dataset, protocol, partition, setup) FROM scores WHERE list_contains($runs, run_id)))
        GROUP BY ALL
    )
    SELECT
        suite, dataset, protocol, coalesce(selection, '') AS selection, coalesce(train_draw, '') AS train_draw,
        metric || if(higher_is_better, '', ' (lower is better)') AS metric,
        backbone, weights, axis, setup, n_labels,
        arg_max(value, n_seeds), arg_max(ci_low, n_seeds), arg_max(ci_high, n_seeds), arg_max(of_seeds, n_seeds)
    FROM label_efficiency JOIN seeds USING (curve_id, partition, samples)
    WHERE source = 'measured' AND value IS NOT NULL AND n_labels > 0
        AND (len($datasets) = 0 OR list_contains($datasets, dataset))
        AND (len($backbones) = 0 OR list_contains($backbones, backbone))
        AND (len($protocols) = 0 OR list_contains($protocols, protocol))
    GROUP BY ALL
    ORDER BY ALL
"""
"""Of points with equally many labels (default and 1.00x_train) the one with more seeds."""


def read_panels(
    db: Path,
    *,
    datasets: Collection[str] = (),
    backbones: Collection[str] = (),
    protocols: Collection[str] = (),
    run_ids: Collection[str] | None = None,
) -> list[Panel]:
    """Every curve of the leaderboard, or those of the datasets, backbones, protocols or runs named.

    Raises:
        UserError: no leaderboard there, or no curve of that description in it.
    """
    wanted = {"datasets": list(datasets), "backbones": list(backbones), "protocols": list(protocols)}
    panels: dict[tuple[str, ...], dict[_CurveKey, list[Point]]] = {}
    parameters = {**wanted, "runs": None if run_ids is None else list(run_ids)}
    for *panel, backbone, weights, axis, setup, n_labels, value, low, high, of_seeds in fetch(db, _ROWS, parameters):
        key = _CurveKey(backbone, weights, axis, setup)
        point = Point(n_labels, value, low, high, tuple(of_seeds))
        panels.setdefault(tuple(panel), {}).setdefault(key, []).append(point)
    if not panels:
        asked = "; ".join(f"{what} {', '.join(names)}" for what, names in wanted.items() if names) or "measured runs"
        raise UserError(f"{db}: no curve to draw for {asked}. See what is there: python -m harness leaderboard")
    looks = read_looks(db)
    return [_panel(key, curves, panels, looks) for key, curves in panels.items()]


def _panel(
    key: tuple[str, ...],
    curves: dict[_CurveKey, list[Point]],
    panels: Collection[tuple[str, ...]],
    looks: dict[tuple[str, str | None], int],
) -> Panel:
    suite, dataset, protocol, selection, train_draw, metric = key
    title = f"{dataset}, {protocol}"
    if len({other[3:5] for other in panels if other[:3] == key[:3]}) > 1:
        title += f" (chosen by {selection}, drawn by {train_draw})"
    drawn: list[Curve] = []
    for one, points in sorted(curves.items(), key=lambda item: _order(item[0])):
        look = looks[one.backbone, one.weights]
        variant = sum(other.look == look for other in drawn)
        drawn.append(Curve(_name(one, curves), look, variant, tuple(points)))
    return Panel(title=title + mark(suite), protocol=protocol, metric=metric, curves=tuple(drawn))


def _order(key: _CurveKey) -> tuple[str, str, bool, str]:
    """Shots before images drawn at random: the solid line is that of shots."""
    return key.backbone, key.weights or "", key.axis == "images", key.setup


def _name(key: _CurveKey, panel: Collection[_CurveKey]) -> str:
    mine = [other for other in panel if other.backbone == key.backbone]
    of_weights = f"@{key.weights}" if key.weights and len({other.weights for other in mine}) > 1 else ""
    words = [key.backbone + of_weights]
    if len({(other.weights, other.setup) for other in mine}) > len({other.weights for other in mine}):
        words.append(key.setup)
    if len({other.axis for other in panel}) > 1:
        words.append(f"by {key.axis}")
    return " ".join(words)

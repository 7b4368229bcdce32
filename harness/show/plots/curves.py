"""Label-efficiency curves as a leaderboard has them, grouped into the panels of a picture."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
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


@dataclass(frozen=True)
class Curve:
    """One backbone on one panel."""

    name: str
    """The backbone, with its weights or setup where the panel has several of them."""
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


_ROWS = """
    SELECT
        suite, dataset, protocol, coalesce(selection, '') AS selection, coalesce(train_draw, '') AS train_draw,
        metric || if(higher_is_better, '', ' (lower is better)') AS metric,
        axis, backbone, coalesce(weights, '') AS weights, setup, n_labels,
        arg_max(value, n_seeds), arg_max(ci_low, n_seeds), arg_max(ci_high, n_seeds)
    FROM label_efficiency
    WHERE source = 'measured' AND value IS NOT NULL AND n_labels > 0
        AND (len($datasets) = 0 OR list_contains($datasets, dataset))
        AND (len($backbones) = 0 OR list_contains($backbones, backbone))
        AND (len($protocols) = 0 OR list_contains($protocols, protocol))
        AND ($runs IS NULL OR (suite, dataset, protocol, partition, setup) IN (
            SELECT (suite, dataset, protocol, partition, setup) FROM scores WHERE list_contains($runs, run_id)))
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
    panels: dict[tuple[str, ...], dict[tuple[str, ...], list[Point]]] = {}
    parameters = {**wanted, "runs": None if run_ids is None else list(run_ids)}
    for *key, n_labels, value, low, high in fetch(db, _ROWS, parameters):
        curves = panels.setdefault(tuple(key[:7]), {})
        curves.setdefault(tuple(key[7:]), []).append(Point(n_labels, value, low, high))
    if not panels:
        asked = "; ".join(f"{what} {', '.join(names)}" for what, names in wanted.items() if names) or "measured runs"
        raise UserError(f"{db}: no curve to draw for {asked}. See what is there: python -m harness leaderboard")
    return [_panel(key, curves, panels) for key, curves in panels.items()]


def _panel(
    key: tuple[str, ...],
    curves: dict[tuple[str, ...], list[Point]],
    panels: Collection[tuple[str, ...]],
) -> Panel:
    suite, dataset, protocol, selection, train_draw, metric, axis = key
    title = f"{dataset}, {protocol}"
    if len({other[3:5] for other in panels if other[:3] == key[:3]}) > 1:
        title += f" (chosen by {selection}, drawn by {train_draw})"
    if axis != "partition":
        title += f", by {axis}"
    title += mark(suite)
    names = [name for name, _, _ in curves]
    return Panel(
        title=title,
        protocol=protocol,
        metric=metric,
        curves=tuple(
            Curve(name if names.count(name) == 1 else " ".join(filter(None, (name, weights, setup))), tuple(points))
            for (name, weights, setup), points in curves.items()
        ),
    )

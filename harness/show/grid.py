"""A grid of runs as tables: one for each protocol, backbones below each other, numbers of labels side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from harness.show.visible_text import plain
from leaderboards.simulated import SIMULATED
from leaderboards.statistics.reading import fetch

_POINTS = """
    SELECT e.protocol, e.suite, e.dataset, e.backbone, coalesce(e.weights, ''), e.metric, e.higher_is_better,
        e.partition, e.n_labels_fit, e.value, e.ci_low, e.ci_high, e.n_seeds
    FROM label_efficiency AS e SEMI JOIN (SELECT * FROM scores WHERE list_contains($runs, run_id)) AS s
        ON e.suite = s.suite AND e.dataset = s.dataset AND e.backbone = s.backbone AND e.protocol = s.protocol
        AND e.partition = s.partition AND e.setup = s.setup AND e.weights IS NOT DISTINCT FROM s.weights
        AND e.selection IS NOT DISTINCT FROM s.selection AND e.train_draw IS NOT DISTINCT FROM s.train_draw
    ORDER BY e.protocol, e.suite, e.dataset, e.n_labels_fit, e.partition, e.backbone, e.weights
"""


@dataclass(frozen=True)
class _Point:
    protocol: str
    suite: str
    dataset: str
    backbone: str
    weights: str
    metric: str
    higher_is_better: bool
    partition: str
    n_labels_fit: int
    value: float | None
    low: float | None
    high: float | None
    n_seeds: int

    @property
    def row(self) -> tuple[str, ...]:
        metric = self.metric if self.higher_is_better else f"{self.metric} (lower is better)"
        return (self.dataset, metric, self.backbone, self.weights)


def grid_tables(db: Path, run_ids: Sequence[str]) -> Iterator[Table]:
    """The points of label-efficiency curves that runs belong to, means over their seeds."""
    points = [_Point(*row) for row in fetch(db, _POINTS, {"runs": list(run_ids)})]
    for protocol in dict.fromkeys(point.protocol for point in points):
        yield _table(protocol, [point for point in points if point.protocol == protocol])


def _table(protocol: str, points: Sequence[_Point]) -> Table:
    partitions = {point.partition: point.n_labels_fit for point in points}  # of equals the larger dataset's number
    columns = sorted(partitions, key=lambda name: (partitions[name], name))
    several_weights = len({p.row for p in points}) > len({p.row[:-1] for p in points})
    simulated = " (simulated)" if all(point.suite in SIMULATED for point in points) else ""
    seeds = " or ".join(map(str, sorted({point.n_seeds for point in points})))
    title = f"{plain(protocol)}{simulated}: test split, mean over {seeds} seeds ± half of the 95 % interval"
    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("dataset", "metric", "backbone", *(["weights"] if several_weights else [])):
        table.add_column(name, overflow="fold")
    for name in columns:
        table.add_column(plain(name.removesuffix("_train")), justify="right", no_wrap=True)
    cells = {(point.row, point.partition): _cell(point) for point in points}
    for row in dict.fromkeys(sorted((point.row for point in points), key=lambda row: row[0])):
        shown = row if several_weights else row[:-1]
        table.add_row(*map(plain, shown), *(cells.get((row, name), "") for name in columns))
    return table


def _cell(point: _Point) -> str:
    if point.value is None:
        return "undefined"
    form = ".3f" if point.higher_is_better else ".4g"  # an error has the unit of the labels, and any size
    if point.low is None or point.high is None:
        return format(point.value, form)
    return f"{point.value:{form}} ±{(point.high - point.low) / 2:{form}}".replace("±0.", "±.")

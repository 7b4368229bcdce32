"""What came of a campaign by one protocol, on one screen: scores with few and with all labels, and who is better."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from rich.text import Text

from harness.show.quantities import describe_score
from harness.show.tables import FittedTable
from harness.show.visible_text import plain
from leaderboards.file.connection import WAIT_SECONDS
from leaderboards.file.reader import one_look
from leaderboards.simulated import SIMULATED
from leaderboards.statistics.comparison import Comparison, compare
from leaderboards.statistics.mean_difference import mean_differences
from leaderboards.statistics.reading import fetch
from leaderboards.words import mean_in_words
from leaderboards.words import verdict as in_words

WIDTH = 80
HEAD, MOST_NOTES = 2, 2
"""Lines above a table's rows, and of what is to be known below it."""
BEST = "*"
AXES = ("partition", "shots", "images")
_GAP = 2
"""Between two columns."""
# Of points with equally many labels (default and 1.00x_train) the one with more seeds.
_POINTS = """
    SELECT suite, dataset, backbone, coalesce(weights, ''), metric, higher_is_better, curve_id, axis, n_labels,
        arg_max(value, n_seeds), arg_max(ci_low, n_seeds), arg_max(ci_high, n_seeds), max(n_seeds)
    FROM label_efficiency SEMI JOIN (
        SELECT curve_id, partition, samples FROM scores WHERE protocol = $protocol AND list_contains($runs, run_id)
    ) USING (curve_id, partition, samples)
    WHERE value IS NOT NULL
    GROUP BY ALL ORDER BY dataset, n_labels
"""


class _Point(NamedTuple):
    suite: str
    dataset: str
    backbone: str
    weights: str
    metric: str
    higher_is_better: bool
    curve_id: str
    axis: str
    """Of the view `scores`: what the points of a curve differ in."""
    n_labels: int
    value: float
    low: float | None
    high: float | None
    n_seeds: int


class _Dataset(NamedTuple):
    suite: str
    name: str


_Curves = Mapping[_Dataset, Mapping[str, Sequence[_Point]]]
"""Dataset -> backbone, with its weights where there are several -> points by number of labels."""


def verdict(
    db: Path, run_ids: Sequence[str], protocol: str, backbones: Sequence[str], first: str | None, room: int
) -> list[FittedTable | Text]:
    """The points that runs by the protocol belong to, means over their seeds; nothing where none has a score.

    Args:
        backbones: in the order in which they are shown.
        first: of them, to be compared with the others; None: the best.
        room: lines of a terminal.
    Raises:
        UserError: no leaderboard there, or locked.
    """
    with one_look(db, WAIT_SECONDS):
        curves, other_axes = _read_curves(db, run_ids, protocol)
        if not curves:
            return []
        backbone_of = {name: points[0].backbone for row in curves.values() for name, points in row.items()}
        place = {name: number for number, name in enumerate(backbones)}
        order = sorted(backbone_of, key=lambda name: place.get(backbone_of[name], len(place)))
        by_rank = sorted(order, key=lambda name: _mean_rank(curves, name))
        compared = _compare(db, curves, next((name for name in order if backbone_of[name] == first), by_rank[0]))
        best = _surely_best(db, curves, compared)
    title = _filled(_title(curves, protocol))
    most_rows = max(1, room - _height(title) - HEAD - MOST_NOTES)
    table, left_out = _table(curves, order if len(order) <= most_rows else by_rank, best, most_rows)
    notes = [_metrics(curves), *([f"{BEST} best, told apart from all others"] if best else [])]
    notes += [f"by {axis}: see `python -m harness leaderboard`" for axis in other_axes] + left_out
    shown: list[FittedTable | Text] = [title, table, _filled("; ".join(notes), style="dim")]
    for sentence in map(_filled, _sentences(compared)):
        if sum(map(_height, [*shown, sentence])) > room:
            break
        shown.append(sentence)
    return shown


def _height(shown: FittedTable | Text) -> int:
    return HEAD + len(shown.rows) if isinstance(shown, FittedTable) else shown.plain.count("\n") + 1


def _mean_rank(curves: _Curves, name: str) -> float:
    """Mean over its datasets of the rank by their last points; 0 is best."""
    ranks = [
        sum(_gain(other[-1]) > _gain(row[name][-1]) for other in row.values()) for row in curves.values() if name in row
    ]
    return fmean(ranks)


def _read_curves(db: Path, run_ids: Sequence[str], protocol: str) -> tuple[_Curves, list[str]]:
    """The curves over one kind of label budget, and the other kinds there are: ten shots are no ten images."""
    found = [_Point(*row) for row in fetch(db, _POINTS, {"runs": list(run_ids), "protocol": protocol})]
    axis, *others = sorted({point.axis for point in found}, key=AXES.index) or [""]
    points = [point for point in found if point.axis == axis]
    weights: dict[str, set[str]] = {}
    for point in points:
        weights.setdefault(point.backbone, set()).add(point.weights)
    curves: dict[_Dataset, dict[str, list[_Point]]] = {}
    for point in points:
        name = point.backbone if len(weights[point.backbone]) == 1 else f"{point.backbone}@{point.weights}"
        curves.setdefault(_Dataset(point.suite, point.dataset), {}).setdefault(name, []).append(point)
    return curves, others


def _compare(db: Path, curves: _Curves, a: str) -> list[Comparison]:
    """A against the others, on every dataset that it shares with one of them."""
    shared = [row for row in curves.values() if a in row]
    others = list(dict.fromkeys(name for row in shared for name in row if name != a))
    ids = [points[0].curve_id for row in shared for points in row.values()]
    return compare(db, a, *others, only=ids) if others else []


def _surely_best(db: Path, curves: _Curves, against_first: Sequence[Comparison]) -> dict[_Dataset, str]:
    """Dataset -> the backbone whose last point is best and told apart from all others."""
    leaders: dict[str, list[_Dataset]] = {}
    for dataset, row in curves.items():
        if len(row) > 1:
            leaders.setdefault(max(row, key=lambda name: _gain(row[name][-1])), []).append(dataset)
    known = {comparison.names[0] for comparison in against_first}
    best = {}
    for leader, datasets in leaders.items():
        led = {dataset: curves[dataset] for dataset in datasets}
        rows = against_first if leader in known else _compare(db, led, leader)
        for dataset in datasets:
            won = [row.sure and (row.difference.value or 0) > 0 for row in rows if (row.suite, row.dataset) == dataset]
            if all(won) and len(won) == len(curves[dataset]) - 1:
                best[dataset] = leader
    return best


def _names(curves: _Curves) -> dict[_Dataset, str]:
    """What datasets are called: their suite is said where two have one of that name."""
    n_suites = Counter(dataset.name for dataset in curves)
    return {one: one.name if n_suites[one.name] == 1 else f"{one.suite}/{one.name}" for one in curves}


def _gain(point: _Point) -> float:
    return point.value if point.higher_is_better else -point.value


def _title(curves: _Curves, protocol: str) -> str:
    points = [point for row in curves.values() for of_curve in row.values() for point in of_curve]
    simulated = " (simulated)" if all(point.suite in SIMULATED for point in points) else ""
    most = max(point.n_seeds for point in points)
    fewer = {p.backbone: p.n_seeds for p in points if p.n_seeds < most}
    seeds = "one seed" if most == 1 else f"mean of {most} seeds"
    seeds += f" ({', '.join(f'{name}: {n}' for name, n in fewer.items())})" if fewer else ""
    ranges = dict.fromkeys((curve[0].n_labels, curve[-1].n_labels) for row in curves.values() for curve in row.values())
    labels = " or ".join(f"{first:,} to {last:,}" if first < last else f"{last:,}" for first, last in ranges)
    return f"{protocol}{simulated}: test split, {seeds}, {labels} labels"


def _metrics(curves: _Curves) -> str:
    """Metrics, and the datasets of each."""
    names = _names(curves)
    of_dataset = {names[dataset]: next(iter(row.values()))[0] for dataset, row in curves.items()}
    named = sorted((p.metric + ("" if p.higher_is_better else ", lower is better"), d) for d, p in of_dataset.items())
    groups = {metric: [dataset for _, dataset in of_metric] for metric, of_metric in groupby(named, lambda one: one[0])}
    if len(groups) == 1:
        return next(iter(groups))
    return ", ".join(f"{metric} of {' '.join(datasets)}" for metric, datasets in groups.items())


def _table(
    curves: _Curves, order: Sequence[str], best: Mapping[_Dataset, str], most_rows: int
) -> tuple[FittedTable, list[str]]:
    """Datasets below each other or beside each other, whichever fits; and what is left out where neither does."""
    names = _names(curves)
    cells = {
        (names[dataset], name): _cell(points) + (BEST if best.get(dataset) == name else "")
        for dataset, row in curves.items()
        for name, points in row.items()
    }
    rows, columns = list(names.values()), list(order)
    if _width(rows, columns, cells.values()) > WIDTH or len(rows) > most_rows:
        rows, columns = columns, rows
    n_columns = len(columns)
    while n_columns > 1 and _width(rows, columns[:n_columns], cells.values()) > WIDTH:
        n_columns -= 1
    table = FittedTable()
    table.add_column("")
    for column in columns[:n_columns]:
        table.add_column(plain(column))
    for row in rows[:most_rows]:
        beside = (cells.get((row, column), cells.get((column, row), "")) for column in columns[:n_columns])
        table.add_row(plain(row), *beside)
    hidden = [*rows[most_rows:], *columns[n_columns:]]
    return table, [f"not shown: {len(hidden)} more, see `python -m harness leaderboard`"] if hidden else []


def _width(rows: Iterable[str], columns: Iterable[str], cells: Iterable[str]) -> int:
    widest = max(map(len, cells))
    return max(map(len, rows)) + sum(_GAP + max(widest, len(column)) for column in columns)


def _cell(points: Sequence[_Point]) -> str:
    first, last = points[0], points[-1]
    better = last.higher_is_better
    if first is not last:
        return " → ".join(describe_score(p.value, higher_is_better=better, digits=2) for p in (first, last))
    score = describe_score(last.value, higher_is_better=better)
    if last.low is None or last.high is None:
        return score
    return f"{score} ±{describe_score((last.high - last.low) / 2, higher_is_better=better)}"


def _sentences(comparisons: Sequence[Comparison]) -> list[str]:
    """A against each other one, the closest first: who is better, and the mean."""
    means = {mean.names: mean for mean in mean_differences(comparisons)}
    told: list[tuple[float, list[str]]] = []
    for names in dict.fromkeys(comparison.names for comparison in comparisons):
        rows, mean = [row for row in comparisons if row.names == names], means.get(names)
        gain = mean.difference.value if mean else rows[0].difference.value
        told.append((abs(gain or 0.0), [in_words(rows), *([mean_in_words(mean)] if mean else [])]))
    return [sentence for _, sentences in sorted(told) for sentence in sentences]


def _filled(text: str, style: str = "") -> Text:
    """In lines of the screen; names stay whole."""
    wrapped = textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    return Text(wrapped, style=style)

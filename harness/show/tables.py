"""Rows of a leaderboard as tables for the terminal."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.show.visible_text import plain
from leaderboards.alarm import Alarm
from leaderboards.query import Table as LeaderboardTable

RESULT_COLUMNS = (
    "suite", "dataset", "protocol", "partition", "n_labels_fit", "backbone", "weights", "seed", "metric", "source",
    "bands", "value", "ci_low", "ci_high", "higher_is_better", "run_id",
)  # fmt: skip
_SCORED = ("value", "ci_low", "ci_high", "higher_is_better")
"""Columns of results that are shown as one."""
_NOT_SHOWN = (*_SCORED, "run_id")
"""Columns of results without one of their own: run_id finds the alarm of a row."""
_MOST_ALARMS = 8
"""Told in full."""
COMMON = ("bands", "suite", "dataset", "partition", "seed", "metric", "source")
"""Columns of results that need not be repeated in every row if they say the same."""
HEADINGS = {"n_labels_fit": "labels"}


def bare_table() -> Table:
    """A table in the style of all."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def captioned(table: Table, caption: str) -> Group:
    """Below the table rather than rich's own caption, which folds at the table's width."""
    return Group(table, Text(caption, style="dim"))


def rows_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Any rows; numbers to the right, NULL empty."""
    table = bare_table()
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(plain(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def results_table(results: LeaderboardTable, alarms: Mapping[str, Alarm]) -> Group:
    """Headline scores with their 95 % intervals in one column; what is the same in all rows moves to the caption.

    Args:
        results: the columns RESULT_COLUMNS of the view `leaderboard`.
        alarms: by run_id; they mark the score.
    """
    rows = [dict(zip(results.columns, row, strict=True)) for row in results.rows]
    for row in rows:
        row["metric"] += "" if row["higher_is_better"] else " (lower is better)"
    values = {column: {row[column] for row in rows} for column in RESULT_COLUMNS if column not in _NOT_SHOWN}
    several_weights = len({(r["backbone"], r["seed"], r["weights"]) for r in rows}) > len(
        {(r["backbone"], r["seed"]) for r in rows}
    )
    shown = [
        column
        for column in values
        if (column not in COMMON or len(values[column]) > 1) and (column != "weights" or several_weights)
    ]
    common = [f"{c} {value}" for c in COMMON if len(values[c]) == 1 and (value := values[c].pop()) is not None]
    table = bare_table()
    for column in shown:
        numeric = column in ("n_labels_fit", "seed")
        table.add_column(HEADINGS.get(column, column), justify="right" if numeric else "left", overflow="fold")
    table.add_column("value", no_wrap=True)
    for row in rows:
        score = plain(_score(*(row[column] for column in _SCORED)))
        alarm = alarms.get(row["run_id"])
        table.add_row(*(_cell(row[column]) for column in shown), f"{score} {alarm.mark}" if alarm else score)
    return captioned(table, "test split, 95 % intervals; " + ", ".join(common))


_ALL_ALARMS = "SELECT backbone, dataset, protocol, partition, value, difference FROM below_floor ORDER BY ALL"


def alarm_lines(alarms: Mapping[str, Alarm]) -> list[str]:
    """A line for each point below its floor, ours before published ones, and how to see the rest if there are many."""
    points = sorted({alarm.run_ids[0]: alarm for alarm in alarms.values()}.values(), key=lambda one: one.source)
    lines = [alarm.describe() for alarm in points[:_MOST_ALARMS]]
    if len(points) > len(lines):
        lines.append(f'{len(points) - len(lines)} more are below: python -m harness sql "{_ALL_ALARMS}"')
    return lines


def _score(value: float | None, low: float | None, high: float | None, higher_is_better: bool) -> str:
    if value is None:
        return "undefined"
    form = ".3f" if higher_is_better else ".4g"  # an error has the unit of the labels, and any size
    return f"{value:{form}}" if low is None else f"{value:{form}} [{low:{form}}, {high:{form}}]"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return plain(str(value))
    return f"{value:.4g}" if 0 < abs(value) < _SMALL else f"{value:.4f}"


_SMALL = 0.001
"""Below it four digits after the point say little or nothing."""

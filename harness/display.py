"""What the terminal shows: progress on stderr, tables on stdout. Plain when piped."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from harness.plan import Line, State
from leaderboards.query import Table as LeaderboardTable

RESULT_COLUMNS = (
    "suite", "dataset", "protocol", "partition", "n_labels_fit", "backbone", "weights", "seed", "metric", "source",
    "value", "ci_low", "ci_high",
)  # fmt: skip
COMMON = ("suite", "dataset", "partition", "seed", "metric", "source")
"""Columns of results that need not be repeated in every row if they say the same."""
HEADINGS = {"n_labels_fit": "labels"}

STATE_STYLE = {
    State.NEW: "green",
    State.DONE: "dim",
    State.UNKNOWN: "yellow",
    State.SKIPPED: "yellow",
    State.FAILED: "red",
}


class RichStep:
    """One bar of a rich display."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, units: int = 1) -> None:
        self._progress.advance(self._task, units)


class RichProgress:
    """Bars with counts, elapsed time and time left (`harness.progress.Progress`). Use as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> "RichProgress":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, description: str, total: int) -> Iterator[RichStep]:
        task = self._progress.add_task(description, total=total)
        try:
            yield RichStep(self._progress, task)
        finally:
            self._progress.remove_task(task)

    def notice(self, message: str) -> None:
        self._console.print(f"note: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def plan_table(lines: Sequence[Line]) -> Group:
    """One row per run and its state; `reasons` tells of those that were skipped."""
    counts = Counter(line.state for line in lines)
    table = _table()
    for column in ("dataset", "backbone", "protocol", "partition", "seed", "state"):
        table.add_column(column, overflow="fold")
    for line in lines:
        if line.state is not State.SKIPPED:
            cell = line.cell
            described = (cell.dataset.name, cell.backbone, cell.protocol, cell.partition, str(cell.seed))
            table.add_row(*map(escape, described), f"[{STATE_STYLE[line.state]}]{line.state}[/]")
    return _captioned(table, ", ".join(f"{counts[state]} {state}" for state in State if counts[state]))


def reasons(lines: Sequence[Line], state: State) -> list[str]:
    """Why lines of a state did not run, each reason once with how many runs it stopped."""
    counts = Counter((line.cell.dataset.name, line.cell.backbone, line.reason) for line in lines if line.state is state)
    return [
        f"{state}: {dataset}, {backbone}: {reason}" + (f" ({count} runs)" if count > 1 else "")
        for (dataset, backbone, reason), count in counts.items()
    ]


def rows_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Any rows; numbers to the right, NULL empty."""
    table = _table()
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def results_table(results: LeaderboardTable) -> Group:
    """Headline scores with their 95 % intervals in one column; what is the same in all rows moves to the caption.

    Args:
        results: the columns RESULT_COLUMNS of the view `leaderboard`.
    """
    rows = [dict(zip(results.columns, row, strict=True)) for row in results.rows]
    values = {column: {row[column] for row in rows} for column in RESULT_COLUMNS[:-3]}
    several_weights = len({(r["backbone"], r["seed"], r["weights"]) for r in rows}) > len(
        {(r["backbone"], r["seed"]) for r in rows}
    )
    shown = [
        column
        for column in values
        if (column not in COMMON or len(values[column]) > 1) and (column != "weights" or several_weights)
    ]
    common = [f"{column} {values[column].pop()}" for column in COMMON if len(values[column]) == 1]
    table = _table()
    for column in shown:
        numeric = column in ("n_labels_fit", "seed")
        table.add_column(HEADINGS.get(column, column), justify="right" if numeric else "left", overflow="fold")
    table.add_column("value", no_wrap=True)
    for row in rows:
        score = escape(_score(row["value"], row["ci_low"], row["ci_high"]))
        table.add_row(*(_cell(row[column]) for column in shown), score)
    return _captioned(table, "test split, 95 % intervals; " + ", ".join(common))


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _captioned(table: Table, caption: str) -> Group:
    """Below the table rather than rich's own caption, which folds at the table's width."""
    return Group(table, Text(caption, style="dim"))


def _score(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))

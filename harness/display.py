"""What the terminal shows: progress on stderr, tables on stdout. Plain when piped."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
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

from harness.plan import Line, State
from leaderboards.query import Table as LeaderboardTable

RESULT_COLUMNS = (
    "dataset", "backbone", "protocol", "partition", "seed", "n_labels_fit", "metric", "value", "ci_low", "ci_high",
)  # fmt: skip
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
        self._console.print(f"note: {message}", style="yellow", markup=False, highlight=False)


def plan_table(lines: Sequence[Line]) -> Table:
    """One row per cell of the grid and its state."""
    table = Table(title="plan")
    for column in ("dataset", "backbone", "protocol", "partition", "seed", "state"):
        table.add_column(column)
    for line in lines:
        cell = line.cell
        state = f"[{STATE_STYLE[line.state]}]{line.state}[/]"
        table.add_row(cell.dataset.name, cell.backbone, cell.protocol, cell.partition, str(cell.seed), state)
    return table


def reasons(lines: Sequence[Line], state: State) -> list[str]:
    """Why lines of a state did not run, each reason once with how many runs it stopped."""
    counts = Counter((line.cell.dataset.name, line.cell.backbone, line.reason) for line in lines if line.state is state)
    return [
        f"{state}: {dataset}, {backbone}: {reason}" + (f" ({count} runs)" if count > 1 else "")
        for (dataset, backbone, reason), count in counts.items()
    ]


def rows_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> Table:
    """Any rows; numbers to the right, fractions to four digits, NULL empty."""
    table = Table(title=title)
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    return table


def results_table(leaderboard: LeaderboardTable) -> Table:
    """Headline results with their 95 % intervals; `leaderboard` has the columns of RESULT_COLUMNS."""
    table = Table(title="results on the test split, with 95 % interval")
    for column in (*RESULT_COLUMNS[:-3], "value"):
        table.add_column(
            HEADINGS.get(column, column), justify="right" if column in ("seed", "n_labels_fit", "value") else "left"
        )
    for *described, value, low, high in leaderboard.rows:
        interval = "" if low is None else f" [{low:.3f}, {high:.3f}]"
        score = "undefined" if value is None else f"{value:.3f}{interval}"
        table.add_row(*map(_cell, described), escape(score))
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))

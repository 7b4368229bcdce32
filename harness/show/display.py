"""What the terminal shows of a campaign: progress on stderr, its plan on stdout. Plain when piped."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from harness.campaign.plan import Line, State
from harness.campaign.resolve import Cell
from harness.data.suites import tell_apart
from harness.show.tables import bare_table, captioned
from harness.show.visible_text import plain

STATE_STYLE = {
    State.NEW: "green",
    State.DONE: "dim",
    State.SAME: "dim",
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
    """Bars with counts, elapsed time and time left (`harness.records.progress.Progress`). Use as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
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
    names = tell_apart(line.cell.dataset for line in lines)
    table = bare_table()
    for column in ("dataset", "backbone", "protocol", "partition", "seed", "state"):
        table.add_column(column, overflow="fold")
    for line in lines:
        if line.state is not State.SKIPPED:
            cell = line.cell
            described = (names[cell.dataset], cell.backbone, cell.protocol, cell.partition, str(cell.seed))
            table.add_row(*map(plain, described), f"[{STATE_STYLE[line.state]}]{line.state}[/]")
    return captioned(table, ", ".join(f"{counts[state]} {state}" for state in State if counts[state]))


def reasons(lines: Sequence[Line], state: State) -> list[str]:
    """Why lines of a state did not run, or what is odd about them: each reason once, with what it is about."""
    names = tell_apart(line.cell.dataset for line in lines)
    cells: dict[tuple[str, str, str], list[Cell]] = {}
    for line in lines:
        if line.state is state and line.reason:
            cells.setdefault((names[line.cell.dataset], line.cell.backbone, line.reason), []).append(line.cell)
    label = "note" if state is State.NEW else state
    return [
        f"{label}: {dataset}, {backbone}{_which(of_reason, state)}: {reason}"
        for (dataset, backbone, reason), of_reason in cells.items()
    ]


def _which(cells: Sequence[Cell], state: State) -> str:
    """The runs of one dataset and backbone that share a reason; empty where the reason says it better."""
    if len(cells) > 1:
        protocols = ", ".join(dict.fromkeys(cell.protocol for cell in cells))
        return f" ({len(cells)} runs of {protocols})"
    return f", {cells[0].partition}, {cells[0].protocol}" if state is State.FAILED else ""

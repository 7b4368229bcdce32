"""Progress on stderr while a command works: bars with counts and times, and notices. Plain when piped."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


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

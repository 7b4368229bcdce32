"""Progress on stderr while a command works: bars with counts and times, and notices. Plain when piped."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from harness.show.tables import one_line, several_lines


class RichStep:
    """One bar of a rich display."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, units: int = 1) -> None:
        self._progress.advance(self._task, units)

    def describe(self, description: str, left: str) -> None:
        """What is being done, and how long the rest takes, which is no longer told from the number of units."""
        self._progress.update(self._task, description=description, left=left)


class _LeftColumn(TimeRemainingColumn):
    """The time left as somebody said who knows better, else from the speed so far."""

    def render(self, task: Task) -> Text:
        left = task.fields.get("left")
        return super().render(task) if left is None else Text(left, style="progress.remaining")


class RichProgress:
    """Bars with counts, elapsed time and time left (`harness.records.progress.Progress`). Use as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        width = min(30, console.width - 75)
        bars = [BarColumn(bar_width=width, table_column=one_line())] if width >= 15 else []
        self._progress = Progress(
            # A name that is too long goes on in a second line: all else stays in one, and no bar takes a name's place.
            TextColumn("{task.description}", markup=False, table_column=several_lines()),
            *bars,
            MofNCompleteColumn(table_column=one_line()),
            TimeElapsedColumn(table_column=one_line()),
            TextColumn("left"),
            _LeftColumn(table_column=one_line()),
            console=console,
            transient=True,
            disable=not console.is_terminal,  # else it ends with an empty line there
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

    def bar(self, description: str, total: int) -> RichStep:
        """A step that stays for as long as the display."""
        return RichStep(self._progress, self._progress.add_task(description, total=total))

    def notice(self, message: str) -> None:
        self._console.print(f"note: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True)

"""How far a verb has come that counts what it does: a bar with the time left; in a log, a line now and then."""

import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SECONDS = 30.0
"""Between two lines in a log."""


class Counting:
    """Shows a console what is done and how much of it. Use as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=30), MofNCompleteColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=None)
        self._what = ""
        self._began = self._told = time.monotonic()

    def __enter__(self) -> "Counting":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def report(self, what: str, done: int, total: int) -> None:
        """So much of `what` is done."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._began = what, now
            self._bar.reset(self._task)
        self._bar.update(self._task, description=what, completed=done, total=total)
        if not self._console.is_terminal and now - self._told > SECONDS:
            self._told = now
            left = timedelta(seconds=round((now - self._began) / done * (total - done))) if done else "unknown"
            self.say(f"{what}: {done:,} of {total:,}, {left} left")

    def say(self, text: str) -> None:
        """A line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

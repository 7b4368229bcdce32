"""A bar of what is being downloaded; where no person looks on, a line now and then."""

import time
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

_SECONDS = 30.0
"""Between two lines in a log."""


class TransferBars:
    """Shows a console how a download goes (`mp_mae.downloads.watch.Watch`). Use as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=max(5, min(30, console.width - 80))),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._what, self._done, self._at_first = "", 0, 0
        self._total: int | None = None
        self._began = self._told = time.monotonic()

    def __enter__(self) -> "TransferBars":
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def begin(self, what: str, done: int, total: int | None) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(what, completed=done, total=total)
        self._what, self._done, self._total, self._at_first = what, done, total, done
        self._began = time.monotonic()

    def advance(self, n_bytes: int) -> None:
        assert self._task is not None, "nothing was begun"
        self._bars.advance(self._task, n_bytes)
        self._done += n_bytes
        now = time.monotonic()
        if not self._console.is_terminal and now - self._told > _SECONDS:
            self._told = now
            self._say(describe(self._what, self._done, self._total, self._done - self._at_first, now - self._began))

    def notice(self, text: str) -> None:
        self._say(f"note: {text}", "yellow")

    def _say(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def describe(what: str, done: int, total: int | None, n_bytes: int, seconds: float) -> str:
    """How far it is, how fast, and how long the rest takes.

    Args:
        done: bytes that are there, of `total`.
        n_bytes: of them, those of the last `seconds`.
    """
    speed = n_bytes / seconds if seconds else 0.0
    of = "" if total is None else f" of {total / 1e6:,.0f}"
    left = "" if total is None or not speed else f", {timedelta(seconds=round((total - done) / speed))} left"
    return f"{what}: {done / 1e6:,.0f}{of} MB, {speed / 1e6:,.1f} MB/s{left}"

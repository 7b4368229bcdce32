"""What a training tells its user while it runs: a live table on a terminal, a line now and then elsewhere."""

import time
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from mp_mae.training.log import StepRecord

SECONDS_BETWEEN_LINES = 30.0


class Reporter(Protocol):
    """Somebody who is told about a training, and is used as a context while it runs."""

    def __enter__(self) -> "Reporter": ...

    def __exit__(self, *exception: object) -> None: ...

    def notice(self, text: str) -> None:
        """Something the user should know."""

    def begin(self, done: int, total: int) -> None:
        """Steps done before, and when all are."""

    def step(self, record: StepRecord) -> None:
        """One more step is done."""


class Silent:
    """A reporter that says nothing: that of all processes but the first."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def notice(self, text: str) -> None:
        pass

    def begin(self, done: int, total: int) -> None:
        pass

    def step(self, record: StepRecord) -> None:
        pass


class Display:
    """A bar with time left and the losses of the last step, kept up to date in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("steps"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        self._live = Live(self._bar, console=console, refresh_per_second=4)

    def __enter__(self) -> "Display":
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def notice(self, text: str) -> None:
        self._console.print(f"note: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    def begin(self, done: int, total: int) -> None:
        self._task = self._bar.add_task("", total=total, completed=done)

    def step(self, record: StepRecord) -> None:
        self._bar.update(self._task, completed=record.step)
        for line in _look_lines(record):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._live.update(Group(_losses_table(record), _summary(record), self._bar))


class Lines:
    """A line of text every half minute, at the first step and at the last: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_line = -SECONDS_BETWEEN_LINES
        self._total = 0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def notice(self, text: str) -> None:
        self._print(f"note: {text}")

    def begin(self, done: int, total: int) -> None:
        self._total = total
        self._done, self._began = done, time.monotonic()

    def step(self, record: StepRecord) -> None:
        for line in _look_lines(record):
            self._print(line)
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES or record.step == self._total:
            self._last_line = now
            left = (now - self._began) / (record.step - self._done) * (self._total - record.step)
            losses = " ".join(f"{name} {_number(loss)}" for name, loss in record.losses.items())
            self._print(f"step {record.step}/{self._total} {_summary(record)}, {left:.0f} s left: {losses}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def build_reporter(console: Console, *, is_first_process: bool) -> Reporter:
    if not is_first_process:
        return Silent()
    return Display(console) if console.is_terminal else Lines(console)


def count_steps(n: int) -> str:
    """`1 step`, `2 steps`."""
    return f"{n} step" if n == 1 else f"{n} steps"


def _losses_table(record: StepRecord) -> Table:
    table = Table(box=None)
    table.add_column("of")
    table.add_column("loss", justify="right")
    for name, loss in record.losses.items():
        table.add_row(name, _number(loss))
    return table


def _look_lines(record: StepRecord) -> list[str]:
    """A line on each measure of held-out tiles."""
    return [
        f"step {record.step} held out, {measure}: {', '.join(f'{of} {value:.4g}' for of, value in values.items())}"
        for measure, values in record.held_out.items()
    ]


def _summary(record: StepRecord) -> str:
    watched = "".join(f"{name} {value:.4g}, " for name, value in record.watched.items())
    return (
        f"epoch {record.epoch:.2f}, total {record.total:.4f}, {watched}rate {record.rate:.2e}, "
        f"{record.images_per_second:.0f} images/s, {record.waiting:.0%} waiting for data, {record.memory_mb:.0f} MB"
    )


def _number(loss: float | None) -> str:
    return "no target" if loss is None else f"{loss:.4f}"

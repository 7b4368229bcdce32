"""A campaign as it goes: what begins, a line for each backbone, dataset and protocol, and a bar with the time left."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from operator import itemgetter
from typing import NamedTuple

from rich.console import Console

from baselines.registry import stored_name
from harness.campaign.plan import Line, State
from harness.data.suites import tell_apart
from harness.records.job import DatasetRef, Failure, Job, Unstored
from harness.show.campaign.time_left import TimeLeft
from harness.show.lines import say
from harness.show.progress_bars import RichProgress
from harness.show.quantities import describe_count, describe_duration, describe_score
from leaderboards.schema import RunRecord, RunRow
from leaderboards.simulated import SIMULATED


class _Cell(NamedTuple):
    """A line when its last run ends."""

    backbone: str
    dataset: DatasetRef
    protocol: str


class CampaignWatch:
    """Tells a console (`harness.campaign.watch.Watch`)."""

    def __init__(
        self,
        console: Console,
        progress: RichProgress,
        stoppable: Callable[[Callable[[], None]], AbstractContextManager[None]] = lambda stop: nullcontext(),
    ) -> None:
        """
        Args:
            stoppable: `Watch.stoppable`.
        """
        self._console, self._progress = console, progress
        self.stoppable = stoppable
        self.stored = 0
        """Runs that are in the leaderboard since it began."""

    def begins(self, lines: Sequence[Line], jobs: Sequence[Job], seconds: float | None) -> None:
        """Say what will be run."""
        self._pending = {job.run_id: job for job in jobs}
        self._called = {name: stored_name(name) for name in {job.backbone for job in jobs}}
        self._cells = Counter(map(self._cell, jobs))
        self._names = tell_apart(job.dataset for job in jobs)
        self._n_cells = len(self._cells)
        self._widths = [max((len(part) for part in column), default=0) for column in self._columns()]
        self._records: dict[_Cell, list[RunRecord | Failure | Unstored]] = {cell: [] for cell in self._cells}
        done = sum(line.state is State.DONE for line in lines)
        if done:
            self._console.print(f"{done} of {len(lines)} runs were in the leaderboard already and are not repeated.")
        if jobs:
            say(self._console, _describe(jobs, seconds))
            self._time = TimeLeft(jobs)
            self._bar = self._progress.bar(self._doing(), len(jobs))

    def ends(self, job: Job, outcome: RunRecord | Failure | Unstored) -> None:
        """Say what came of a cell with its last run."""
        self._time.ended(job)
        self.stored += not isinstance(outcome, Failure | Unstored)
        self._records[self._cell(job)].append(outcome)
        self._less(job)

    def elsewhere(self, job: Job) -> None:
        """Another process did it: no result of this one."""
        self._time.left_out(job)
        self._less(job)

    def _less(self, job: Job) -> None:
        del self._pending[job.run_id]
        cell = self._cell(job)
        self._cells[cell] -= 1
        if not self._cells[cell]:
            self._tell(cell)
        self._bar.advance()
        seconds, unknown = self._time.left
        known = describe_duration(seconds)
        self._bar.describe(self._doing(), f"{known} + {unknown} unknown" if unknown else known)

    def _cell(self, job: Job) -> _Cell:
        return _Cell(self._called[job.backbone], job.dataset, job.run.protocol)

    def _columns(self) -> list[tuple[str, ...]]:
        shown = [(cell.backbone, self._names[cell.dataset], cell.protocol) for cell in self._cells]
        return list(zip(*shown, strict=True))

    def _doing(self) -> str:
        """Backbone and dataset of the first run that has not ended."""
        job = next(iter(self._pending.values()), None)
        return f"{self._called[job.backbone]}, {self._names[job.dataset]}" if job else "storing"

    def _tell(self, cell: _Cell) -> None:
        outcomes = self._records.pop(cell)
        if not outcomes:
            return
        number = f"[{self._n_cells - len(self._records):>{len(str(self._n_cells))}}/{self._n_cells}]"
        names = (cell.backbone, self._names[cell.dataset], cell.protocol)
        padded = "  ".join(name.ljust(width) for name, width in zip(names, self._widths, strict=True))
        say(self._console, f"{number} {padded}  {_came_of_it(outcomes)}")


def _describe(jobs: Sequence[Job], seconds: float | None) -> str:
    suites = list(dict.fromkeys(job.dataset.suite for job in jobs))
    simulated = " (simulated: rank nothing real by it)" if all(suite in SIMULATED for suite in suites) else ""
    n_backbones = len({job.backbone for job in jobs})
    about = "" if seconds is None else f", about {describe_duration(seconds)}"
    what = f"{describe_count(n_backbones, 'backbone')}, {describe_count(len(jobs), 'run')}"
    return f"{', '.join(suites)}{simulated}: {what}{about}"


def _came_of_it(outcomes: Sequence[RunRecord | Failure | Unstored]) -> str:
    """The score with most labels of the runs just made; means with intervals come at the end, from all there are."""
    records = [outcome for outcome in outcomes if not isinstance(outcome, Failure | Unstored)]
    told = [_score(records)] if records else []
    for kind, what in ((Failure, "failed"), (Unstored, "not stored yet")):
        n = sum(isinstance(outcome, kind) for outcome in outcomes)
        told += [f"{n} of {describe_count(len(outcomes), 'run')} {what}"] if n else []
    return ", ".join(told)


def _score(records: Sequence[RunRecord]) -> str:
    n_labels, run = max(((_n_labels(record.run), record.run) for record in records), key=itemgetter(0))
    values = [record.headline.value for record in records if _n_labels(record.run) == n_labels]
    known = [value for value in values if value is not None]
    if not known:
        return "undefined"
    score = describe_score(sum(known) / len(known), higher_is_better=run.higher_is_better)
    return f"{score} ({describe_count(n_labels, 'label')})"


def _n_labels(run: RunRow) -> int:
    return (run.n_labels_fit or 0) + (run.n_labels_select or 0)

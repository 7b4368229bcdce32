"""Who is told how a campaign goes, beside the leaderboard that keeps its results."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from harness.campaign.plan import Line
from harness.records.job import Failure, Job, Unstored
from leaderboards.schema import RunRecord


class Watch(Protocol):
    """Told by the process that commits, in the order of commits."""

    def begins(self, lines: Sequence[Line], jobs: Sequence[Job], seconds: float | None) -> None:
        """
        Args:
            lines: the whole plan.
            jobs: what will be run, in the order in which it is begun.
            seconds: that this takes by what earlier runs took; None: some of it is like no earlier run.
        """
        ...

    def ends(self, job: Job, outcome: RunRecord | Failure | Unstored) -> None:
        """One of them is in the leaderboard now, or failed, or waits to be stored."""
        ...

    def elsewhere(self, job: Job) -> None:
        """One of them was done by another process that carries out the same, or failed there."""
        ...

    def stoppable(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        """The context in which jobs are executed. By calling `stop`, from any thread: those that run are finished, and
        no other is begun."""
        ...


class _Unwatched:
    """Tells nobody."""

    def begins(self, lines: Sequence[Line], jobs: Sequence[Job], seconds: float | None) -> None:
        pass

    def ends(self, job: Job, outcome: RunRecord | Failure | Unstored) -> None:
        pass

    def elsewhere(self, job: Job) -> None:
        pass

    def stoppable(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        return nullcontext()


UNWATCHED = _Unwatched()

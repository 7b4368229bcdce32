"""What an executor is to do: it asks for one group of jobs after the other, until there is none or it is to stop."""

import threading
from collections.abc import Callable, Iterator, Sequence

from harness.campaign.dividing.alike import Alike
from harness.campaign.dividing.groups import in_groups
from harness.records.job import Failure, Job


class Work:
    """The new runs of a campaign, handed out by groups that share features."""

    def __init__(self, jobs: Sequence[Job], *, tries_all: bool = False) -> None:
        """
        Args:
            tries_all: also what would fail as others like it did: processes that train together agree on all of it
                beforehand.
        """
        self.jobs = jobs
        """All that may be handed out."""
        self._tries_all = tries_all
        self._stop = threading.Event()
        self._alike = Alike()
        self._on_stop: list[Callable[[], None]] = []

    def groups(self) -> Iterator[list[Job]]:
        """The jobs to be done, a group at a time. Asked for as late as possible: what nobody has asked for yet may be
        done by another process. It may block until there is something to do."""
        for jobs in in_groups(self.jobs).values():
            if self.stopping:
                return
            yield jobs

    def wants(self, job: Job) -> bool:
        """To be asked before a job is begun: not if it is to stop, or others like it failed alike."""
        if self.stopping:
            return False
        if self.reason_against(job) is not None:
            self.ended(job)
            return False
        return True

    def became(self, job: Job, failure: Failure | None) -> None:
        """What the driver tells of a job that has ended and, unless it failed, is in the leaderboard or waits to be."""
        self.ended(job)
        if failure is None:
            self._alike.made(job)
            return
        self._alike.failed(job, failure.message)

    def ended(self, job: Job) -> None:
        """The job is not to be done any more."""

    def reason_against(self, job: Job) -> str | None:
        """Why the job is not begun although nobody stopped the work."""
        return None if self._tries_all else self._alike.reason(job)

    def stop(self) -> None:
        """No job is to be begun any more; those that run are finished. By any thread, and at any moment."""
        self._stop.set()
        for call in list(self._on_stop):
            call()

    @property
    def stopping(self) -> bool:
        """Whether it was stopped."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> None:
        """So long, or until it is stopped."""
        self._stop.wait(seconds)

    def on_stop(self, call: Callable[[], None]) -> None:
        """Have `stop` call this: it takes back what was handed on and has not begun."""
        self._on_stop.append(call)

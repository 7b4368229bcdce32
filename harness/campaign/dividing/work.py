"""What an executor is to do: it asks for one group of jobs after the other, until there is none or it is to stop."""

import threading
from collections.abc import Callable, Iterator, Sequence

from harness.campaign.dividing.groups import in_groups
from harness.records.job import Job


class Work:
    """The new runs of a campaign, handed out by groups that share features."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs
        """All that may be handed out."""
        self._stop = threading.Event()
        self._on_stop: list[Callable[[], None]] = []

    def groups(self) -> Iterator[list[Job]]:
        """The jobs to be done, a group at a time. Asked for as late as possible: what nobody has asked for yet may be
        done by another process. It may block until there is something to do."""
        for jobs in in_groups(self.jobs).values():
            if self.stopping:
                return
            yield jobs

    def stop(self) -> None:
        """No job is to be begun any more; those that run are finished. By any thread, and at any moment."""
        self._stop.set()
        for call in list(self._on_stop):
            call()

    def on_stop(self, call: Callable[[], None]) -> None:
        """Have `stop` call this: it takes back what was handed on and has not begun."""
        self._on_stop.append(call)

    @property
    def stopping(self) -> bool:
        """To be asked before every job."""
        return self._stop.is_set()

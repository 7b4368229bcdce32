"""What became of the jobs of a campaign, in this process and in others that share it."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from harness.campaign.dividing.work import Work
from harness.campaign.plan import Line, State
from harness.campaign.watch import Watch
from harness.records.job import Failure, Job, Unstored
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard


class Became:
    """Told of every job that ended, it tells the watch, one at a time, and in the end what each line came to."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._one = threading.Lock()
        self._failed: dict[str, Failure] = {}
        self._waiting: dict[str, Unstored] = {}
        self._made: set[str] = set()
        self._elsewhere: set[str] = set()

    def ends(self, job: Job, outcome: RunRecord | Failure | Unstored) -> None:
        """This process did it."""
        with self._one:
            if isinstance(outcome, Failure):
                self._failed[job.run_id] = outcome
            elif isinstance(outcome, Unstored):
                self._waiting[job.run_id] = outcome
            else:
                self._made.add(job.run_id)
            self._watch.ends(job, outcome)

    def elsewhere(self, job: Job, failure: Failure | None) -> None:
        """Another process did it, or tried."""
        with self._one:
            if failure is None:
                self._elsewhere.add(job.run_id)
            else:
                self._failed[job.run_id] = failure
            self._watch.elsewhere(job)

    def at_the_end(self, lines: Sequence[Line], work: Work, leaderboard: Leaderboard) -> list[Line]:
        """The plan as it ended. A run that waited may have gone in with a later one, and another process may have made
        one that failed here."""
        for run_id in leaderboard.known({**self._failed, **self._waiting}):
            self._failed.pop(run_id, None)
            self._waiting.pop(run_id, None)
            self._made.add(run_id)
        return [self._ended(line, work) for line in lines]

    def _ended(self, line: Line, work: Work) -> Line:
        if line.job is None or line.state is not State.NEW:
            return line
        run_id = line.job.run_id
        if run_id in self._elsewhere:
            return replace(line, state=State.DONE)
        if run_id in self._waiting:
            return replace(line, state=State.WAITING, reason=self._waiting[run_id].message)
        failure = self._failed.get(run_id)
        if failure is not None:
            return replace(line, state=State.FAILED, reason=failure.message, traceback=failure.traceback)
        against = None if run_id in self._made else work.reason_against(line.job)
        return replace(line, state=State.FAILED, reason=against) if against else line

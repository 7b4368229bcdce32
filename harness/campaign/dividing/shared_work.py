"""The part of a campaign that this process does, where several carry out the same one: whatever group is free."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import leaderboards.errors
from baselines.registry import stored_name
from harness.campaign.dividing.claims import Claims
from harness.campaign.dividing.groups import group_of, in_groups
from harness.campaign.dividing.plan_file import PlannedGroup
from harness.campaign.dividing.work import Work
from harness.records.job import Failure, Job
from leaderboards.schema import FailureRow
from leaderboards.store import LookedUp

LOOK_SECONDS, SWEEP_SECONDS = 1.0, 10.0
"""How often somebody who waits looks whether a group became free; and how often it is looked up which of them others
have done, so that not each has to be claimed to be found empty."""


def claim_of(job: Job) -> str:
    """What the job's group is called among processes, whose commands may name other weights."""
    named = (*group_of(job), job.run.weights_sha256)
    return hashlib.sha256(repr(named).encode()).hexdigest()[:32]


def planned_groups(jobs: Iterable[Job]) -> dict[str, PlannedGroup]:
    """The jobs as `plan_file` keeps them."""
    groups: dict[str, PlannedGroup] = {}
    for of_group in in_groups(jobs).values():
        runs: dict[str, list[str]] = {}
        for job in of_group:
            runs.setdefault(job.run.protocol, []).append(job.run_id)
        first = of_group[0]
        groups[claim_of(first)] = PlannedGroup(
            backbone=stored_name(first.backbone), dataset=first.run.dataset, runs=runs
        )
    return groups


class SharedWork(Work):
    """Work that several processes share. A group is claimed when it is asked for, looked up, as another process may
    have done it meanwhile, and free again when its last job has ended. Who finds none free waits: for the end, or for a
    group of somebody who is gone."""

    def __init__(
        self,
        jobs: Sequence[Job],
        claims: Claims,
        failed_before: Mapping[str, FailureRow],
        look_up: Callable[[Collection[str]], LookedUp],
        elsewhere: Callable[[Job, Failure | None], None],
        notice: Callable[[str], None],
    ) -> None:
        """
        Args:
            failed_before: how runs had failed when this process made its plan; any other failure is news.
            look_up: what became of runs, whoever did them.
            elsewhere: told of every job that another process did, or tried in vain; by any thread.
        """
        super().__init__(jobs)
        self._claims, self._look_up, self._elsewhere, self._notice = claims, look_up, elsewhere, notice
        self._failed_before = failed_before
        self._open: dict[str, set[str]] = {}

    def groups(self) -> Iterator[list[Job]]:
        pending = {claim_of(jobs[0]): jobs for jobs in in_groups(self.jobs).values()}
        told, swept = False, time.monotonic()
        while pending and not self.stopping:
            found_any = False
            for name, jobs in list(pending.items()):
                if self.stopping:
                    return
                if time.monotonic() - swept > SWEEP_SECONDS:
                    self._sweep(pending)
                    swept = time.monotonic()
                if name not in pending or not self._claims.take(name):
                    continue
                found_any = True
                del pending[name]
                left = self._left(jobs)
                if left:
                    self._open[name] = {job.run_id for job in left}
                    yield left
                else:
                    self._claims.release(name)
            if pending and not found_any:
                if not told:
                    self._notice(f"{sum(map(len, pending.values()))} runs are with other processes; waiting for them")
                    told = True
                self.wait(LOOK_SECONDS)

    def ended(self, job: Job) -> None:
        name = claim_of(job)
        runs = self._open.get(name, set())
        runs.discard(job.run_id)
        if not runs and self._open.pop(name, None) is not None:
            self._claims.release(name)

    def _sweep(self, pending: dict[str, list[Job]]) -> None:
        """Take out the groups that others have done."""
        with contextlib.suppress(leaderboards.errors.UnavailableError):
            found = self._look_up([job.run_id for jobs in pending.values() for job in jobs])
            for name, jobs in list(pending.items()):
                if all(job.run_id in found.made for job in jobs):
                    del pending[name]
                    for job in jobs:
                        self._elsewhere(job, None)

    def _left(self, jobs: Sequence[Job]) -> list[Job]:
        """What nobody has done since this process made its plan."""
        try:
            found = self._look_up([job.run_id for job in jobs])
        except leaderboards.errors.UnavailableError:  # at worst something is done twice, and stored once
            return list(jobs)
        left = []
        for job in jobs:
            failed = found.failed.get(job.run_id)
            if job.run_id in found.made or job.run_id in found.waiting:
                self._elsewhere(job, None)
            elif failed is not None and failed != self._failed_before.get(job.run_id):
                message = f"in another process: {failed.message}"
                self._elsewhere(job, Failure(message=message, traceback=failed.traceback))
            else:
                left.append(job)
        return left

"""One run after the other, in this process."""

from collections.abc import Generator

from harness.campaign.dividing.work import Work
from harness.execution.execute import execute
from harness.execution.workbench import Workbench
from harness.records.job import Failure, Job, Result
from harness.store.damage import DamagedError
from harness.training.devices import Devices
from leaderboards.schema import RunRecord


def run_in_turn(work: Work, workbench: Workbench) -> Generator[Result, None, None]:
    """Execute jobs in order; whatever goes wrong in one is its failure alone."""
    for jobs in work.groups():
        for job in jobs:
            if work.wants(job):
                yield Result(job, execute_safely(job, workbench))
        workbench.make_way()  # the next group may be long in coming, and others wait for room


def execute_safely(job: Job, workbench: Workbench) -> RunRecord | Failure:
    """A run's record, or its failure. Where the cache was found damaged, it is made anew and the run starts again."""
    try:
        return _execute(job, workbench)
    except Exception as error:  # the border between runs: a bug in one must not cost the others
        return Failure.of(error)


def _execute(job: Job, workbench: Workbench) -> RunRecord:
    try:
        return execute(job, workbench)
    except DamagedError as damage:
        if Devices(workbench.places.device).count > 1:  # the others have gone on to the next run
            raise
        workbench.open_anew(damage)
        return execute(job, workbench)

"""One run after the other, in this process."""

import traceback
from collections.abc import Generator, Sequence

from harness.errors import UserError
from harness.execute import execute
from harness.records import Failure, Job, Result
from harness.workbench import Workbench
from leaderboards.schema import RunRecord


def run_in_turn(jobs: Sequence[Job], workbench: Workbench) -> Generator[Result, None, None]:
    """Execute jobs in order; whatever goes wrong in one is its failure alone."""
    for job in jobs:
        yield Result(job, execute_safely(job, workbench))


def execute_safely(job: Job, workbench: Workbench) -> RunRecord | Failure:
    """A run's record, or its failure."""
    try:
        return execute(job, workbench)
    except UserError as error:
        return Failure(message=f"{job.run.partition}, {job.run.protocol}: {error}", traceback=None)
    except Exception as error:  # the border between runs: a bug in one must not cost the others; its traceback is kept
        message = (
            f"{job.run.partition}, {job.run.protocol}: {type(error).__name__}: {error}. Add --debug for the traceback"
        )
        return Failure(message=message, traceback=traceback.format_exc())

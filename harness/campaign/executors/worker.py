"""What a process does that an executor has started: tasks, at the one workbench it has."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache, partial

from harness.campaign.executors.local import execute_safely
from harness.campaign.executors.tasks import On, Task, cut
from harness.execution.workbench import Workbench
from harness.protocols import find_protocol
from harness.protocols.entry import Need, ProtocolEntry
from harness.records.job import Job, Places, Result
from harness.records.progress import Silent
from harness.solvers.row_blocks import one_core


def do_task(task: Task, workbench: Workbench, wanted: Callable[[], bool]) -> Iterator[Result]:
    """The results of a task's jobs, in their order, as they come.

    Args:
        wanted: asked before each job; the first no ends the task.
    """
    for job in task.embeds:
        if wanted():
            is_embedded(job, workbench)
    for job in task.jobs:
        if not wanted():
            return
        with one_core() if task.on is On.CORE else nullcontext():
            result = Result(job, execute_safely(job, workbench))
        yield result
    workbench.make_way()  # nobody knows when there will be a next task


def is_embedded(job: Job, workbench: Workbench) -> bool:
    """Whether the job's features are in the cache, where this puts them. If they cannot be, the job will say why."""
    of_pixels = protocol_of(job, workbench).needs is Need.PIXEL_FEATURES
    try:
        workbench.make_way(besides=job)
        for fed in (job, job.at_test):
            (workbench.pixel_features if of_pixels else workbench.features)(fed)
    except Exception:  # which the job itself meets as well, and reports
        return False
    return True


def cutter(workbench: Workbench) -> Callable[[Sequence[Job]], list[Task]]:
    """What cuts groups to tasks for processes that work where this one does."""
    whole = workbench.places.cache_limit is not None
    return lambda group: cut(group, partial(protocol_of, workbench=workbench), whole=whole)


def protocol_of(job: Job, workbench: Workbench) -> ProtocolEntry:
    """What the job's protocol declares of itself for the labels of its dataset."""
    protocol = find_protocol(job.run.protocol, workbench.dataset(job.dataset).spec.label_kind)
    assert protocol is not None, "the plan skips what a protocol does not take"
    return protocol


@cache
def workbench_of(places: Places) -> Workbench:
    """The one workbench of this process for these places."""
    return Workbench(places, Silent())

"""What a group of runs is cut into for many processes: features first, where the GPU is, then runs on one core each.

A task is for one process. Runs that train go one by one to a device of their own: several devices at once do more as
several runs than as one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from harness.protocols.entry import ProtocolEntry
from harness.records.job import Job

Item = TypeVar("Item")

PROBES_AT_ONCE = 16
"""Runs of one task on stored features: enough that a process opens what they share once, few enough to fill all cores
with the runs of a single group."""


class On(StrEnum):
    """What a task keeps busy."""

    DEVICE = "device"
    """A GPU; without any, the cores that work as one."""
    CORE = "core"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one process does in one go: features first, then runs in turn."""

    on: On
    embeds: tuple[Job, ...] = ()
    """Jobs whose features it puts into the cache."""
    jobs: tuple[Job, ...] = ()
    """Jobs that it executes."""
    then: tuple["Task", ...] = ()
    """What can begin once it is over."""

    @property
    def example(self) -> Job:
        """One of the jobs that it is about. All have one backbone and one dataset."""
        return (self.embeds or self.jobs)[0]


def cut(group: Sequence[Job], protocol_of: Callable[[Job], ProtocolEntry], *, whole: bool) -> list[Task]:
    """The tasks of a group of runs that share features, which can all begin at once but for those that follow one.

    Args:
        whole: whether one process does all runs on features: where the cache may lose them once no process uses them.
    """
    trained = [job for job in group if protocol_of(job).trains_backbone]
    probed = [job for job in group if not protocol_of(job).trains_backbone]
    tasks = [Task(on=On.DEVICE, jobs=(job,)) for job in trained]
    if probed and whole:
        tasks.insert(0, Task(on=On.DEVICE, embeds=tuple(probed), jobs=tuple(probed)))
    elif probed:
        heads = [Task(on=On.DEVICE, jobs=(job,)) for job in probed if protocol_of(job).uses_all_cores]
        rest = [job for job in probed if not protocol_of(job).uses_all_cores]
        probes = [Task(on=On.CORE, jobs=part) for part in _parts(rest, PROBES_AT_ONCE)]
        tasks.insert(0, Task(on=On.DEVICE, embeds=tuple(probed), then=(*heads, *probes)))
    return tasks


def _parts(items: Sequence[Item], size: int) -> Iterator[tuple[Item, ...]]:
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])

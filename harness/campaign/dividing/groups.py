"""Groups of runs that share features: the unit by which a grid is divided, so that no image is embedded twice."""

from collections.abc import Iterable
from typing import NamedTuple

from baselines.registry import find_backbone
from harness.protocols import trains_backbone
from harness.records.cell import Cell
from harness.records.job import DatasetRef, Job


class Group(NamedTuple):
    """What the runs of a group have in common: one network that embeds one dataset, whatever bands it is fed.

    A run that trains the backbone has no features to share: it is a group of its own.
    """

    backbone: str
    """The name it was chosen by, which within a request stands for its weights too."""
    dataset: str
    """Folder of the suite and name."""
    seed: int | None
    """None where neither the weights nor the run depend on it."""
    trained_by: tuple[str, str] | None
    """(protocol, partition) of a run that trains the backbone."""


def group_of(job: Job) -> Group:
    """The group of a run that can be made."""
    return _group(job.backbone, job.dataset, job.run.protocol, job.run.partition, job.run.seed)


def group_of_cell(cell: Cell) -> Group:
    """The group of a cell, before anything of its dataset has been read."""
    return _group(cell.backbone, cell.dataset, cell.protocol, cell.partition, cell.seed)


def in_groups(jobs: Iterable[Job]) -> dict[Group, list[Job]]:
    """The jobs by group, both in the order in which they first come."""
    groups: dict[Group, list[Job]] = {}
    for job in jobs:
        groups.setdefault(group_of(job), []).append(job)
    return groups


def _group(backbone: str, dataset: DatasetRef, protocol: str, partition: str, seed: int) -> Group:
    trains = trains_backbone(protocol)
    return Group(
        backbone=backbone,
        dataset=dataset.qualified_name,
        seed=seed if trains or find_backbone(backbone).seeded else None,
        trained_by=(protocol, partition) if trains else None,
    )

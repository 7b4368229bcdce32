"""One process a GPU for features and training, and processes of one core each beside them for runs on stored features.

A process at a GPU sees that one alone, so its runs say `cuda` as those of a machine with one do. The others see none:
their runs say `cpu`, and what extracted their features says so for itself (`provenance.extraction`).
"""

import os
from collections.abc import Generator
from dataclasses import replace

from harness.campaign.dividing.work import Work
from harness.campaign.executors.process_seat import ProcessSeat
from harness.campaign.executors.seats import run_in_seats
from harness.campaign.executors.tasks import On
from harness.campaign.executors.worker import cutter
from harness.execution.workbench import Workbench
from harness.records.job import Result

VISIBLE = "CUDA_VISIBLE_DEVICES"


def run_on_gpus(work: Work, workbench: Workbench, n_gpus: int) -> Generator[Result, None, None]:
    """Execute jobs in a process for each of so many GPUs, and in `places.workers` processes on the cores.

    Whatever goes wrong in a run is its failure alone; one whose process is killed is tried again.
    """
    places = workbench.places
    at_gpus = [ProcessSeat(On.DEVICE, places, sees) for sees in one_each(os.environ.get(VISIBLE), n_gpus)]
    on_cores = replace(places, device="cpu")
    beside = [ProcessSeat(On.CORE, on_cores, {VISIBLE: ""}) for _ in range(places.workers)]
    yield from run_in_seats(work, cutter(workbench), [*at_gpus, *beside])


def one_each(visible: str | None, n_gpus: int) -> list[dict[str, str]]:
    """For each of so many processes the variable by which it sees one GPU.

    Args:
        visible: what the variable is here: numbers or names of GPUs with commas; None or empty: it is not set.
        n_gpus: how many are seen here.
    """
    names = [name.strip() for name in visible.split(",")] if visible else [str(number) for number in range(n_gpus)]
    return [{VISIBLE: name} for name in names[:n_gpus]]

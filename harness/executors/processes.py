"""Many short runs side by side, each in one of several processes that keep one core busy each.

Features are embedded here, where all cores or the GPU work on them, and stored in the cache; the processes read them
there. What takes all cores by itself runs here too. Threads would not do: most of a probe on few labels is Python.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache

from harness.data.draws import is_few
from harness.errors import UserError
from harness.execute import SMALL, execute
from harness.executors.local import execute_safely, run_in_turn
from harness.progress import Silent
from harness.protocols import ProtocolEntry, find_protocol
from harness.records import Failure, Job, Places, Result
from harness.workbench import Workbench
from mp_mae.data.processes import clean_pool

WORTH_A_PROCESS = 16
"""Runs for each process from which starting them pays: importing PyTorch takes as long as ten short ones."""
AHEAD = 2
"""Runs handed out for each process, so that none waits while a finished one is stored."""


def run_side_by_side(jobs: Sequence[Job], workbench: Workbench) -> Generator[Result, None, None]:
    """Execute jobs in up to `places.workers` processes; whatever goes wrong in one is its failure alone.

    Results are the same as one after the other, to the bit. Until the processes are up, jobs are done here.
    """
    shared = [job for job in jobs if _keeps_one_core_busy(job, workbench)]
    n_processes = min(workbench.places.workers, len(shared) // WORTH_A_PROCESS)
    if n_processes < 2:
        yield from run_in_turn(jobs, workbench)
        return
    elsewhere = {job.run_id for job in shared}
    running: dict[Future[Result], Job] = {}
    started = threading.Event()
    with clean_pool(n_processes, execute.__module__) as pool:
        threading.Thread(target=_start, args=(pool, started), daemon=True).start()
        for job in jobs:
            if job.run_id not in elsewhere or not started.is_set() or not _is_embedded(job, workbench):
                yield Result(job, execute_safely(job, workbench))
                continue
            try:
                running[pool.submit(_execute, job, workbench.places)] = job
            except BrokenProcessPool:
                yield Result(job, execute_safely(job, workbench))
            yield from _finished(running, at_most=AHEAD * n_processes)
        yield from _finished(running, at_most=0)


def _keeps_one_core_busy(job: Job, workbench: Workbench) -> bool:
    run, protocol = job.run, _protocol(job, workbench)
    if protocol.uses_all_cores or protocol.trains_backbone:
        return False
    return is_few(run.partition) or len(workbench.partition(job.dataset, run.partition).train) <= SMALL


def _is_embedded(job: Job, workbench: Workbench) -> bool:
    """Sees to it that the job's features are in the cache. False if that cannot be; the job itself will say why."""
    try:
        (workbench.pixel_features if _protocol(job, workbench).reads_pixel_features else workbench.features)(job)
    except UserError:
        return False
    return True


def _protocol(job: Job, workbench: Workbench) -> ProtocolEntry:
    protocol = find_protocol(job.run.protocol, workbench.dataset(job.dataset).spec.label_kind)
    assert protocol is not None, "the plan skips what a protocol does not take"
    return protocol


def _finished(running: dict[Future[Result], Job], at_most: int) -> Iterator[Result]:
    """Results, until no more than `at_most` jobs are running."""
    while running:
        done, _ = wait(running, timeout=None if len(running) > at_most else 0, return_when=FIRST_COMPLETED)
        if not done:
            return
        for future in done:
            job = running.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                message = f"{job.run.partition}, {job.run.protocol}: the process it ran in was killed"
                yield Result(job, Failure(message=f"{message} (out of memory?). Try --workers 1", traceback=None))


def _start(pool: ProcessPoolExecutor, started: threading.Event) -> None:
    """Waits for the first process, which handing it work does too, for the seconds that importing PyTorch takes."""
    try:
        pool.submit(int).result()
    finally:
        started.set()  # whatever is wrong with them shows when they get work


def _execute(job: Job, places: Places) -> Result:
    return Result(job, execute_safely(job, _workbench(places)))


@cache
def _workbench(places: Places) -> Workbench:
    """Of this process."""
    return Workbench(places, Silent())

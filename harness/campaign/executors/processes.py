"""Many short runs side by side, each in one of several processes that keep one core busy each.

Features are embedded here, where all cores or the GPU work on them, and stored in the cache; the processes read them
there. What takes all cores or the GPU by itself is done here too, by a thread, so that whatever is finished meanwhile
is handed on at once. Threads alone would not do: most of a probe on few labels is Python.
"""

import threading
from collections.abc import Collection, Generator, Iterator, Sequence, Set
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from queue import SimpleQueue

from harness.campaign.dividing.work import Work
from harness.campaign.executors.local import execute_safely, run_in_turn
from harness.data.draws import is_few
from harness.execution.execute import ONE_THREAD_UP_TO, execute
from harness.execution.workbench import Workbench
from harness.protocols import find_protocol
from harness.protocols.entry import Need, ProtocolEntry
from harness.records.job import Failure, Job, Places, Result
from harness.records.progress import Silent
from mp_mae.data.processes import clean_pool

WORTH_A_PROCESS = 16
"""Runs for each process from which starting them pays: importing PyTorch takes as long as ten short ones."""

Results = SimpleQueue[Result | int | BaseException]
"""What became of jobs; and once, how many results there will have been in the end."""


def run_side_by_side(work: Work, workbench: Workbench) -> Generator[Result, None, None]:
    """Execute jobs in up to `places.workers` processes; whatever goes wrong in one is its failure alone.

    Results are the same as one after the other, to the bit. Until the processes are up, jobs are done here.
    """
    shared = {job.run_id for job in work.jobs if _keeps_one_core_busy(job, workbench)}
    n_processes = min(workbench.places.workers, len(shared) // WORTH_A_PROCESS)
    if n_processes < 2:
        yield from run_in_turn(work, workbench)
        return
    results: Results = SimpleQueue()
    stop = threading.Event()
    with clean_pool(n_processes, execute.__module__) as pool:
        hand_out = partial(_hand_out, work, shared, pool, workbench, results, stop)
        threading.Thread(target=hand_out, args=(), daemon=True).start()
        seen, expected = 0, None
        try:
            while seen != expected:
                result = results.get()
                if isinstance(result, BaseException):
                    raise result
                if isinstance(result, int):
                    expected = result
                    continue
                seen += 1
                yield result
        finally:
            stop.set()


def _hand_out(
    work: Work,
    shared: Set[str],
    pool: ProcessPoolExecutor,
    workbench: Workbench,
    results: Results,
    stop: threading.Event,
) -> None:
    """See to it that every job's result comes, until told to stop; whatever ends this comes in their place."""
    started = threading.Event()
    threading.Thread(target=_start, args=(pool, started), daemon=True).start()
    handed: list[Future[Result]] = []
    work.on_stop(lambda: _take_back(handed))
    done_here = 0
    try:
        for job in _one_by_one(work, shared, handed if workbench.places.cache_limit is not None else ()):
            if stop.is_set():
                return
            if job.run_id in shared and started.is_set() and _is_embedded(job, workbench):
                future = _submit(pool, job, workbench.places)
                if future is not None:
                    handed.append(future)
                    future.add_done_callback(partial(_report, job, results))
                    continue
            if job.run_id not in shared and workbench.places.device == "cpu":
                wait(handed)  # or it would have to share its cores with them, and its threads wait for each other
            results.put(Result(job, execute_safely(job, workbench)))
            done_here += 1
        if work.stopping:
            _take_back(handed)
        results.put(done_here + sum(not future.cancelled() for future in handed))
    except BaseException as error:
        results.put(error)


def _take_back(handed: Sequence[Future[Result]]) -> None:
    """Of jobs that were handed on, those that have not begun."""
    for future in list(handed):
        future.cancel()


def _one_by_one(work: Work, shared: Set[str], in_the_way: Collection[Future[Result]]) -> Iterator[Job]:
    """The jobs until it is to stop, of each group first what processes can do, so that they are busy meanwhile.

    Args:
        in_the_way: that have to end before the next group, for which their features may have to be removed.
    """
    for jobs in work.groups():
        wait(in_the_way)
        for job in sorted(jobs, key=lambda job: job.run_id not in shared):
            if work.stopping:
                return
            yield job


def _submit(pool: ProcessPoolExecutor, job: Job, places: Places) -> Future[Result] | None:
    """The job's future result; None if a process was killed, after which the pool takes no more."""
    try:
        return pool.submit(_execute, job, places)
    except BrokenProcessPool:
        return None


def _report(job: Job, results: Results, future: Future[Result]) -> None:
    """What became of a job that a process did."""
    if future.cancelled():  # nobody waits for it any more
        return
    try:
        results.put(future.result())
    except BrokenProcessPool:
        message = "the process it ran in was killed (out of memory?). Try --workers 1"
        results.put(Result(job, Failure(message=message, traceback=None)))
    except Exception as error:  # the border between runs: a job or a result that cannot be handed over, for example
        results.put(Result(job, Failure.of(error)))
    except BaseException as error:
        results.put(error)


def _keeps_one_core_busy(job: Job, workbench: Workbench) -> bool:
    run, protocol = job.run, _protocol(job, workbench)
    if protocol.uses_all_cores:
        return False
    return is_few(run.partition) or len(workbench.partition(job.dataset, run.partition).train) <= ONE_THREAD_UP_TO


def _is_embedded(job: Job, workbench: Workbench) -> bool:
    """Whether the job's features are in the cache, where this puts them. If they cannot be, the job will say why."""
    of_pixels = _protocol(job, workbench).needs is Need.PIXEL_FEATURES
    try:
        workbench.make_way(besides=job)
        for fed in (job, job.at_test):
            (workbench.pixel_features if of_pixels else workbench.features)(fed)
    except Exception:  # which the job itself meets as well, and reports
        return False
    return True


def _protocol(job: Job, workbench: Workbench) -> ProtocolEntry:
    protocol = find_protocol(job.run.protocol, workbench.dataset(job.dataset).spec.label_kind)
    assert protocol is not None, "the plan skips what a protocol does not take"
    return protocol


def _start(pool: ProcessPoolExecutor, started: threading.Event) -> None:
    """Wait for the first process, which handing it work does too, for the seconds that importing PyTorch takes."""
    try:
        pool.submit(int).result()
    finally:
        started.set()  # whatever is wrong with them shows when they get work


def _execute(job: Job, places: Places) -> Result:
    workbench = _workbench(places)
    result = Result(job, execute_safely(job, workbench))
    workbench.make_way()  # nobody knows when there will be a next job
    return result


@cache
def _workbench(places: Places) -> Workbench:
    """The one workbench of this process."""
    return Workbench(places, Silent())

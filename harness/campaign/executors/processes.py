"""Many short runs side by side, each in one of several processes that keep one core busy each.

Features are embedded here, where all cores or the GPU work on them, and stored in the cache; the processes read them
there. What takes all cores or the GPU by itself is done here too, by a thread, so that whatever is finished meanwhile
is handed on at once. Threads alone would not do: most of a probe on few labels is Python.

These are no seats (`seats.py`), as one machine's cores are both the device and what the processes keep busy. So what
takes all cores waits until no process is at work; jobs are done here while processes are only starting, which takes as
long as ten of them; and where the cache has a limit, several processes share a group, whose features stay until it is
done. Seats would need a rule for each.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Set
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from harness.campaign.dividing.work import Work
from harness.campaign.executors.local import execute_safely, run_in_turn
from harness.campaign.executors.worker import is_embedded, protocol_of, workbench_of
from harness.data.draws import is_few
from harness.execution.execute import execute
from harness.execution.workbench import Workbench
from harness.records.job import Failure, Job, Places, Result
from harness.solvers.row_blocks import one_core
from mp_mae.data.processes import clean_pool

AHEAD = 8
"""Runs that processes still have when the next group is asked for: it takes a while to embed its images."""
WORTH_A_PROCESS = 16
"""Runs for each process from which starting them pays: importing PyTorch takes as long as ten short ones."""

SHORT = 4_000
"""Train samples of a run that one core does soon enough; longer ones share all cores."""

Done = TypeVar("Done")
Handed = dict[Future[Result], Job]


class _Lost(NamedTuple):
    """A job whose process, or another with it, was killed."""

    job: Job


Results = SimpleQueue[Result | _Lost | None | int | BaseException]
"""What became of jobs, None of those that were taken back; and once, how many there will have been in the end."""


class _StoppedError(Exception):
    """Nobody waits any more for processes that are only starting."""


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
    handed: Handed = {}
    with suppress(_StoppedError), _Pool(n_processes) as pool:
        hand_out = partial(_hand_out, work, shared, pool, workbench, handed, results, stop)
        threading.Thread(target=hand_out, args=(), daemon=True).start()
        try:
            lost = []
            for result in _as_they_come(results):
                if isinstance(result, _Lost):
                    lost.append(result.job)
                    continue
                yield result
                if isinstance(result.outcome, Failure):
                    _take_back(work, handed)
            for job in lost:
                if work.wants(job):
                    yield _once_more(pool, job, workbench.places)
            if work.stopping:
                raise _StoppedError
        finally:
            stop.set()


def _as_they_come(results: Results) -> Iterator[Result | _Lost]:
    """What came of all that was begun. Raises what came in their place."""
    seen, expected = 0, None
    while seen != expected:
        result = results.get()
        if isinstance(result, BaseException):
            raise result
        if isinstance(result, int):
            expected = result
            continue
        seen += 1
        if result is not None:
            yield result


class _Pool:
    """Processes, as a context; new ones where one was killed, after which a pool takes no more."""

    def __init__(self, n_processes: int) -> None:
        self._start = partial(clean_pool, n_processes, execute.__module__)
        self._all = ExitStack()
        self._pool = self._all.enter_context(self._start())

    def submit(self, function: Callable[..., Done], *given: Any) -> Future[Done]:
        try:
            return self._pool.submit(function, *given)
        except BrokenProcessPool:
            self._pool = self._all.enter_context(self._start())
            return self._pool.submit(function, *given)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._all.__exit__(kind, error, trace)


def _hand_out(
    work: Work,
    shared: Set[str],
    pool: _Pool,
    workbench: Workbench,
    handed: Handed,
    results: Results,
    stop: threading.Event,
) -> None:
    """See to it that every job's result comes, until told to stop; whatever ends this comes in their place."""
    started = threading.Event()
    threading.Thread(target=_start, args=(pool, started), daemon=True).start()
    work.on_stop(lambda: _take_back(work, handed))
    n_begun = 0
    try:
        for job in _one_by_one(work, shared, handed, workbench):
            if stop.is_set():
                return
            n_begun += 1
            if job.run_id in shared and started.is_set() and is_embedded(job, workbench):
                future = _submit(pool, job, workbench.places)
                handed[future] = job
                future.add_done_callback(partial(_report, job, results))
                continue
            if job.run_id not in shared and workbench.places.device == "cpu":
                wait(handed)  # or it would have to share its cores with them, and its threads wait for each other
            with one_core() if job.run_id in shared else nullcontext():
                results.put(Result(job, execute_safely(job, workbench)))
        results.put(n_begun)
    except BaseException as error:
        results.put(error)


def _take_back(work: Work, handed: Handed) -> None:
    """Cancel jobs that were handed on, have not begun and are not wanted any more."""
    for future, job in list(handed.items()):
        if not future.done() and not work.wants(job):
            future.cancel()


def _one_by_one(work: Work, shared: Set[str], handed: Handed, workbench: Workbench) -> Iterator[Job]:
    """The jobs that are wanted, of each group first what processes can do, so that they are busy meanwhile.

    Few may not have ended when the next group is asked for: before, another command may have it. None, where the cache
    has a limit: the features of those that run would be in the way.
    """
    ahead = AHEAD if workbench.places.cache_limit is None else 0
    for jobs in work.groups():
        for job in sorted(jobs, key=lambda job: job.run_id not in shared):
            if work.wants(job):
                yield job
        while len(handed) > ahead:
            wait(handed, timeout=1, return_when=FIRST_COMPLETED)
            for future in [future for future in handed if future.done()]:
                del handed[future]  # it keeps its result
        workbench.make_way()


def _submit(pool: _Pool, job: Job, places: Places) -> Future[Result]:
    return pool.submit(_execute, job, places)


def _report(job: Job, results: Results, future: Future[Result]) -> None:
    """What became of a job that a process did. It is lost with all that were with it where one of them was killed."""
    if future.cancelled():
        results.put(None)
        return
    try:
        results.put(future.result())
    except BrokenProcessPool:
        results.put(_Lost(job))
    except Exception as error:  # the border between runs: a job or a result that cannot be handed over, for example
        results.put(Result(job, Failure.of(error)))
    except BaseException as error:
        results.put(error)


def _once_more(pool: _Pool, job: Job, places: Places) -> Result:
    """A lost job by itself: one that kills its process will do so again, and shows that it was not another."""
    try:
        return _submit(pool, job, places).result()
    except BrokenProcessPool:
        message = "the process it ran in was killed, twice (out of memory?). Try --workers 1"
        return Result(job, Failure(message=message, traceback=None))
    except Exception as error:  # as above
        return Result(job, Failure.of(error))


def _keeps_one_core_busy(job: Job, workbench: Workbench) -> bool:
    run, protocol = job.run, protocol_of(job, workbench)
    if protocol.uses_all_cores:
        return False
    return is_few(run.partition) or len(workbench.partition(job.dataset, run.partition).train) <= SHORT


def _start(pool: _Pool, started: threading.Event) -> None:
    """Wait for the first process, which handing it work does too, for the seconds that importing PyTorch takes."""
    try:
        with suppress(BrokenProcessPool, CancelledError):
            pool.submit(int).result()
    finally:
        started.set()  # whatever is wrong with them shows when they get work


def _execute(job: Job, places: Places) -> Result:
    workbench = workbench_of(places)
    with one_core():
        result = Result(job, execute_safely(job, workbench))
    workbench.make_way()  # nobody knows when there will be a next job
    return result

"""Worker processes that start clean and fast, and that never outlive the process that started them."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_all_start_methods, parent_process, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext, SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")

PR_SET_PDEATHSIG = 1
"""The option of prctl(2) for the signal a process gets when the thread that forked it ends."""


@contextmanager
def clean_pool(n_processes: int, module: str) -> Iterator[ProcessPoolExecutor]:
    """A pool of `clean_processes`. Whatever leaves the context by an exception, Ctrl-C too, ends them at once, and so
    does the end of the context where one of them was killed."""
    others = set(active_children())
    pool = ProcessPoolExecutor(n_processes, clean_processes(module))
    try:
        yield pool
    except BaseException:  # nobody wants any more what they are at
        _end(pool, set(active_children()) - others)
        raise
    if _takes_more(pool):
        pool.shutdown()
    else:  # it may wait for ever for a process that it was starting while another was killed
        _end(pool, set(active_children()) - others)


def _takes_more(pool: ProcessPoolExecutor) -> bool:
    try:
        pool.submit(int)
    except BrokenProcessPool:
        return False
    return True


def _end(pool: ProcessPoolExecutor, processes: Collection[BaseProcess]) -> None:
    pool.shutdown(wait=False, cancel_futures=True)  # first, or their deaths would be reported
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


def map_in_order(function: Callable[[Item], Done], items: Sequence[Item], n_processes: int) -> Iterator[Done]:
    """function(item) of every item, in their order: by this process alone, or by a clean pool of several.

    Args:
        function: of a module, which processes import.
    """
    if n_processes == 1 or len(items) == 1:
        yield from map(function, items)
        return
    with clean_pool(min(n_processes, len(items)), function.__module__) as pool:
        yield from pool.map(function, items)


def clean_processes(module: str) -> BaseContext:
    """A context whose processes are no forks of this one, which could copy the locks of its threads.

    Where there is a server to fork them from, it imports `module` once, which with torch takes seconds. They leave
    Ctrl-C to this process and end when it ends, however that happens; so does the server, once it has imported.
    """
    if "forkserver" not in get_all_start_methods():
        return _SpawnContext()
    context = _ForkServerContext()
    context.set_forkserver_preload(["mp_mae.data.fork_server", module])
    _start_server()
    return context


def end_with_parent() -> None:
    """What every clean process does first: it leaves Ctrl-C to its parent, and ends at once when that one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = parent_process()
    assert parent is not None, "only for processes that multiprocessing started"
    threading.Thread(target=_leave_after, args=(parent.sentinel,), daemon=True).start()
    signal_at_parents_end(signal.SIGKILL)  # the thread waits in vain for a turn if C code hangs and gives none


def signal_at_parents_end(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when the process that forked it ends. Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def _leave_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


class _EndsWithParent(BaseProcess):
    """A process that runs nothing before it is tied to its parent."""

    def run(self) -> None:
        end_with_parent()
        super().run()


class _SpawnProcess(_EndsWithParent, SpawnProcess):
    pass


class _SpawnContext(SpawnContext):
    Process = _SpawnProcess


if sys.platform != "win32":
    from multiprocessing.context import ForkServerContext, ForkServerProcess
    from multiprocessing.forkserver import ensure_running

    class _ForkServerProcess(_EndsWithParent, ForkServerProcess):
        pass

    class _ForkServerContext(ForkServerContext):
        Process = _ForkServerProcess

    def _start_tracker() -> None:
        """Start what removes the semaphores of processes that were interrupted; it does so without a word."""
        before = os.environ.get("PYTHONWARNINGS", "")
        os.environ["PYTHONWARNINGS"] = f"{before},ignore::UserWarning:multiprocessing.resource_tracker".lstrip(",")
        try:
            resource_tracker.ensure_running()
        finally:
            os.environ["PYTHONWARNINGS"] = before

    def _start_server() -> None:
        """Start the server if there is none, deaf to signals until it has seen to them itself."""
        deaf_to = {signal.SIGINT, signal.SIGTERM}
        _start_tracker()  # it comes first anyway, and would have this process hear again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, deaf_to)
        try:
            ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

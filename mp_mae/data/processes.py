"""Worker processes that start clean and start fast."""

from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext


def clean_processes(module: str) -> BaseContext:
    """A context whose processes are no forks of this one, which could copy the locks of its threads.

    Where there is a server to fork them from, it imports `module` once, and with it torch, which takes seconds.
    """
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    return context

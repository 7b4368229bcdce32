"""Passes over many rows by several threads, with results that do not depend on how many there are.

Rows are cut into blocks by their number alone, and what blocks give is added in their order. Threads take blocks as
they get to them, so one that a busy machine holds up delays one block. The threads of a BLAS share each product evenly
and wait for the slowest, spinning, which on a busy machine takes many times as long as one thread alone: so a product
inside a block is to take one (`mp_mae.data.threads.one_blas_thread`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, reduce
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Done = TypeVar("Done")

BLOCK = 1024
"""Rows of a block. Fewer would not be worth handing over."""

_alone: ContextVar[bool] = ContextVar("alone", default=False)


@contextmanager
def one_core() -> Iterator[None]:
    """A context in which passes take no other thread, because the other cores do runs of their own."""
    before = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(before)


def share(work: Callable[[Item], Done], items: Sequence[Item]) -> list[Done]:
    """work(item) of all items, in their order, by this thread and one for each other core."""
    others = 0 if _alone.get() or len(items) < 2 else usable_cores() - 1
    if not others:
        return [work(item) for item in items]
    begun = [(item, _pool(others).submit(work, item)) for item in items]
    # From the last on, while the others take them from the first: nothing is waited for that nobody has begun.
    done = [work(item) if future.cancel() else future.result() for item, future in reversed(begun)]
    return done[::-1]


def over_rows(work: Callable[[slice], None], n: int) -> None:
    """work(rows) for all blocks of n rows."""
    share(work, _blocks(n))


def sum_over_rows(work: Callable[[slice], np.ndarray], n: int) -> np.ndarray:
    """The sum of work(rows), new arrays of one shape, over all blocks of n rows, n > 0."""
    return reduce(np.ndarray.__iadd__, share(work, _blocks(n)))


def usable_cores() -> int:
    """The cores this process may use, or fewer if `OMP_NUM_THREADS` says so, as to other libraries of numbers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(wanted)) if wanted.isdecimal() and int(wanted) else cores


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "rows")

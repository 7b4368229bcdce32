"""Passes over rows: shared by threads, the same whatever their number, and never waiting for one that has not begun."""

import threading
from unittest.mock import MagicMock

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from harness.execution import execute
from harness.solvers import row_blocks
from harness.solvers.row_blocks import BLOCK, one_core, over_rows, share, sum_over_rows, usable_cores


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(row_blocks, "usable_cores", lambda: 2)


@pytest.mark.parametrize("n", [1, BLOCK, BLOCK + 1, 5 * BLOCK - 1])
def test_every_row_is_in_one_block(n):
    seen = np.zeros(n, dtype=int)

    def count(rows):
        assert len(seen[rows]) <= BLOCK
        seen[rows] += 1

    over_rows(count, n)
    assert (seen == 1).all()
    assert sum_over_rows(lambda rows: seen[rows].sum(keepdims=True), n) == n


def test_two_threads_work_at_the_same_time(two_cores):
    both = threading.Barrier(2, timeout=20)
    assert share(lambda item: (both.wait(), item)[1], [1, 2]) == [1, 2]


def test_a_thread_that_is_held_up_costs_one_item(two_cores):
    """The other thread stays with the first item until this one has done all others."""
    others, mine = threading.Event(), threading.get_ident()
    done_here = []

    def work(item):
        if threading.get_ident() != mine:
            assert others.wait(timeout=20)
            return item
        done_here.append(item)
        if len(done_here) == 9:
            others.set()
        return item

    for _ in range(3):
        done_here.clear()
        others.clear()
        assert share(work, range(10)) == list(range(10))
        assert sorted(done_here) in (list(range(1, 10)), list(range(10)))


def test_one_core_takes_no_other_thread(two_cores):
    with one_core():
        assert set(share(lambda _: threading.get_ident(), range(20))) == {threading.get_ident()}


def test_what_goes_wrong_in_a_block_is_raised_here(two_cores):
    with pytest.raises(ZeroDivisionError):
        share(lambda item: 1 // item, [3, 0, 2])


@pytest.mark.parametrize(("wanted", "expected"), [("1", 1), ("", None), ("many", None), ("0", None), ("9999", None)])
def test_threads_may_be_fewer_than_cores_but_not_more(monkeypatch, wanted, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = usable_cores()
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert usable_cores() == (expected or cores)


def test_whatever_the_size_of_train_a_protocol_gets_one_thread_of_blas(monkeypatch):
    def look(*_):
        assert {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"} == {1}
        raise InterruptedError

    stub = MagicMock()
    stub.find_protocol().trains_backbone = False
    stub.drawn_partition().train = range(100_000)
    for name in ("find_protocol", "find_scoring", "build_material"):
        monkeypatch.setattr(execute, name, getattr(stub, name))
    monkeypatch.setattr(execute, "tune_protocol", look)
    with threadpool_limits(2), pytest.raises(InterruptedError):
        execute.execute(stub, stub)

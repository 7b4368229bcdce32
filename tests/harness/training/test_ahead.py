"""Reading ahead changes when things are read, and nothing else."""

import threading

import pytest

from harness.training.ahead import read_ahead


def test_items_come_in_order_and_are_read_one_after_the_other_by_another_thread():
    readers, log = set(), []

    def read(item):
        readers.add(threading.get_ident())
        log.append(item)
        return item**2

    assert list(read_ahead(iter(range(5)), read)) == [(i, i**2) for i in range(5)]
    assert log == list(range(5))
    assert readers.isdisjoint({threading.get_ident()})
    assert list(read_ahead([], read)) == []


def test_while_one_is_worked_on_the_next_is_read_and_no_other():
    read = [threading.Event() for _ in range(4)]
    batches = read_ahead(range(4), lambda item: read[item].set())
    next(batches)
    assert read[1].wait(timeout=10)
    assert not read[2].is_set()
    batches.close()


def test_an_error_is_raised_when_its_turn_comes():
    batches = read_ahead([4, 2, 0, 1], lambda item: 4 // item)
    assert [next(batches), next(batches)] == [(4, 1), (2, 2)]
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_what_is_not_wanted_any_more_is_not_read():
    log = []
    batches = read_ahead(range(100), log.append)
    next(batches)
    batches.close()
    assert len(log) <= 2

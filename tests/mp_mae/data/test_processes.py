"""Pools of processes end, whatever became of one of theirs."""

import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor
from functools import partial

import pytest

from mp_mae.data.processes import clean_pool

WAIT = 60
"""Seconds after which what should end has not."""


def _stay():
    """What a process is at that outlives the end of its pool: it was started while another was killed, say."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def _use_a_pool(raises):
    with clean_pool(2, "mp_mae.data.processes") as pool:
        stays = pool.submit(_stay)
        while not stays.running():
            time.sleep(0.01)
        time.sleep(1)
        killed = pool.submit(partial(os.kill, pool.submit(os.getpid).result(WAIT), signal.SIGKILL))
        with pytest.raises(BrokenExecutor):
            killed.result(WAIT)
        if raises:
            raise LookupError


@pytest.mark.parametrize("raises", [False, True])
def test_a_pool_of_which_a_process_was_killed_ends_although_another_does_not(raises):
    ended = []

    def use():
        try:
            _use_a_pool(raises)
        except LookupError:
            ended.append("raised")
        else:
            ended.append("left")

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(WAIT)
    assert ended == ["raised" if raises else "left"]

"""An interruption has its exit code, whoever still listens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INTERRUPTED = """
import os, signal
from harness.cli.interruption import end_on_signals

def work():
    print("a line that nobody reads")
    os.kill(os.getpid(), signal.SIGINT)

end_on_signals(work)
"""


def test_a_reader_that_is_gone_does_not_change_the_exit_code():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", INTERRUPTED],
            stdout=writing,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert ended.returncode == 130
    assert ended.stderr.splitlines() == [
        "interrupted; what was finished is stored, and the same command goes on from there"
    ]


FINISHING = """
import os, signal, sys, threading, time
from harness.cli.interruption import end_on_signals, finishing

def work():
    told = threading.Event()
    with finishing(told.set, "no more"):
        os.kill(os.getpid(), signal.SIGTERM)
        told.wait(30)
        time.sleep(float(sys.argv[1]))  # what had begun
        print("finished", flush=True)
        if sys.argv[2:]:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(30)
    print("never", flush=True)

end_on_signals(work)
"""


@pytest.mark.parametrize("again", [[], ["again"]])
def test_work_that_finishes_what_had_begun_is_ended_by_the_second_interruption(again):
    ended = subprocess.run(
        [sys.executable, "-c", FINISHING, "1.5", *again],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (143, "finished\n")
    assert ended.stderr.splitlines() == [
        "no more",
        "interrupted; what was finished is stored, and the same command goes on from there",
    ]

"""An interruption has its exit code, whoever still listens."""

import os
import subprocess
import sys
from pathlib import Path

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

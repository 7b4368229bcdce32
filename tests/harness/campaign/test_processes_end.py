"""However a command ends, none of its processes outlives it: killed, terminated or interrupted, really."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from geobench_files import write_dataset, write_partition
from harness.campaign.dividing.claims import grid_folder
from leaderboards.query import run_query

ROOT = Path(__file__).parents[3]
GOES_ON = "interrupted: [0-9]+ runs? stored; the same command goes on from there"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts processes in /proc"),
]

WITH_A_POOL = 5
"""Processes: the command, the server, two that work, and the tracker of resources that Python starts beside them."""

BUSY_POOL = """
import ctypes, sys, time
from mp_mae.data.processes import clean_pool

def hang():  # as C code does that waits for something and lets no other thread run
    ctypes.PyDLL(None).sleep(600)

if __name__ == "__main__":
    with clean_pool(2, "mp_mae.data.processes") as pool:
        jobs = [pool.submit(time.sleep, 600), pool.submit(hang)]
        while not all(job.running() for job in jobs):
            time.sleep(0.01)
        time.sleep(0.5)
        print("busy", flush=True)
        jobs[0].result()
"""
"""One process sleeps, the other hangs where no thread of its own gets a turn."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    directory = write_dataset(root, n_samples=72)
    names = [f"id_{i}" for i in range(72)]
    write_partition(directory, "default", train=names[36:], valid=names[:18], test=names[18:36])
    return root


@pytest.fixture
def start(tmp_path):
    """Start a command in a session of its own, which is killed whatever the test does."""
    started = []

    def start(*arguments):
        with (tmp_path / "printed.txt").open("w") as printed:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                env=ENVIRONMENT,
                cwd=ROOT,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if members(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def members(session: int) -> list[int]:
    """Processes of a session that are alive, zombies left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of_session = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of_session) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_until(condition, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def end(process, number, whole_group=False, times=1):
    """Send the signal; the seconds until the process was gone, and the processes alive two seconds after that."""
    for again in range(times):
        time.sleep(0.3 * bool(again))
        (os.killpg if whole_group else os.kill)(process.pid, number)
    sent = time.monotonic()
    process.wait(timeout=300)
    seconds = time.monotonic() - sent
    time.sleep(2.0)
    return seconds, members(process.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_busy_processes_and_their_server_end_with_what_started_them(start, tmp_path, number):
    (tmp_path / "busy.py").write_text(BUSY_POOL)
    process = start(str(tmp_path / "busy.py"))
    wait_until(lambda: "busy" in (tmp_path / "printed.txt").read_text())
    assert len(members(process.pid)) >= WITH_A_POOL
    _, alive = end(process, number)
    assert alive == []
    assert process.returncode == -number


@pytest.mark.parametrize(
    ("number", "whole_group", "times", "code"),
    [
        (signal.SIGINT, True, 2, 130),  # a terminal sends Ctrl-C to all processes at once
        (signal.SIGTERM, False, 2, 143),
        (signal.SIGTERM, False, 1, 143),
        (signal.SIGKILL, False, 1, -9),
    ],
)
def test_a_run_with_a_pool_leaves_no_process_and_no_traceback(start, data, tmp_path, number, whole_group, times, code):
    """Once, it finishes what it has begun; twice, it is gone within two seconds."""
    process = start(
        "-m", "harness", "run", "--backbone", "image_statistics", "--geobench-dir", str(data), "--workers", "2",
        "--protocols", "linear_probe,few_shot", "--train-draw", "seed", "--seeds", "0-499", "--select", "cv",
        "--shots", "5,10", "--db", str(tmp_path / "board.duckdb"), "--cache-dir", str(tmp_path / "cache"),
        "--device", "cpu",
    )  # fmt: skip
    wait_until(lambda: len(members(process.pid)) >= WITH_A_POOL or process.poll() is not None)
    time.sleep(1.0)
    assert process.poll() is None, (tmp_path / "printed.txt").read_text()
    seconds, alive = end(process, number, whole_group, times)
    printed = (tmp_path / "printed.txt").read_text()
    assert (alive, process.returncode) == ([], code)
    assert "Traceback" not in printed
    assert bool(re.search(GOES_ON, printed)) == (code > 0)
    assert ("runs that have begun are finished" in printed) == (code > 0)
    if code < 0 or times == 2:
        assert seconds < 2.0
    else:
        stored = int(re.search(GOES_ON, printed)[0].split()[1])
        assert run_query(tmp_path / "board.duckdb", "SELECT count(*) FROM runs").rows == [(stored,)]
        assert list((grid_folder(tmp_path / "board.duckdb") / "claims").glob("*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_processes_start_is_answered_as_soon(start, data, tmp_path, number):
    process = start(
        "-m", "harness", "run", "--backbone", "image_statistics", "--geobench-dir", str(data), "--workers", "2",
        "--protocols", "few_shot", "--seeds", "0-499", "--select", "cv", "--shots", "5,10",
        "--db", str(tmp_path / "board.duckdb"), "--cache-dir", str(tmp_path / "cache"), "--device", "cpu",
    )  # fmt: skip
    wait_until(lambda: len(members(process.pid)) >= 2 or process.poll() is not None)  # the server imports PyTorch now
    seconds, alive = end(process, number, whole_group=number == signal.SIGINT, times=2)
    assert (alive, process.returncode) == ([], 128 + number)
    assert seconds < 2.0
    printed = (tmp_path / "printed.txt").read_text()
    assert re.search(GOES_ON, printed)
    assert "Traceback" not in printed
    assert "resource_tracker" not in printed


def test_a_terminated_simulation_takes_its_processes_along(start, tmp_path):
    process = start(
        "-m", "mp_mae", "demo", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"), "--tiles", "20000"
    )
    wait_until(lambda: len(members(process.pid)) >= WITH_A_POOL or process.poll() is not None)
    time.sleep(1.0)
    _, alive = end(process, signal.SIGTERM)
    printed = (tmp_path / "printed.txt").read_text()
    assert (alive, process.returncode) == ([], 143), printed
    assert "Traceback" not in printed

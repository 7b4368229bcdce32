"""One grid, however it is carried out: by one process, a pool, shares, or several at once, some of them killed."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from grid_runs import N_RUNS, rows, start, words, write_datasets
from harness.campaign.dividing.claims import grid_folder
from leaderboards.merge import merge
from leaderboards.query import run_query
from leaderboards.store import open_leaderboard
from ray_cluster import busy_processes, remove_a_node, two_nodes

SECONDS = 900
MOST_KILLS, KILLS_FOR_A_DRIVER = 30, 8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_datasets(tmp_path_factory.mktemp("data"))


def carry_out(commands, folder, codes=(0,)):
    """Commands at once, to their end; what each printed."""
    started = [start(command, folder / f"printed-{number}.txt") for number, command in enumerate(commands)]
    ended = [process.wait(timeout=SECONDS) for process in started]
    printed = [(folder / f"printed-{number}.txt").read_text() for number in range(len(commands))]
    assert set(ended) <= set(codes), "\n".join(printed)
    return printed


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """The rows of one process."""
    folder = tmp_path_factory.mktemp("alone")
    carry_out([words(data, folder / "x.duckdb", folder / "cache")], folder)
    assert not grid_folder(folder / "x.duckdb").exists()
    found = rows(folder / "x.duckdb")
    assert len({row[0] for row in found}) == N_RUNS
    return found


@pytest.mark.slow
def test_a_pool_makes_the_same_rows(alone, data, tmp_path):
    carry_out([words(data, tmp_path / "x.duckdb", tmp_path / "cache", "--workers", "2")], tmp_path)
    assert rows(tmp_path / "x.duckdb") == alone


@pytest.mark.slow
def test_four_shares_merged_are_the_same_rows(alone, data, tmp_path):
    boards = [tmp_path / f"{number}.duckdb" for number in range(1, 5)]
    for number, board in enumerate(boards, start=1):
        carry_out([words(data, board, tmp_path / "cache", "--shard", f"{number}/4")], tmp_path)
    merged = open_leaderboard(tmp_path / "all.duckdb")
    added = [merge(merged, board).added for board in boards]
    assert sum(added) == N_RUNS
    assert min(added) > N_RUNS / 8
    assert rows(merged.path) == alone


@pytest.mark.slow
def test_a_command_started_three_times_shares_the_work(alone, data, tmp_path):
    board = tmp_path / "x.duckdb"
    printed = carry_out([words(data, board, tmp_path / "cache")] * 3, tmp_path)
    assert rows(board) == alone
    assert not grid_folder(board).exists()
    assert sum("\n[" in text for text in printed) > 1, "one alone has told of groups that it did"


@pytest.mark.slow
def test_every_row_is_there_once_whoever_is_killed(alone, data, tmp_path):
    """Drivers are killed again and again, their pools with them; whoever is left or comes anew goes on."""
    board, chance, n_kills = tmp_path / "x.duckdb", random.Random(0), 0
    command = words(data, board, tmp_path / "cache", "--workers", "2")
    running = []
    deadline = time.monotonic() + SECONDS
    while n_kills < 20:
        assert time.monotonic() < deadline
        running = [process for process in running if process.poll() is None]
        while len(running) < 2:
            running.append(start(command, tmp_path / f"printed-{time.monotonic_ns()}.txt"))
        time.sleep(chance.uniform(2, 8))
        victims = [(running[0].pid, True)] if n_kills % 7 == 3 else [(pid, False) for pid in workers_of(running)]
        for pid, _ in chance.sample(victims, min(1, len(victims))):
            os.kill(pid, signal.SIGKILL)
            n_kills += 1
    for process in running:
        process.wait(timeout=SECONDS)
    carry_out([command], tmp_path)
    assert rows(board) == alone
    assert not grid_folder(board).exists()


@pytest.mark.slow
def test_every_row_is_there_once_whatever_of_a_ray_cluster_is_killed(alone, data, tmp_path):
    """All that is busy on two nodes is killed again and again, twice the driver, and one node is removed for good.

    A run whose process was killed three times has failed; the command that is started next tries it again."""
    board, n_kills, n_dead_drivers, n_rows, driver = tmp_path / "x.duckdb", 0, 0, 0, None
    deadline = time.monotonic() + 2 * SECONDS
    with two_nodes() as cluster:
        command = words(
            data, board, tmp_path / "cache", "--executor", "ray", "--ray-address", cluster.address, "--retry-failed"
        )
        while n_rows < N_RUNS:
            assert time.monotonic() < deadline
            if driver is None or driver.poll() is not None:
                driver = start(command, tmp_path / f"printed-{time.monotonic_ns()}.txt")
            time.sleep(0.2)
            before, n_rows = n_rows, count(board)
            if n_rows == before or n_kills >= MOST_KILLS:
                continue
            for pid in list(busy_processes(cluster)):
                os.kill(pid, signal.SIGKILL)
                n_kills += 1
            if n_dead_drivers < 2 and n_kills >= KILLS_FOR_A_DRIVER * (n_dead_drivers + 1):
                driver.kill()
                driver.wait()
                n_dead_drivers += 1
            if n_kills >= MOST_KILLS / 2 and len(cluster.list_all_nodes()) > 1:
                remove_a_node(cluster)
        assert driver.wait(timeout=SECONDS) == 0
        assert len(cluster.list_all_nodes()) == 1
    print(f"{n_kills} processes and {n_dead_drivers} drivers killed, {N_RUNS} runs")
    assert n_kills >= 20
    assert n_dead_drivers == 2
    assert rows(board) == alone
    assert not grid_folder(board).exists()


def count(board):
    """Runs that are in a leaderboard."""
    return run_query(board, "SELECT count(*) FROM runs").rows[0][0] if board.exists() else 0


def workers_of(processes: "list[subprocess.Popen[bytes]]") -> list[int]:
    """All descendants of these commands, which are leaders of their sessions."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) in {process.pid for process in processes} and state != "Z":
            found.append(int(stat.parent.name))
    return found

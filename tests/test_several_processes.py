"""`accelerate launch -m harness run`: one leaderboard, each run there once, with the scores of a single process."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from generated_patches import SCENES
from leaderboards.query import run_query

HERE = Path(__file__).parents[1]


@pytest.mark.slow
def test_two_processes_store_what_one_does(patches, tmp_path):
    scores = {count: _scores(patches, tmp_path / str(count), count) for count in (1, 2)}
    assert [row[:2] for row in scores[1]] == [row[:2] for row in scores[2]]
    assert len(scores[1]) == 4
    for (protocol, _, alone), (_, _, together) in zip(scores[1], scores[2], strict=True):
        assert together == pytest.approx(alone, abs=1e-9 if protocol == "knn" else 0.05)


def _scores(patches: Path, folder: Path, count: int) -> list[tuple[str, int, float]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [
        sys.executable, "-m", "harness", "run", "--backbone", "random_init_demo", "--geobench-dir", str(patches),
        "--datasets", SCENES, "--input-size", "8", "--protocols", "knn,fine_tune",
        "--seeds", "0,1", "--cache-dir", str(folder / "cache"),
        "--db", str(folder / "board.duckdb"), "--device", "cpu", "--missing-bands", "nearest",
    ]  # fmt: skip
    processes = []
    for rank in range(count):
        environment = {
            **os.environ, "WORLD_SIZE": str(count), "RANK": str(rank), "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        if count == 1:
            del environment["WORLD_SIZE"], environment["RANK"], environment["LOCAL_RANK"]
        processes.append(
            subprocess.Popen(
                command, env=environment, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    printed = [process.communicate(timeout=500)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * count, "\n".join(printed)
    assert printed[1:] == [""] * (count - 1), "only the first process says something"
    query = "SELECT protocol, seed, value FROM leaderboard ORDER BY ALL"
    return run_query(folder / "board.duckdb", query).rows

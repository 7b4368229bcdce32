"""The scripts of `examples/cluster` do a grid, as a Slurm job would start them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grid_runs import ROOT, write_datasets
from leaderboards.query import run_query

SCRIPTS = ROOT / "examples" / "cluster"
NAMES = sorted(path.name for path in SCRIPTS.glob("*.sh"))
N_RUNS = 8
SRUN = """#!/bin/bash
"$@" & first=$!
"$@"
wait $first
"""
"""In the place of Slurm's: two tasks, and no other word than the command."""


def start(name, *words, **environment):
    return subprocess.run(
        [SCRIPTS / name, *map(str, words)],
        env={**os.environ, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )


@pytest.fixture
def grid(tmp_path):
    """Words of a small one: two backbones on two datasets by two seeds."""
    return [
        "--backbone", "image_statistics,random_features", "--geobench-dir", write_datasets(tmp_path / "data", 2),
        "--protocols", "few_shot_nearest_mean", "--shots", "1", "--budgets", "72", "--seeds", "0,1", "--device", "cpu",
        "--workers", "1", "--cache-dir", tmp_path / "cache",
    ]  # fmt: skip


def n_runs(board: Path) -> int:
    return run_query(board, "SELECT count(*) FROM runs").rows[0][0]


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_sound_and_can_be_started(name):
    assert subprocess.run(["bash", "-n", SCRIPTS / name], check=False).returncode == 0
    assert os.access(SCRIPTS / name, os.X_OK)


@pytest.mark.slow
def test_shares_of_a_job_array_are_merged(grid, tmp_path):
    for number in (1, 2):
        start(
            "slurm_shares.sh", tmp_path / "results", *grid,
            SLURM_ARRAY_TASK_ID=str(number), SLURM_ARRAY_TASK_COUNT="2",
        )  # fmt: skip
    parts = [n_runs(tmp_path / "results" / f"{number}.duckdb") for number in (1, 2)]
    assert sum(parts) == N_RUNS
    assert min(parts) > 0
    start("merge.sh", tmp_path / "results", tmp_path / "all.duckdb")
    assert n_runs(tmp_path / "all.duckdb") == N_RUNS


@pytest.mark.slow
def test_shares_side_by_side_are_merged_and_again_change_nothing(grid, tmp_path):
    for _ in range(2):
        start("parallel_shares.sh", 2, 2, tmp_path / "results", *grid)
        assert n_runs(tmp_path / "results" / "all.duckdb") == N_RUNS


@pytest.mark.slow
def test_tasks_of_one_job_share_a_leaderboard(grid, tmp_path):
    (tmp_path / "srun").write_text(SRUN)
    (tmp_path / "srun").chmod(0o755)
    start(
        "slurm_together.sh", *grid, "--db", tmp_path / "all.duckdb", PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    )
    assert n_runs(tmp_path / "all.duckdb") == N_RUNS

"""What a grid costs beside its runs: 401 runs of a cheap protocol, and the same command when all of them are there.

In seconds of computing, of this machine's cores together, so that it may be busy. Run: pytest
tests/benchmarks/bench_grid.py -s
"""

import resource
import subprocess

from grid_runs import ENVIRONMENT, ROOT, words, write_datasets
from leaderboards.query import run_query

GOAL_A_RUN = 0.05
N_RUNS = 400


def computing(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=ENVIRONMENT, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_what_a_run_costs(tmp_path):
    command = words(
        write_datasets(tmp_path / "data", 1), tmp_path / "x.duckdb", tmp_path / "cache",
        "--protocols", "few_shot_nearest_mean", "--seeds", "0-199",
    )  # fmt: skip
    command[command.index("image_statistics,random_features")] = "image_statistics"
    first, second = computing(command), computing(command)
    ((n_runs, median),) = run_query(tmp_path / "x.duckdb", "SELECT count(*), median(seconds) FROM runs").rows
    assert n_runs >= N_RUNS
    a_run = (first - second) / n_runs
    print(f"\n{n_runs} runs: {first:.1f} s, the same command again {second:.1f} s; a run {1000 * a_run:.0f} ms,")
    print(f"of which its protocol takes about {1000 * median:.0f} ms (median, by the clock)")
    assert a_run - median < GOAL_A_RUN

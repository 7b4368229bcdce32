"""A grid of cheap runs, carried out by commands, for tests of what becomes of it when they share it, fail or die.

Two backbones, one of which has other weights for each seed, on 4 datasets of 72 images, by knn and by
few_shot_nearest_mean of 3 and 12 labels, with 13 seeds.
"""

import os
import subprocess
import sys
from pathlib import Path

from geobench_files import write_dataset, write_partition
from leaderboards.query import run_query

ROOT = Path(__file__).parents[1]
N_RUNS = 264
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def write_datasets(root: Path, n_datasets: int = 4) -> Path:
    """Datasets of three classes, half of each to train on."""
    names = [f"id_{i}" for i in range(72)]
    for number in range(n_datasets):
        directory = write_dataset(root, f"toy{number}", n_samples=72)
        write_partition(directory, "default", train=names[36:], valid=names[:18], test=names[18:36])
    return root


def words(data: Path, db: Path, cache: Path, *more: str) -> list[str]:
    """The command that carries out the grid; what stands in `more` counts."""
    return [
        sys.executable, "-m", "harness", "run", "--geobench-dir", str(data),
        "--backbone", "image_statistics,random_features",
        "--protocols", "knn,few_shot_nearest_mean", "--shots", "1", "--budgets", "12", "--seeds", "0-12",
        "--missing-bands", "zero", "--device", "cpu", "--workers", "1", "--db", str(db),
        "--cache-dir", str(cache), *more,
    ]  # fmt: skip


def start(command: list[str], printed: Path) -> "subprocess.Popen[bytes]":
    """A command in a session of its own, whose output goes to a file."""
    with printed.open("wb") as file:
        return subprocess.Popen(
            command, env=ENVIRONMENT, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )


def rows(db: Path) -> list[tuple[object, ...]]:
    """What runs came to, and nothing of when, where or how fast."""
    query = (
        "SELECT runs.*, metrics.* EXCLUDE (run_id) FROM (SELECT * EXCLUDE (seconds, images_per_second, finished_at, "
        "provenance) FROM runs) AS runs JOIN metrics USING (run_id) ORDER BY ALL"
    )
    return run_query(db, query).rows

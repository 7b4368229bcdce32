"""Commands that read results start at once: none waits the seconds that importing PyTorch or scikit-learn takes."""

import os
import subprocess
import sys
from pathlib import Path

from geobench_files import write_dataset
from report_boards import campaign, published, write_board

ROOT = Path(__file__).parents[3]
SCRIPT = """
import shlex, sys
from typer.testing import CliRunner
from harness.cli.app import app

for line in sys.stdin:
    result = CliRunner().invoke(app, shlex.split(line))
    print(line.split()[0], result.exit_code, *sorted({"torch", "timm", "sklearn"} & set(sys.modules)))
"""


def test_none_imports_what_only_training_needs(tmp_path):
    records = campaign(backbones=("mp_mae", "image_statistics"), datasets=("m-eurosat",))
    read = published("resnet50", "m-eurosat", 0.9)
    write_board(tmp_path / "board.duckdb", [*records, read])
    lines = (
        "leaderboard", "sql 'SELECT 1'", f"show {read.run.run_id}", "export board.csv", "curve",
        "check --baseline board.json --update", "compare mp_mae image_statistics", "report --out board.html", "replay",
    )  # fmt: skip
    commands = "\n".join(f"{line} --db board.duckdb" for line in lines) + "\nbackbones\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=commands,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [f"{line.split()[0]} 0" for line in (*lines, "backbones")], done.stderr


RUN = """
import sys
from harness.__main__ import main

sys.argv = ["harness", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    slow = {"timm", "torchvision", "torch._dynamo", "sklearn", "matplotlib", "optuna", "triton", "scipy"}
    print(end.code or 0, *sorted(slow & set(sys.modules)))
"""


def test_a_run_without_networks_imports_no_library_of_networks_and_none_in_vain(tmp_path):
    """They take more than half of the seconds that a command would need to start."""
    write_dataset(tmp_path)
    command = "run --backbone image_statistics --datasets toy --protocols knn,fine_tune --partitions default"
    places = ["--geobench-dir", tmp_path, "--cache-dir", tmp_path / "cache", "--db", tmp_path / "b.duckdb"]
    for further, needed in (
        ((), {"scipy", "triton"}),  # the one for intervals, the other by PyTorch where it is there: operations count
        (("--dry-run",), set()),
    ):
        done = subprocess.run(
            [sys.executable, "-c", RUN, *command.split(), *map(str, places), *further],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        code, *imported = done.stdout.splitlines()[-1].split()
        assert code == "0", done.stdout + done.stderr
        assert set(imported) <= needed

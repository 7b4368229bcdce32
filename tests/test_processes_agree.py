"""What goes wrong in one of several processes ends there and then for all of them, in one line of the first."""

import sys
from pathlib import Path

import pytest

from geobench_files import write_dataset
from leaderboards.query import run_query
from processes import launch

HERE = Path(__file__).parents[1]

COMMAND = """
import os, sys
from dataclasses import replace

import torch

import harness.campaign.carry_out, harness.execution.execute, harness.training.choose, harness.protocols
from harness.errors import UserError
from harness.training.network import ImageNetwork
from harness.training.recipe import FineTuneSettings
from harness.training.fine_tuning import Training

entry = harness.protocols.PROTOCOLS["fine_tune"]
brief = FineTuneSettings(epochs=1, min_updates=4, batch_size=4, evaluations=2)
harness.protocols.PROTOCOLS["fine_tune"] = replace(entry, settings=brief)

def fails_once(owner, name, error, at_call):
    original, calls = getattr(owner, name), []
    def failing(*arguments, **options):
        calls.append(name)
        if len(calls) == at_call:
            error()
        return original(*arguments, **options)
    setattr(owner, name, failing)

def disk_error():
    raise OSError("the disk is gone")

def user_error():
    raise UserError("no data here")

where = sys.argv.pop(1)
if os.environ["RANK"] == "1":
    match where:
        case "planning":
            fails_once(harness.campaign.carry_out, "build_plan", user_error, at_call=1)
        case "a job":
            fails_once(harness.execution.execute, "build_material", disk_error, at_call=1)
        case "an update":
            fails_once(Training, "_loss", disk_error, at_call=3)
        case "reading ahead":
            fails_once(Training, "_read", disk_error, at_call=3)
        case "a look at valid":
            fails_once(Training, "predict", disk_error, at_call=1)
        case "the optimizer":
            fails_once(torch.optim.AdamW, "step", disk_error, at_call=1)
        case "keeping a network":
            fails_once(harness.training.choose, "snapshot", disk_error, at_call=1)
        case "taking the kept network":
            fails_once(ImageNetwork, "load_state_dict", disk_error, at_call=1)
        case "the second process":
            fails_once(Training, "_loss", lambda: os._exit(9), at_call=3)

from harness.cli.app import main

main()
"""


def run_two(folder, where):
    """Two processes train two runs, the second process fails as told: (exit code, what it printed) of each."""
    write_dataset(folder / "data", n_samples=12)
    command = [
        sys.executable, "-c", COMMAND, where, "run", "--backbone", "random_init",
        "--geobench-dir", str(folder / "data"), "--protocols", "fine_tune", "--seeds", "0,1",
        "--cache-dir", str(folder / "cache"), "--device", "cpu",
        "--db", str(folder / "board.duckdb"), "--missing-bands", "nearest",
    ]  # fmt: skip
    return launch(command, None, 2, 240, {"PYTHONPATH": str(HERE), "ACCELERATE_USE_CPU": "true"})


@pytest.mark.slow
def test_a_failure_in_planning_ends_the_command(tmp_path):
    first, second = run_two(tmp_path, "planning")
    assert first[0] == second[0] == 2
    assert [line for line in first[1].splitlines() if "error" in line] == ["error: process 1: no data here"]
    assert second[1] == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    [
        "a job", "an update", "reading ahead", "a look at valid", "the optimizer", "keeping a network",
        "taking the kept network",
    ],
)  # fmt: skip
def test_a_failure_in_a_run_costs_this_run_alone(tmp_path, where):
    first, second = run_two(tmp_path, where)
    assert (first[0], second) == (1, (0, "")), first[1]
    (failed,) = [line for line in first[1].splitlines() if line.startswith("failed: ")]
    assert "process 1: OSError: the disk is gone" in failed
    assert run_query(tmp_path / "board.duckdb", "SELECT seed FROM runs").rows == [(1,)]


@pytest.mark.slow
def test_a_process_that_is_gone_is_not_waited_for(tmp_path):
    first, second = run_two(tmp_path, "the second process")
    assert (first[0], second[0]) == (1, 9)
    (failed,) = [line for line in first[1].splitlines() if line.startswith("failed: ")]
    assert "another of the processes is gone, and its own output says why" in failed

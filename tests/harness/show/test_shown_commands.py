"""The command that `show` prints asks for the very run it was printed for."""

import shlex
from pathlib import Path

import pytest

from baselines.entry import DEMO_WEIGHTS
from baselines.registry import find_backbone
from command_line import harness
from geobench_files import write_dataset
from harness.campaign import carry_out
from harness.campaign.plan import build_plan
from harness.data.sources.source import SIMULATED_FILE
from harness.execution.provenance import describe_choices
from harness.records.identity import configuration
from harness.records.job import Job
from harness.show.reproduce import places as places_left_open
from harness.show.reproduce import reproducing_command
from harness.show.run_details import find_run
from leaderboards.query import run_query


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that is of the demo suite by its files, so that shipped weights serve."""
    root = tmp_path_factory.mktemp("shown")
    (root / "demo").mkdir()
    directory = write_dataset(root, n_samples=12).rename(root / "demo" / "toy")
    (directory / SIMULATED_FILE).write_text("{}")
    return root


@pytest.fixture
def planned(data: Path, monkeypatch: pytest.MonkeyPatch):
    """Words of `run` -> the one job that they plan. Nothing is executed; weights are looked for among those shipped."""

    def plan(words: list[str]) -> Job:
        lines = []
        monkeypatch.setattr(
            carry_out,
            "build_plan",
            lambda request, workbench, convert: lines.extend(build_plan(request, workbench, convert=True)) or lines,
        )
        places = ("--geobench-dir", data, "--cache-dir", data / "cache", "--device", "cpu", "--dry-run")
        done = harness("run", *words, *places, cwd=DEMO_WEIGHTS)
        assert done.returncode == 0, done.stderr
        (job,) = [line.job for line in lines if line.job]
        return job

    return plan


KNN = ("--alone", "--protocols", "knn", "--seeds", "0", "--partitions", "default", "--missing-bands", "nearest")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--backbone", "mp_mae", *KNN], "--backbone mp_mae --alone --datasets"),
        (["--backbone", "clip?embedding=average", *KNN], "--backbone 'clip?embedding=average' --alone --datasets"),
        (["--weights", "mp_mae=optical_mae", "--backbone", "mp_mae", *KNN], "--weights mp_mae=optical_mae"),
        (["--weights", "first=optical_mae:mp_mae", *KNN], "run --weights first=optical_mae:mp_mae --alone --datasets"),
        (["--backbone", "mp_mae", *KNN, "--set", "knn.k=3,knn.candidates=9,3"], "--set knn.k=3"),
        (["--backbone", "mp_mae", *KNN, "--input-size", "32"], "--input-size 32"),
        (
            [
                "--backbone",
                "image_statistics",
                "--alone",
                "--protocols",
                "few_shot",
                "--shots",
                "1",
                "--budgets",
                "",
                "--seeds",
                "2",
            ],
            "--shots 1",
        ),
    ],
    ids=["shipped", "shipped, with a wish", "given", "named", "settings", "size", "few labels"],
)
def test_it_asks_for_the_same_run(planned, words: list[str], told: str) -> None:
    job = planned(words)
    stored_as = find_backbone(job.backbone).name
    command = reproducing_command(stored_as, configuration(job.run), describe_choices(job))
    assert told in command
    again = planned(shlex.split(command)[4:])
    assert (again.run_id, find_backbone(again.backbone).name) == (job.run_id, stored_as)


def test_a_named_checkpoint_keeps_its_name_in_rows_and_in_the_command_shown(data: Path, tmp_path: Path) -> None:
    places = ("--geobench-dir", data, "--cache-dir", data / "cache", "--db", tmp_path / "board.duckdb")
    words = ("--weights", "first=optical_mae:mp_mae", *KNN, "--device", "cpu", "--workers", 1)
    done = harness("run", *words, *places, cwd=DEMO_WEIGHTS)
    assert done.returncode == 0, done.stderr
    (row,) = run_query(tmp_path / "board.duckdb", "SELECT backbone, run_id FROM runs").rows
    assert row[0] == "first"
    details = find_run(tmp_path / "board.duckdb", row[1])
    assert details.command is not None
    assert "--weights first=optical_mae:mp_mae --alone" in details.command
    assert places_left_open(details.run) == [
        f"optical_mae stands for your path to the weights with SHA-256 {details.run['weights_sha256'][:12]}"
    ]

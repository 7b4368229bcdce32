"""The whole command on nine patches with many bands, a checkpoint in the official layout, and rows read by SQL."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import torch

from command_line import harness
from generated_patches import COVERS, SCENES
from leaderboards.errors import UnavailableError
from leaderboards.store import Session
from mp_mae.checkpoint import Checkpoint, TrainingSummary, load_checkpoint, save_checkpoint
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.encoder import build_encoder
from official_checkpoint import write_official_checkpoint
from shared_fixtures import shared_fixtures

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_official_checkpoint(tmp_path_factory.mktemp("weights") / "official.pth", "56_8")


@pytest.fixture(scope="module")
def finished(checkpoint, patches, tmp_path_factory):
    """One finished command: its folder, the arguments, and what it printed."""
    folder = tmp_path_factory.mktemp("run")
    arguments = (
        "run", "--backbone", "mp_mae", "--weights", checkpoint, "--geobench-dir", patches,
        "--partitions", "default,1.00x_train", "--missing-bands", "nearest", "--cache-dir", folder / "cache",
        "--device", "cpu",
    )  # fmt: skip
    return folder, arguments, harness(*arguments, cwd=folder)


def test_a_run_fills_the_leaderboard(finished, checkpoint, patches):
    folder, _, printed = finished
    assert printed.returncode == 0, printed.stderr
    with duckdb.connect(folder / "leaderboards" / "leaderboard.duckdb", read_only=True) as connection:
        rows = connection.execute(
            "SELECT dataset, suite, backbone, protocol, partition, n_labels_fit, n_labels_select, n_test, metric "
            "FROM runs ORDER BY metric, dataset, protocol, partition"
        ).fetchall()
        suite = f"user:{patches.name}"
        assert rows == [
            (SCENES, suite, "mp_mae", "knn", "1.00x_train", 5, 0, 2, "f1_micro"),
            (SCENES, suite, "mp_mae", "knn", "default", 5, 0, 2, "f1_micro"),
            (SCENES, suite, "mp_mae", "linear_probe", "1.00x_train", 5, 2, 2, "f1_micro"),
            (SCENES, suite, "mp_mae", "linear_probe", "default", 5, 2, 2, "f1_micro"),
            (COVERS, suite, "mp_mae", "linear_probe", "1.00x_train", 5, 2, 2, "miou"),
            (COVERS, suite, "mp_mae", "linear_probe", "default", 5, 2, 2, "miou"),
        ]
        value, low, high = connection.execute(
            "SELECT value, ci_low, ci_high FROM leaderboard "
            f"WHERE dataset = '{SCENES}' AND protocol = 'linear_probe' AND partition = 'default'"
        ).fetchone()
        assert 0 <= low <= value <= high <= 1
        sha, configuration = connection.execute(
            f"SELECT DISTINCT weights_sha256, configuration FROM runs WHERE dataset = '{SCENES}' LIMIT 1"
        ).fetchone()
        assert sha == load_checkpoint(checkpoint).sha256
        configuration = json.loads(configuration)
        assert configuration["bands"] == ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B8", "B9", "B11", "B12"]
        assert configuration["band_sources"][7:9] == ["08A - Vegetation Red Edge", "08 - NIR"]
        predicted = connection.execute("SELECT count(DISTINCT sample) FROM predictions WHERE split = 'test'").fetchone()
        assert predicted == (2,)


def test_the_command_itself_runs_in_a_process_of_its_own(finished):
    folder, arguments, _ = finished
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "harness", *map(str, arguments)]
    again = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0
    assert "6 of 8 runs were in the leaderboard already" in again.stderr
    assert "Traceback" not in again.stderr


def test_what_came_of_it_what_was_skipped_and_what_lies_beside_the_leaderboard(finished):
    folder, _, printed = finished
    assert "linear_probe: test split, one seed, 7 labels" in printed.stdout
    assert re.search(rf"{SCENES} +[01]?\.\d{{3}} ±\.\d{{3}}", printed.stdout)
    assert "Open leaderboards/leaderboard-report.html\n" in printed.stderr, (
        "two partitions of the same samples make no curve"
    )
    assert (folder / "leaderboards" / "leaderboard-report.html").stat().st_size > 10_000
    assert f"{COVERS}, mp_mae (2 runs of knn): knn does not take segmentation labels" in printed.stderr


def test_asking_again_is_free_and_says_so(finished):
    folder, arguments, _ = finished
    again = harness(*arguments, cwd=folder)
    assert again.returncode == 0
    assert "in the leaderboard already" in again.stderr
    assert SCENES in again.stdout
    count = harness("sql", "SELECT count(*) AS n FROM runs", "--format", "csv", cwd=folder)
    assert count.stdout.split() == ["n", "6"]


def test_dry_run_knows_what_is_there_and_what_is_new(finished):
    folder, arguments, _ = finished
    plan = harness(*arguments, "--seeds", "0,1", "--dry-run", "--verbose", cwd=folder)
    assert plan.returncode == 0
    states = {
        name: [line.split()[-1] for line in plan.stdout.splitlines() if line.lstrip().startswith(name)]
        for name in (SCENES, COVERS)
    }
    assert states[SCENES] == ["done"] * 4 + ["same"] * 4, "no seed changes what is solved to convergence"
    assert states[COVERS] == ["done"] * 2 + ["new"] * 2, "a seed draws the pixels"


def test_dry_run_writes_nothing(checkpoint, patches, tmp_path):
    plan = harness(
        "run", "--backbone", "mp_mae", "--weights", checkpoint, "--geobench-dir", patches, "--dry-run",
        "--missing-bands", "nearest", "--cache-dir", tmp_path / "cache", cwd=tmp_path,
    )  # fmt: skip
    assert plan.returncode == 0, plan.stderr
    assert "to convert" in plan.stdout
    assert list(tmp_path.iterdir()) == []


def test_one_failing_run_leaves_the_others_alone(checkpoint, patches, tmp_path):
    """Both train samples of this partition have the same labels, so there is nothing for a linear probe to learn."""
    finished = harness(
        "run", "--backbone", "mp_mae", "--weights", checkpoint, "--geobench-dir", patches, "--datasets", SCENES,
        "--partitions", "0.50x_train", "--cache-dir", tmp_path / "cache", cwd=tmp_path,
    )  # fmt: skip
    assert finished.returncode == 1
    assert f"failed: {SCENES}, mp_mae, 0.50x_train, linear_probe: no label varies in train" in finished.stderr
    assert harness("sql", "SELECT protocol FROM runs", "--format", "csv", cwd=tmp_path).stdout.split()[1:] == ["knn"]


def run_while_locked(patches, tmp_path, monkeypatch, refusals):
    """One command of two runs; the leaderboard is locked for the first `refusals` commits."""
    original, attempts = Session.commit, []

    def locked_at_first(self, record):
        attempts.append(record.run.protocol)
        if len(attempts) <= refusals:
            raise UnavailableError("another program has the leaderboard open")
        original(self, record)

    monkeypatch.setattr(Session, "commit", locked_at_first)
    return harness(
        "run", "--backbone", "image_statistics", "--geobench-dir", patches, "--datasets", SCENES,
        "--protocols", "linear_probe,knn", "--cache-dir", tmp_path / "cache", cwd=tmp_path,
    )  # fmt: skip


def stored_protocols(folder):
    rows = harness("sql", "SELECT protocol FROM runs ORDER BY ALL", "--format", "csv", cwd=folder)
    return rows.stdout.split()[1:]


def test_a_run_that_cannot_be_stored_waits_and_goes_in_with_the_next(patches, tmp_path, monkeypatch):
    finished = run_while_locked(patches, tmp_path, monkeypatch, refusals=1)
    assert finished.returncode == 0, finished.stderr
    assert stored_protocols(tmp_path) == ["knn", "linear_probe"]


def test_a_run_that_had_to_wait_is_told_and_replayed(patches, tmp_path, monkeypatch):
    finished = run_while_locked(patches, tmp_path, monkeypatch, refusals=2)
    assert finished.returncode == 1
    assert "another program has the leaderboard open" in finished.stderr
    assert "python -m harness replay" in finished.stderr
    assert stored_protocols(tmp_path) == []
    assert harness("replay", cwd=tmp_path).returncode == 0
    assert stored_protocols(tmp_path) == ["knn", "linear_probe"]


def test_results_are_bit_identical_elsewhere(finished, tmp_path):
    folder, arguments, _ = finished
    moved = [tmp_path / "other_cache" if argument == folder / "cache" else argument for argument in arguments]
    assert harness(*moved, cwd=tmp_path).returncode == 0
    query = "SELECT run_id, split, metric, value, ci_low, ci_high FROM metrics ORDER BY ALL"
    here, there = (harness("sql", query, "--format", "csv", cwd=place).stdout for place in (folder, tmp_path))
    assert here == there
    assert len(here.splitlines()) > 20


@pytest.mark.parametrize("query", ["DELETE FROM runs", "SELECT * FROM read_text('/etc/hostname')", "SELEC 1"])
def test_sql_is_read_only_and_errors_are_one_line(finished, query):
    folder, _, _ = finished
    refused = harness("sql", query, cwd=folder)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("error: ")
    assert "Traceback" not in refused.stderr


def test_leaderboard_prints_json(finished, patches):
    folder, _, _ = finished
    rows = json.loads(harness("leaderboard", "--format", "json", cwd=folder).stdout)
    assert {row["protocol"] for row in rows} == {"knn", "linear_probe"}
    assert {row["suite"] for row in rows} == {f"user:{patches.name}"}


@pytest.fixture(scope="module")
def thirteen_bands(tmp_path_factory):
    """A checkpoint of our own format that also reads B10, which these patches do not have."""
    bands = (*MMEARTH_S2_BANDS[:10], "B10", *MMEARTH_S2_BANDS[10:])
    config = EncoderConfig(size="atto", bands=bands, patch=16)
    torch.manual_seed(0)
    state = build_encoder(config).state_dict()
    folder = tmp_path_factory.mktemp("own") / "thirteen"
    save_checkpoint(Checkpoint(encoder=config, state=state, summary=TrainingSummary(source_layout="mp_mae")), folder)
    return folder


def test_a_missing_band_stops_unless_a_way_to_fill_it_is_chosen(thirteen_bands, patches, tmp_path):
    arguments = (
        "run", "--backbone", "mp_mae", "--weights", thirteen_bands, "--geobench-dir", patches,
        "--datasets", SCENES, "--protocols", "knn", "--cache-dir", tmp_path / "cache",
    )  # fmt: skip
    refused = harness(*arguments, cwd=tmp_path)
    assert refused.returncode == 2, "nothing was left to run"
    assert "wants band B10; this dataset stores B1 B2" in refused.stderr
    assert "--missing-bands nearest (closest wavelength: B10 from B11)" in refused.stderr
    for policy, source in (("nearest", "11 - SWIR"), ("zero", None)):
        filled = harness(*arguments, "--missing-bands", policy, cwd=tmp_path)
        assert filled.returncode == 0, filled.stderr
        query = "SELECT configuration FROM runs ORDER BY finished_at DESC LIMIT 1"
        (row,) = json.loads(harness("sql", query, "--format", "json", cwd=tmp_path).stdout)
        configuration = json.loads(row["configuration"])
        assert dict(zip(configuration["bands"], configuration["band_sources"], strict=True))["B10"] == source


def test_published_patches_run_too(tmp_path):
    finished = harness(
        "run", "--backbone", "image_statistics", "--geobench-dir", shared_fixtures("geobench"), "--protocols",
        "linear_probe,knn", "--cache-dir", tmp_path / "cache", cwd=tmp_path,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    rows = harness("sql", "SELECT dataset, protocol FROM runs ORDER BY ALL", "--format", "csv", cwd=tmp_path)
    wanted = ["benv2-mini,knn", "benv2-mini,linear_probe", "pastis-mini,linear_probe"]
    assert rows.stdout.split()[1:] == wanted

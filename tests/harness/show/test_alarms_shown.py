"""A score below its floor is marked where scores are shown, with a line that says what entered."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from command_line import harness
from leaderboards.schema import MetricRow, RunRecord, RunRow
from leaderboards.store import open_leaderboard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`low` is clearly below image_statistics, `near` is not, on one dataset by one protocol."""
    board = open_leaderboard(tmp_path / "board.duckdb")
    entered = {"images": 5, "size_px": [8, 8], "mean": [0.1], "std": [4000.0]}
    for backbone, kind, value in (
        ("image_statistics", "floor", 0.6), ("low", "pretrained", 0.2), ("near", "pretrained", 0.59),
    ):  # fmt: skip
        run = RunRow(
            run_id=hashlib.sha256(backbone.encode()).hexdigest(), suite="s", dataset="d", backbone=backbone,
            weights_sha256="0" * 64, dataset_fingerprint="f", protocol="knn", protocol_version=1, partition="default",
            seed=0, metric="accuracy", n_train=10, n_valid=5, n_test=5, n_labels_fit=10, n_labels_select=0,
            source="measured", configuration={}, provenance={"kind": kind, "network_input": entered}, device="cpu",
            seconds=0.0, finished_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        rows = [MetricRow(split="test", metric="accuracy", value=value, ci_low=value - 0.02, ci_high=value + 0.02)]
        board.commit(RunRecord(run=run, metrics=rows))
    return tmp_path


def test_the_leaderboard_marks_what_is_below(folder: Path) -> None:
    shown = harness("leaderboard", "--db", "board.duckdb", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    assert "0.200!! ±.020" in shown.stdout
    assert "0.590! ±.020" in shown.stdout
    told = " ".join(shown.stdout.split())
    assert "!! low on d (knn, default): accuracy 0.2, below image_statistics 0.6 by 0.4" in told
    assert "mean 0.1, std 4e+03" in told


def test_single_runs_are_marked_too_and_others_are_not_told_of(folder: Path) -> None:
    shown = harness("leaderboard", "--runs", "--backbones", "low", "--db", "board.duckdb", cwd=folder).stdout
    assert "0.200 [0.180, 0.220] !!" in shown
    assert "near" not in shown


def test_a_comparison_tells_of_its_own_points_alone(folder: Path) -> None:
    told = " ".join(harness("compare", "low", "image_statistics", "--db", "board.duckdb", cwd=folder).stdout.split())
    assert "!! low on d" in told
    assert "near on d" not in told

"""Tables of errors say that lower is better, keep the digits that count, and claim no mean over datasets."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from harness.cli.app import app
from harness.show.comparison import comparison_tables
from harness.show.plots.curves import read_panels
from harness.show.results import Choice, means_grids, read_means
from harness.show.tables import rows_table
from leaderboards.schema import MetricRow, RunRecord, RunRow
from leaderboards.statistics.comparison import compare
from leaderboards.store import open_leaderboard


def shown(*parts: RenderableType) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    for part in parts:
        console.print(part)
    return console.export_text()


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a` errs by 1,200 and `b` by 1,500, on two datasets, by three seeds each."""
    board = open_leaderboard(tmp_path_factory.mktemp("errors") / "board.duckdb")
    with board.session() as session:
        for backbone, error in (("a", 1200.0), ("b", 1500.0)):
            for dataset in ("heights", "depths"):
                for seed in range(3):
                    run_id = hashlib.sha256(f"{backbone} {dataset} {seed}".encode()).hexdigest()
                    run = RunRow(
                        run_id=run_id, suite="s", dataset=dataset, backbone=backbone, weights_sha256="0" * 64,
                        dataset_fingerprint="f", protocol="knn", protocol_version=1, partition="default", seed=seed,
                        metric="rmse", higher_is_better=False, n_train=10, n_valid=5, n_test=5, n_labels_fit=10,
                        n_labels_select=0, source="measured", configuration={}, provenance={}, device="cpu",
                        seconds=0.0, finished_at=datetime(2026, 1, 1, tzinfo=UTC), train_draw="seed",
                    )  # fmt: skip
                    row = MetricRow(split="test", metric="rmse", value=error + seed, ci_low=None, ci_high=None)
                    session.commit(RunRecord(run=run, metrics=[row]))
    return board.path


def test_a_comparison_says_which_way_it_points(board: Path) -> None:
    text = shown(comparison_tables(compare(board, "a", "b"), []))
    assert "1201" in text
    assert "+300" in text
    told = " ".join(text.split())
    assert "Of rmse lower is better: the difference is B - A, + still says A is better." in told
    assert "Errors have the unit of the labels: no mean over datasets." in told
    assert "mean of 2 datasets" not in told


def test_a_grid_and_a_plot_say_it_beside_the_metric(board: Path) -> None:
    text = shown(*means_grids(read_means(board, Choice()), []))
    assert "1201" in text
    assert "lower is" in text
    assert {panel.metric for panel in read_panels(board)} == {"rmse (lower is better)"}


def test_the_leaderboard_begins_with_the_smallest_error(board: Path) -> None:
    """Of each dataset; and an error of 1,200 has no use for three digits after the point."""
    printed = (
        CliRunner().invoke(app, ["leaderboard", "--runs", "--db", str(board), "--format", "csv"]).output.splitlines()
    )
    of_heights = [line for line in printed if ",heights," in line]
    assert ["1200.0" in line for line in of_heights] == [True, False, False, False, False, False]
    table = CliRunner().invoke(app, ["leaderboard", "--runs", "--db", str(board)]).output
    assert "1200" in table
    assert "1200.000" not in table
    assert "metric rmse (lower is better)" in " ".join(table.split())


def test_a_small_number_keeps_its_digits() -> None:
    assert "3.2e-06" in shown(rows_table(["value"], [[3.2e-6]]))
    assert "0.5000" in shown(rows_table(["value"], [[0.5]]))
    assert "0.0000" in shown(rows_table(["value"], [[0.0]]))

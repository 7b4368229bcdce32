"""Each view against answers known by hand, with a NULL, a demo row and a published row."""

from datetime import datetime
from importlib import resources
from pathlib import Path

import duckdb
import pytest
from leaderboard_records import make_record, make_run, metric, published_run, run_id

from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.views import VIEWS


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """Three backbones by two datasets, one score undefined, beside a demo run and a published one."""
    board = open_leaderboard(tmp_path_factory.mktemp("views") / "board.duckdb")
    scores = {
        ("mp_mae", "m-eurosat"): 0.9,
        ("mp_mae", "m-so2sat"): 0.5,
        ("imagenet_mae", "m-eurosat"): 0.8,
        ("imagenet_mae", "m-so2sat"): 0.4,
        ("random_init", "m-eurosat"): 0.3,
        ("random_init", "m-so2sat"): None,
    }
    for (backbone, dataset), score in scores.items():
        rows = [metric(score, None), metric(0.123, split="valid"), metric(0.321, metric="f1_macro")]
        run = make_run((backbone, dataset), backbone=backbone, dataset=dataset)
        board.commit(RunRecord(run=run, metrics=rows))
    board.commit(make_record("demo", suite="demo", dataset="demo-world"))
    board.commit(RunRecord(run=published_run(dataset="m-forestnet"), metrics=[metric(0.7, None)]))
    return board


def test_leaderboard_has_one_row_per_run_with_its_headline_on_test(board: Leaderboard) -> None:
    sql = "SELECT backbone, dataset, value FROM leaderboard WHERE suite <> 'demo' AND source = 'measured' ORDER BY ALL"
    assert run_query(board.path, sql).rows == [
        ("imagenet_mae", "m-eurosat", 0.8),
        ("imagenet_mae", "m-so2sat", 0.4),
        ("mp_mae", "m-eurosat", 0.9),
        ("mp_mae", "m-so2sat", 0.5),
        ("random_init", "m-eurosat", 0.3),
        ("random_init", "m-so2sat", None),
    ]


def test_leaderboard_keeps_demo_and_published_runs_apart_by_suite_and_source(board: Leaderboard) -> None:
    sql = "SELECT suite = 'demo' AS demo, source, count(*) FROM leaderboard GROUP BY ALL ORDER BY ALL"
    assert run_query(board.path, sql).rows == [(False, "measured", 6), (False, "published", 1), (True, "measured", 1)]


def test_leaderboard_row_in_full(board: Leaderboard) -> None:
    table = run_query(board.path, "FROM leaderboard WHERE suite = 'demo'")
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "suite": "demo",
        "dataset": "demo-world",
        "backbone": "mp_mae",
        "weights": "01234567",
        "protocol": "knn",
        "partition": "0.10x_train",
        "seed": 0,
        "n_train": 200,
        "n_labels": 200,
        "n_labels_fit": 200,
        "n_labels_select": 0,
        "metric": "accuracy",
        "higher_is_better": True,
        "value": 0.5,
        "ci_low": 0.4,
        "ci_high": 0.6,
        "source": "measured",
        "run_id": run_id("demo"),
        "finished_at": datetime(2026, 3, 1, 12),
        "bands": None,
    }


def test_the_headline_is_the_one_each_run_names(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    rows = [metric(0.1), metric(0.2, metric="f1_macro")]
    board.commit(RunRecord(run=make_run(metric="f1_macro"), metrics=rows))
    assert run_query(board.path, "SELECT metric, value FROM leaderboard").rows == [("f1_macro", 0.2)]


def test_opening_brings_the_views_of_this_version(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    with duckdb.connect(board.path) as connection:
        connection.execute("CREATE OR REPLACE VIEW leaderboard AS SELECT 'old' AS version")
    open_leaderboard(board.path)
    assert "backbone" in run_query(board.path, "FROM leaderboard").columns


def test_every_view_is_one_file_that_says_what_a_row_is() -> None:
    folder = resources.files("leaderboards").joinpath("views")
    scripts = (entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    assert sorted(scripts) == sorted(f"{name}.sql" for name in VIEWS)
    for name in VIEWS:
        head = folder.joinpath(f"{name}.sql").read_text().split("CREATE")[0]
        assert all(word in head for word in (f"-- {name}:", "Units", "Excluded", "NULL"))

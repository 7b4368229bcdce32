"""The gap between random places and others stands beside both runs, where they differ in nothing else."""

from pathlib import Path
from typing import Any

import pytest
from leaderboard_records import make_run, metric, run_id

from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.store import Leaderboard, open_leaderboard


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "b.duckdb")


def commit(board: Leaderboard, dataset: str, value: float | None, half: float | None = None, **changes: Any) -> str:
    settings = changes.pop("settings", {})
    configuration = {"k": 5, **settings, "test_sha256": run_id(dataset), "dataset": dataset}
    run = make_run(
        (dataset, str(changes), str(settings)), suite="mmearth-bench", dataset=dataset, **changes,
        configuration=configuration,
    )  # fmt: skip
    interval = None if half is None or value is None else (value - half, value + half)
    board.commit(RunRecord(run=run, metrics=[metric(value, interval, metric=run.metric)]))
    return run.run_id


def gaps(board: Leaderboard) -> list[dict[str, Any]]:
    table = run_query(board.path, "FROM geographic_gap ORDER BY dataset, seed")
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_variances_of_both_tests_add_up(board: Leaderboard) -> None:
    near, far = commit(board, "soil", 0.8, 0.03), commit(board, "soil-geographic", 0.5, 0.04)
    (row,) = gaps(board)
    assert (row["run_id"], row["geographic_run_id"], row["dataset"], row["n_labels"]) == (near, far, "soil", 200)
    assert (row["value"], row["geographic_value"], row["gap"]) == (0.8, 0.5, pytest.approx(0.3))
    assert [row["gap_low"], row["gap_high"]] == pytest.approx([0.25, 0.35])


def test_of_an_error_more_is_worse(board: Leaderboard) -> None:
    commit(board, "soil", 2.0, metric="rmse", higher_is_better=False)
    commit(board, "soil-geographic", 3.0, metric="rmse", higher_is_better=False)
    (row,) = gaps(board)
    assert (row["gap"], row["gap_low"]) == (1.0, None)


def test_runs_of_another_share_seed_or_setting_are_no_pair(board: Leaderboard) -> None:
    commit(board, "soil", 0.8)
    commit(board, "soil-geographic", 0.5, partition="0.50x_train")
    commit(board, "soil-geographic", 0.5, seed=1)
    commit(board, "soil-geographic", 0.5, settings={"k": 7})
    assert gaps(board) == []
    commit(board, "soil-geographic", None)
    (row,) = gaps(board)
    assert (row["geographic_value"], row["gap"]) == (None, None)

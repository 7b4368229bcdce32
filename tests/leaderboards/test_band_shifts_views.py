"""Runs whose test had other bands: beside the run they differ from, and in no view of ordinary runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_records import metric, prediction
from scored_runs import predicted_record, run_of

from leaderboards.query import run_query
from leaderboards.report.contents import read_contents
from leaderboards.schema import RunRecord
from leaderboards.statistics.influences import read_test_samples
from leaderboards.statistics.reading import Point
from leaderboards.statistics.student import Part, margin
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.views import VIEWS

ORDINARY = {"bands": ["red", "green", "blue"], "band_sources": ["04 - Red", "03 - Green", "02 - Blue"], "k": 5}
OTHER = {
    "band_sets": {"train": ["B4", "B3", "B2"], "test": ["B8A", "B11"]},
    "test_feed": {"bands": ORDINARY["bands"], "band_sources": ["08A", "11 - SWIR", None]},
}
LOST = {
    "band_sets": {"train": ["B2", "B4", "B3"], "test": ["B2", "B4"]},
    "test_feed": {"bands": ORDINARY["bands"], "band_sources": ["04 - Red", "02 - Blue", "02 - Blue"]},
}
FEWER = {"band_sets": {"train": ["B4", "B3", "B2"], "test": ["B4", "B3", "B2"]}, "k": 6}


def rows(board: Leaderboard, sql: str) -> list[dict[str, Any]]:
    table = run_query(board.path, sql)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def commit(board: Leaderboard, value: float, configuration: dict[str, Any], **changes: Any) -> str:
    run = run_of("a", "d", "default", 0, configuration={**ORDINARY, **configuration}, **changes)
    board.commit(RunRecord(run=run, metrics=[metric(value, None)]))
    return run.run_id


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "b.duckdb")


def test_a_shift_stands_beside_the_run_that_differs_in_the_bands_of_test_alone(board: Leaderboard) -> None:
    same = commit(board, 0.9, {})
    commit(board, 0.5, {"k": 6})
    shifted = commit(board, 0.4, OTHER)
    (row,) = rows(board, "FROM band_shifts")
    assert (row["run_id"], row["same_bands_run_id"]) == (shifted, same)
    assert (row["train_bands"], row["test_bands"]) == (["B4", "B3", "B2"], ["B8A", "B11"])
    assert (row["value"], row["same_bands_value"], row["loss"]) == (0.4, 0.9, pytest.approx(0.5))
    assert (row["dropped"], row["loss_low"]) == (None, None)
    assert rows(board, "FROM band_sensitivity") == []


def test_a_lost_band_is_named_with_what_filled_it(board: Leaderboard) -> None:
    commit(board, 0.9, {})
    commit(board, 0.7, LOST)
    zeros = {**LOST, "test_feed": {**LOST["test_feed"], "band_sources": ["04 - Red", None, "02 - Blue"]}}
    commit(board, 0.6, zeros)
    found = rows(board, "FROM band_sensitivity ORDER BY value")
    assert [(row["dropped"], row["filled_by"], row["n_bands"]) for row in found] == [
        ("B3", "zeros", 3),
        ("B3", "02 - Blue", 3),
    ]
    assert [row["loss"] for row in found] == pytest.approx([0.3, 0.2])


def test_of_an_error_a_loss_is_a_larger_one(board: Leaderboard) -> None:
    commit(board, 2.0, {}, higher_is_better=False)
    commit(board, 3.0, LOST, higher_is_better=False)
    assert [row["loss"] for row in rows(board, "FROM band_sensitivity")] == [1.0]


def test_without_the_run_it_is_held_against_a_shift_has_no_loss(board: Leaderboard) -> None:
    commit(board, 0.4, OTHER)
    (row,) = rows(board, "FROM band_shifts")
    assert (row["value"], row["same_bands_value"], row["loss"]) == (0.4, None, None)


def test_no_view_of_ordinary_runs_has_shifted_ones(board: Leaderboard) -> None:
    commit(board, 0.5, {})
    ordinary = {view: rows(board, f"FROM {view} ORDER BY ALL") for view in VIEWS}
    for configuration in (OTHER, LOST, FEWER):
        commit(board, 0.99, configuration)
    for view in VIEWS:
        if view not in ("leaderboard", "band_shifts", "band_sensitivity"):
            assert rows(board, f"FROM {view} ORDER BY ALL") == ordinary[view], view
    assert rows(board, "FROM leaderboard WHERE bands IS NULL") == ordinary["leaderboard"]
    told = rows(board, "SELECT bands FROM leaderboard WHERE bands IS NOT NULL ORDER BY bands")
    assert [row["bands"] for row in told] == ["B2 B4 B3 without B3", "B4 B3 B2", "B4 B3 B2 -> B8A B11"]


def test_a_report_is_of_ordinary_runs_and_its_details_are_theirs(board: Leaderboard) -> None:
    ordinary = commit(board, 0.5, {})
    for configuration in (OTHER, LOST, FEWER):
        commit(board, 0.99, configuration)
    contents = read_contents(board.path)
    assert contents.page["runs"]["columns"]["run_id"]["values"] == [ordinary]
    assert contents.details["n_metrics"] == [1]
    assert contents.details["run"]["n"] == contents.details["configuration"]["n"] == 1


@pytest.mark.parametrize("kind", ["accuracy", "f1_micro"])
def test_the_interval_of_a_loss_is_the_paired_one_of_the_statistics(board: Leaderboard, kind: str) -> None:
    generator = np.random.default_rng(0)
    target = generator.integers(0, 3, 60)
    runs = []
    for flips, configuration in ((10, {}), (25, LOST)):
        predicted = np.where(np.arange(60) < flips, (target + 1) % 3, target)
        if kind == "accuracy":
            record = predicted_record(
                "a", "d", "default", 0, target, predicted, configuration={**ORDINARY, **configuration}
            )
        else:
            record = multi_label(target, predicted, {**ORDINARY, **configuration})
        board.commit(record)
        runs.append((record.run.run_id, record.metrics[0].value))
    (row,) = rows(board, "FROM band_shifts")
    points = [Point("default", "", 1, 60, {0: value}, {0: run_id}) for run_id, value in runs]
    samples = read_test_samples(board.path, kind, points)
    moved = samples.of_seeds(points[0], [0]) - samples.of_seeds(points[1], [0])
    half = margin([Part(float((moved**2).sum()), np.inf)])
    assert row["loss"] == pytest.approx(runs[0][1] - runs[1][1])
    assert (row["loss_low"], row["loss_high"]) == pytest.approx((row["loss"] - half, row["loss"] + half), rel=1e-5)


def multi_label(target: np.ndarray, predicted: np.ndarray, configuration: dict[str, Any]) -> RunRecord:
    """Two labels an image: its class, and the last one, which is predicted of every second image."""
    targets = [(int(t), 3) for t in target]
    guesses = [(int(p), 3) if i % 2 else (int(p),) for i, p in enumerate(predicted)]
    hits = sum(len(set(t) & set(p)) for t, p in zip(targets, guesses, strict=True))
    score = 2 * hits / sum(len(t) + len(p) for t, p in zip(targets, guesses, strict=True))
    return RunRecord(
        run=run_of("a", "d", "default", 0, configuration=configuration, metric="f1_micro", n_test=len(target)),
        metrics=[metric(score, None, metric="f1_micro")],
        predictions=[
            prediction(f"id_{i:05d}", target=t, predicted=p)
            for i, (t, p) in enumerate(zip(targets, guesses, strict=True))
        ],
    )

"""The views over grids: ranking, coverage and parameter_efficiency, by hand, with a NULL and a demo row."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from leaderboard_records import metric, run_id
from scored_runs import board_with, board_with_two_lists, run_of

from leaderboards.query import run_query
from leaderboards.report.contents import read_contents
from leaderboards.schema import RunRecord
from leaderboards.statistics.ranking import read_standings
from leaderboards.store import Leaderboard, open_leaderboard

GRID = {
    ("a", "d", "default"): [0.9],
    ("b", "d", "default"): [0.5],
    ("c", "d", "default"): [0.5],
    ("a", "e", "default"): [0.2],
    ("b", "e", "default"): [0.3],
    ("c", "e", "default"): [0.1],
}


def ranking(board: Leaderboard) -> dict[str, list[Any]]:
    sql = "SELECT backbone, mean_rank, better_score_share, n_ranked, missing FROM ranking WHERE suite <> 'demo'"
    return {backbone: rest for backbone, *rest in run_query(board.path, sql).rows}


def test_ranks_and_better_score_shares_by_hand(tmp_path: Path) -> None:
    assert ranking(board_with(tmp_path / "b.duckdb", GRID)) == {
        "a": [1.5, 0.75, 3, []],
        "b": [1.75, 0.625, 3, []],
        "c": [2.75, 0.125, 3, []],
    }


def test_who_lacks_a_dataset_is_not_ranked_and_changes_no_other_rank(tmp_path: Path) -> None:
    scores = GRID | {
        ("late", "d", "default"): [0.99],
        ("null", "d", "default"): [0.99],
        ("null", "e", "default"): [None],
    }
    found = ranking(board_with(tmp_path / "b.duckdb", scores))
    assert found["late"] == [None, None, None, ["e"]]
    assert found["null"] == [None, None, None, ["e"]]
    assert found["a"] == [1.5, 0.75, 3, []]


def test_two_setups_of_one_cell_are_not_chosen_between(tmp_path: Path) -> None:
    board = board_with(tmp_path / "b.duckdb", GRID)
    other = run_of("a", "d", "default", 0, dataset_fingerprint="another")
    board.commit(RunRecord(run=other, metrics=[metric(0.1, None)]))
    assert ranking(board)["a"] == [None, None, None, ["d"]]


def test_each_list_of_samples_is_a_dataset_of_the_ranking(tmp_path: Path) -> None:
    board = board_with_two_lists(tmp_path / "b.duckdb")
    assert ranking(board) == {"a": [1.5, 0.5, 2, []], "b": [1.5, 0.5, 2, []]}
    (found,) = read_standings(board.path).values()
    assert [(row.n_datasets, row.ties) for row in found] == [(2, "a"), (2, "a")]
    scores = read_contents(board.path).page["ranking"]["columns"]["score"]
    assert (scores["values"] if isinstance(scores, dict) else scores) == [pytest.approx(0.5, abs=0.05)] * 2


def test_scores_by_two_metrics_are_not_ranked_against_each_other(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "b.duckdb")
    for backbone, name in (("a", "accuracy"), ("b", "f1_macro")):
        run = run_of(backbone, "d", "default", 0, metric=name)
        board.commit(RunRecord(run=run, metrics=[metric(0.5, None, metric=name)]))
    assert ranking(board) == {"a": [None, None, None, ["d"]], "b": [None, None, None, ["d"]]}
    assert read_standings(board.path) == {}
    assert read_contents(board.path).page["ranking"]["n"] == 2


def test_the_demo_is_ranked_apart(tmp_path: Path) -> None:
    board = board_with(tmp_path / "b.duckdb", GRID)
    board.commit(RunRecord(run=run_of("a", "w", "default", 0, suite="demo"), metrics=[metric(0.9)]))
    assert ranking(board)["a"] == [1.5, 0.75, 3, []]
    sql = "SELECT n_ranked, better_score_share FROM ranking WHERE suite = 'demo'"
    assert run_query(board.path, sql).rows == [(1, None)]


def test_coverage_lists_every_cell_of_the_full_grid(tmp_path: Path) -> None:
    scores = {
        ("a", "d", "default"): [0.5, 0.6],
        ("a", "e", "0.10x_train"): [0.5],
        ("b", "d", "default"): [None],
    }
    board = board_with(tmp_path / "b.duckdb", scores)
    sql = "SELECT backbone, dataset, partition, n_seeds, most_seeds, missing, seeds FROM coverage ORDER BY ALL"
    rows = run_query(board.path, sql).rows
    assert len(rows) == 2 * 2 * 2
    assert rows[0] == ("a", "d", "0.10x_train", 0, 1, True, [])
    assert rows[1] == ("a", "d", "default", 2, 2, False, [0, 1])
    assert sum(row[5] for row in rows) == 6


def test_coverage_lists_no_cell_that_cannot_be(tmp_path: Path) -> None:
    """No protocol for images on masks, which have another metric, and not more images than a dataset has."""
    board = open_leaderboard(tmp_path / "b.duckdb")
    for dataset, name, protocol, partition, n_train in (
        ("photos", "accuracy", "knn", "n=100", 100),
        ("photos", "accuracy", "knn", "default", 2000),
        ("few photos", "accuracy", "fine_tune", "default", 60),
        ("masks", "miou", "conv_probe", "default", 2000),
    ):
        run = run_of("a", dataset, "default", 0, metric=name, protocol=protocol, n_train=n_train, n_labels_fit=n_train)
        run = dataclasses.replace(run, partition=partition, run_id=run_id((dataset, protocol, partition)))
        board.commit(RunRecord(run=run, metrics=[metric(metric=name)]))
    sql = "SELECT dataset, protocol, partition, missing FROM coverage ORDER BY ALL"
    assert run_query(board.path, sql).rows == [
        ("few photos", "fine_tune", "default", False),
        ("few photos", "knn", "default", True),
        ("masks", "conv_probe", "default", False),
        ("photos", "fine_tune", "default", True),
        ("photos", "knn", "default", False),
        ("photos", "knn", "n=100", False),
    ]


def test_a_dataset_is_as_large_as_a_run_on_all_of_it_says(tmp_path: Path) -> None:
    """d was run on 100 images at most, which does not say that it has no 200."""
    board = open_leaderboard(tmp_path / "b.duckdb")
    for dataset, partition, n in (("d", "n=100", 100), ("e", "n=200", 200), ("small", "1.00x_train", 150)):
        run = run_of("a", dataset, "default", 0, n_train=n, n_labels_fit=n)
        run = dataclasses.replace(run, partition=partition, run_id=run_id((dataset, partition)))
        board.commit(RunRecord(run=run, metrics=[metric()]))
    sql = "SELECT dataset FROM coverage WHERE partition = 'n=200' ORDER BY ALL"
    assert run_query(board.path, sql).rows == [("d",), ("e",)]


def test_the_frontier_is_who_nobody_smaller_reaches(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "b.duckdb")
    scores = {"tiny": (1, 0.5), "worse": (2, 0.4), "better": (3, 0.7), "equal": (4, 0.7), "big": (4, 0.8)}
    for backbone, (parameters, value) in (scores | {"unknown": (None, 0.9)}).items():
        run = run_of(backbone, "d", "default", 0, parameters=parameters, flops_per_image=10)
        board.commit(RunRecord(run=run, metrics=[metric(value, None)]))
    rows = run_query(board.path, "SELECT backbone, frontier FROM parameter_efficiency ORDER BY parameters, value").rows
    assert rows == [("tiny", True), ("worse", False), ("better", True), ("equal", False), ("big", True)]


def test_each_cost_has_a_frontier_and_speed_one_for_each_device(tmp_path: Path) -> None:
    """The GPU makes c the fastest, which says nothing of it; d was never measured, and nobody is compared with it."""
    costs = {  # parameters, FLOPs, bytes, images per second, device, score
        "a": (1, 40, 9, 10.0, "cpu", 0.5), "b": (2, 10, 5, 20.0, "cpu", 0.6), "c": (3, 20, 4, 900.0, "cuda:0", 0.55),
        "d": (4, None, None, None, "cpu", 0.9),
    }  # fmt: skip
    board = open_leaderboard(tmp_path / "b.duckdb")
    for backbone, (parameters, flops, memory, speed, device, value) in costs.items():
        run = run_of(
            backbone, "d", "default", 0, parameters=parameters, flops_per_image=flops, peak_memory_bytes=memory,
            images_per_second=speed, device=device,
        )  # fmt: skip
        board.commit(RunRecord(run=run, metrics=[metric(value, None)]))
    sql = """SELECT backbone, frontier, frontier_flops, frontier_memory, frontier_speed, images_per_second, device
             FROM parameter_efficiency ORDER BY backbone"""
    assert run_query(board.path, sql).rows == [
        ("a", True, False, False, False, 10.0, "cpu"),
        ("b", True, True, True, True, 20.0, "cpu"),
        ("c", False, False, True, True, 900.0, "cuda:0"),
        ("d", True, None, None, None, None, None),
    ]


@pytest.mark.parametrize("view", ["label_efficiency", "label_savings", "ranking", "coverage"])
def test_names_with_quotes_markup_and_unicode_come_back_as_they_are(tmp_path: Path, view: str) -> None:
    name = "'; DROP TABLE runs; -- \" <b>ü</b> ../x"
    scores = {(name, name, p): [0.5] for p in ("0.01x_train", "default")} | {("b", name, "default"): [0.5]}
    scores |= {("b", name, "0.01x_train"): [0.4]}
    board = board_with(tmp_path / "b.duckdb", scores)
    assert name in {row[0] for row in run_query(board.path, f"SELECT backbone FROM {view}").rows}

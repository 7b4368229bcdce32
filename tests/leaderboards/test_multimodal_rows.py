"""Rows of the table multimodal: no bad one gets in, none is there twice, and their views say what they say."""

import math
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from leaderboard_records import make_result, make_retrieval, run_id

from leaderboards.agreement import TOLERANCE
from leaderboards.merge import Conflict, merge
from leaderboards.multimodal import known_results, store_results
from leaderboards.query import run_query
from leaderboards.schema import MultimodalRow
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.transfer import ExportFormat, export


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """One for all bad rows: what is refused leaves nothing behind."""
    return open_leaderboard(tmp_path_factory.mktemp("multimodal") / "board.duckdb")


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "board.duckdb")


def rows(board: Leaderboard, sql: str) -> list[dict[str, Any]]:
    table = run_query(board.path, sql)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


BAD: list[dict[str, Any]] = [
    {"result_id": "abc"},
    {"suite": ""},
    {"weights_sha256": "no hash"},
    {"what": "guess"},
    {"modalities": ()},
    {"modalities": (None,)},
    {"channel_of": "sentinel1"},
    {"what": "missing channel"},
    {"what": "missing channel", "channel_of": "sentinel2", "missing_channel": "B4"},  # of no modality that is there
    {"missing_channel": "asc VV", "channel_of": "sentinel1"},  # of a subset
    {"fitted_on": None},
    {"fitted_on": "nothing"},
    {"gallery": "sentinel2"},
    {"k": 1},
    {"test_dataset": "area-coast-cover"},  # and no transfer
    {"what": "transfer"},  # to itself
    {"value": None},  # with an interval
    {"value": math.nan},
    {"ci_low": 0.7},
    {"ci_low": None},
    {"loss": None},  # with an interval
    {"loss_low": 0.4},
    {"loss": math.inf},
    {"chance": math.nan},
    {"n": -1},
    {"seed": -1},
    {"higher_is_better": None},
]


@pytest.mark.parametrize("changes", BAD, ids=repr)
def test_a_bad_row_is_refused(empty: Leaderboard, changes: dict[str, Any]) -> None:
    with pytest.raises(duckdb.Error):
        store_results(empty, [make_result(**changes)])
    assert run_query(empty.path, "SELECT count(*) FROM multimodal").rows == [(0,)]


@pytest.mark.parametrize(
    "changes",
    [{"n_gallery": None}, {"gallery": "sentinel1"}, {"fitted_on": "the same"}, {"k": 0}, {"gallery": None}],
    ids=repr,
)
def test_a_bad_retrieval_is_refused(empty: Leaderboard, changes: dict[str, Any]) -> None:
    with pytest.raises(duckdb.ConstraintException):
        store_results(empty, [make_retrieval(**changes)])


def test_a_time_has_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_result(finished_at=datetime(2026, 3, 1))


def test_rows_come_back_as_they_were(board: Leaderboard) -> None:
    given = [make_result(), make_retrieval(loss=None, loss_low=None, loss_high=None)]
    assert store_results(board, given) == 2
    found = {row["result_id"]: row for row in rows(board, "FROM multimodal")}
    for row in given:
        stored = found[row.result_id]
        for field in fields(MultimodalRow):
            if field.name not in ("configuration", "finished_at", "modalities"):
                assert stored[field.name] == getattr(row, field.name), field.name
        assert tuple(stored["modalities"]) == row.modalities
        assert stored["finished_at"] == datetime(2026, 3, 1, 12)


def test_a_number_that_is_there_stays_and_the_others_go_in(board: Leaderboard) -> None:
    store_results(board, [make_result()])
    assert store_results(board, [make_result(value=0.45), make_result("other")]) == 1
    assert run_query(board.path, "SELECT value FROM multimodal").rows == [(0.5,), (0.5,)]
    assert known_results(board, [run_id("result"), run_id("third")]) == {run_id("result")}
    assert store_results(board, []) == 0


def test_one_bad_row_keeps_all_out(board: Leaderboard) -> None:
    with pytest.raises(duckdb.ConstraintException):
        store_results(board, [make_result(), make_result("bad", n=-1)])
    with pytest.raises(ValueError, match="one result_id"):
        store_results(board, [make_result(), make_result()])
    assert known_results(board, [run_id("result")]) == set()


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert known_results(Leaderboard(tmp_path / "none.duckdb"), [run_id("result")]) == set()


@pytest.mark.parametrize("kind", ["duckdb", "parquet"])
def test_they_are_merged_by_identity(board: Leaderboard, tmp_path: Path, kind: str) -> None:
    other = open_leaderboard(tmp_path / "other.duckdb")
    store_results(board, [make_result(), make_result("near")])
    store_results(other, [make_result(value=0.45), make_result("near", value=0.5 + TOLERANCE / 2), make_retrieval()])
    source = other.path
    if kind == "parquet":
        source = tmp_path / "parquet"
        export(other, source, ExportFormat.PARQUET)
    merged = merge(board, source)
    assert (merged.added, merged.results_added, merged.results_present) == (0, 1, 2)
    assert merged.conflicts == (
        Conflict(run_id=run_id("result"), what="subset accuracy", ours="0.5", theirs="0.45"),
    )  # fmt: skip
    assert merged.largest is not None
    assert merged.largest.run_id == run_id("near")
    assert run_query(board.path, "SELECT count(*), max(value) FROM multimodal").rows == [(3, 0.5)]
    assert merge(board, source).results_added == 0


def test_a_retrieval_has_its_metrics_side_by_side(board: Leaderboard) -> None:
    ranks = {"metric": "median_rank", "k": None, "value": 3.0, "ci_low": 2.0, "ci_high": 4.0, "chance": 50.5,
             "higher_is_better": False}  # fmt: skip
    store_results(
        board,
        [
            make_retrieval(1),
            make_retrieval(5, k=5, value=0.8, ci_low=0.7, ci_high=0.9, chance=0.05),
            make_retrieval("ranks", **ranks),
            make_retrieval("another", modalities=("coherence",), value=0.6),
            make_result(),
        ],
    )
    by_coherence, by_radar = rows(board, "FROM retrieval ORDER BY modalities")
    assert (by_radar["recall_1"], by_radar["recall_5"], by_radar["chance_5"]) == (0.5, 0.8, 0.05)
    assert (by_radar["median_rank"], by_radar["median_rank_high"], by_radar["chance_median_rank"]) == (3.0, 4.0, 50.5)
    assert (by_radar["recall_10"], by_radar["loss_1"], by_radar["gallery"]) == (None, 0.2, "sentinel2")
    assert (by_coherence["recall_1"], by_coherence["recall_5"]) == (0.6, None)


def test_what_is_missing_is_named_with_what_it_costs(board: Leaderboard) -> None:
    complete = {
        "modalities": ("sentinel2", "sentinel1", "coherence"),
        "loss": None,
        "loss_low": None,
        "loss_high": None,
    }
    store_results(
        board,
        [
            make_result(),
            make_result("complete", value=0.6, **complete),
            make_result("error", metric="rmse", higher_is_better=False, value=7.0, ci_low=6.0, ci_high=8.0, loss=2.0,
                        loss_low=1.0, loss_high=3.0),
            make_retrieval(),
            make_result("channel", what="missing channel", modalities=complete["modalities"], channel_of="sentinel2",
                        missing_channel="B4"),
            make_result("moved", what="transfer", test_dataset="area-coast-cover"),
        ],
    )  # fmt: skip
    found = {row["result_id"]: row for row in rows(board, "FROM missing_modalities")}
    assert set(found) == {run_id(name) for name in ("result", "error", "retrieval", "channel")}
    subset, error, retrieval = (found[run_id(name)] for name in ("result", "error", "retrieval"))
    assert (subset["missing"], subset["complete_value"]) == (["sentinel2", "coherence"], pytest.approx(0.7))
    assert error["complete_value"] == 5.0
    assert (retrieval["question"], retrieval["missing"]) == ("retrieval", ["coherence"])
    assert (found[run_id("channel")]["missing"], found[run_id("channel")]["missing_channel"]) == ([], "B4")


def test_a_transfer_stands_beside_the_probe_that_was_fitted_there(board: Leaderboard) -> None:
    store_results(board, [make_result(), make_result("moved", what="transfer", test_dataset="area-coast-cover")])
    (row,) = rows(board, "FROM area_transfer")
    assert (row["fitted_in"], row["dataset"]) == ("area-delta-cover", "area-coast-cover")
    assert (row["value"], row["in_area_value"], row["loss_high"]) == (0.5, pytest.approx(0.7), 0.3)

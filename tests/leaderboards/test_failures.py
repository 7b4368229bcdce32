"""A failed run is remembered with its error until it is made."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from leaderboard_records import make_record, run_id

from leaderboards.merge import merge
from leaderboards.query import run_query
from leaderboards.schema import FailureRow
from leaderboards.store import Leaderboard, open_leaderboard

TIMES = "SELECT times, message FROM failures"


def failure(name: object = "run", **changes: object) -> FailureRow:
    row = FailureRow(
        run_id=run_id(name),
        suite="demo",
        dataset="m-eurosat",
        backbone="mp_mae",
        protocol="knn",
        partition="default",
        seed=0,
        message="out of memory",
        traceback=None,
        failed_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    return replace(row, **changes)


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "board.duckdb")


def record(board: Leaderboard, *rows: FailureRow) -> None:
    with board.session() as session:
        for row in rows:
            session.record_failure(row)


def test_alike_failures_of_a_run_are_counted_and_another_begins_anew(board: Leaderboard) -> None:
    later = datetime(2026, 3, 2, tzinfo=UTC)
    record(board, failure(), failure(), failure(failed_at=later))
    assert run_query(board.path, TIMES).rows == [(3, "out of memory")]
    assert board.look_up([run_id("run")]).failed == {run_id("run"): failure(failed_at=later, times=3)}
    record(board, failure(message="no such file", traceback="Traceback"))
    assert run_query(board.path, TIMES).rows == [(1, "no such file")]


def test_a_success_forgets_the_failure_of_its_run_alone(board: Leaderboard) -> None:
    record(board, failure(), failure("other"))
    board.commit(make_record())
    assert set(board.look_up([run_id("run"), run_id("other")]).failed) == {run_id("other")}


def test_merging_brings_failures_of_runs_that_nobody_made(board: Leaderboard, tmp_path: Path) -> None:
    theirs = open_leaderboard(tmp_path / "theirs.duckdb")
    record(theirs, failure("made here"), failure("new"), failure("known", message="theirs"))
    record(board, failure("known"), failure("made there"))
    board.commit(make_record("made here", seed=1))
    theirs.commit(make_record("made there", seed=2))
    merge(board, theirs.path)
    found = run_query(board.path, "SELECT run_id, message FROM failures ORDER BY run_id").rows
    assert sorted(found) == sorted([(run_id("known"), "out of memory"), (run_id("new"), "out of memory")])


@pytest.mark.parametrize("changes", [{"run_id": "no hash"}, {"message": ""}, {"times": 0}, {"traceback": ""}])
def test_no_bad_failure_gets_in(board: Leaderboard, changes: dict[str, object]) -> None:
    with pytest.raises(duckdb.ConstraintException):
        record(board, failure(**changes))
    assert run_query(board.path, TIMES).rows == []


def test_a_message_may_name_a_file_whose_name_is_not_utf_8(board: Leaderboard) -> None:
    for _ in range(2):
        record(board, failure(message="bad \udcff name", traceback="\udcff"))
    assert run_query(board.path, TIMES).rows == [(2, "bad \\udcff name")]

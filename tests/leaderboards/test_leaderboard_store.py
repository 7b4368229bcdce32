"""A run is in the file with all its rows or not at all; what cannot be a leaderboard is refused with a remedy."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from leaderboard_records import class_metric, make_record, metric, prediction, run_id

from leaderboards.errors import UserError
from leaderboards.query import run_query
from leaderboards.schema import SCHEMA_VERSION
from leaderboards.spool import Spool
from leaderboards.store import Leaderboard, open_leaderboard

TABLES = ("runs", "metrics", "class_metrics", "predictions")


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "board.duckdb")


def count_rows(board: Leaderboard) -> dict[str, int]:
    return {table: run_query(board.path, f"SELECT count(*) FROM {table}").rows[0][0] for table in TABLES}


def test_a_commit_stores_every_row_as_given(board: Leaderboard) -> None:
    board.commit(make_record(finished_at=datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=5)))))
    assert run_query(board.path, "SELECT * FROM metrics ORDER BY metric, split").rows == [
        (run_id("run"), "test", "accuracy", 0.5, 0.4, 0.6),
        (run_id("run"), "valid", "accuracy", 0.5, 0.4, 0.6),
        (run_id("run"), "test", "f1_macro", None, None, None),
    ]
    assert run_query(board.path, "SELECT class_name, value FROM class_metrics ORDER BY ALL").rows == [
        ("Forest", 0.5),
        ("River", None),
    ]
    assert run_query(board.path, "SELECT configuration ->> '$.bands[1]', finished_at FROM runs").rows == [
        ("B3", datetime(2026, 3, 1, 7))  # UTC
    ]


def test_predictions_keep_their_order_within_each_split(board: Leaderboard) -> None:
    rows = [
        prediction("z", target=(), predicted=(0, 4)),
        prediction("y", split="valid"),
        prediction("a", target=(3,), predicted=()),
    ]
    board.commit(replace(make_record(), predictions=rows))
    stored = run_query(board.path, "FROM predictions SELECT * EXCLUDE (run_id) ORDER BY split, position").rows
    assert stored == [
        ("test", 0, "z", [], [0, 4]),
        ("test", 1, "a", [3], []),
        ("valid", 0, "y", [1], [2]),
    ]


def test_predictions_may_all_be_empty(board: Leaderboard) -> None:
    board.commit(replace(make_record(), predictions=[prediction(target=(), predicted=())]))
    assert run_query(board.path, "SELECT target, predicted FROM predictions").rows == [([], [])]


def test_a_failing_last_row_leaves_nothing_of_its_run(board: Leaderboard) -> None:
    board.commit(make_record("before"))
    before = count_rows(board)
    spoilt = replace(make_record("spoilt"), predictions=[prediction("a"), prediction("b", target=(-1,))])
    with pytest.raises(duckdb.ConstraintException):
        board.commit(spoilt)
    assert count_rows(board) == before
    board.commit(make_record("spoilt"))  # mended, it goes in: nothing of it was left behind
    assert count_rows(board)["runs"] == 2


def test_the_same_run_is_never_there_twice(board: Leaderboard) -> None:
    board.commit(make_record(seed=1))
    with pytest.raises(UserError, match=rf"board.duckdb: run {run_id('run')} .*already"):
        board.commit(make_record(seed=2))
    assert run_query(board.path, "SELECT seed FROM runs").rows == [(1,)]


def test_known_tells_which_runs_are_there(board: Leaderboard) -> None:
    board.commit(make_record("a"))
    assert board.known([run_id("a"), run_id("b")]) == {run_id("a")}
    assert board.known([]) == set()


def test_without_a_file_nothing_is_known_and_none_is_made(tmp_path: Path) -> None:
    path = tmp_path / "none" / "board.duckdb"
    assert Leaderboard(path).known([run_id("a")]) == set()
    assert not path.parent.exists()


def test_opening_again_keeps_what_is_there(board: Leaderboard) -> None:
    board.commit(make_record())
    assert open_leaderboard(board.path).known([run_id("run")]) == {run_id("run")}


def test_the_folder_is_created(tmp_path: Path) -> None:
    assert open_leaderboard(tmp_path / "a" / "b" / "board.duckdb").path.is_file()


def test_a_leaderboard_that_vanished_is_not_replaced_by_an_empty_one(board: Leaderboard) -> None:
    board.path.unlink()
    with pytest.raises(UserError, match="gone"):
        board.commit(make_record())
    assert not board.path.exists()


NASTY = [
    "Robert'); DROP TABLE runs;--",
    'a "quoted" name',
    "ＧＥＯ-Bänch 🛰",
    "<script>",
    "../../etc",
    "$run_id",
    "a\nb",
    "?",
]


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_stored_as_it_is(board: Leaderboard, name: str) -> None:
    record = make_record(dataset=name, backbone=name, partition=name, configuration={name: name})
    board.commit(
        replace(
            record,
            metrics=[metric(), metric(metric=name)],
            classes=[class_metric(class_name=name)],
            predictions=[prediction(name)],
        )
    )
    sql = """SELECT dataset, backbone, partition, m.metric, class_name, sample, json_keys(configuration)[1]
             FROM runs JOIN metrics AS m USING (run_id) JOIN class_metrics USING (run_id)
             JOIN predictions USING (run_id) WHERE m.metric <> 'accuracy'"""
    assert run_query(board.path, sql).rows == [(name,) * 7]


def test_a_path_may_hold_spaces_quotes_and_unicode(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "it's 100% a *[böard]* #1" / 'x "y" 🛰.duckdb')
    board.commit(make_record())
    assert board.known([run_id("run")]) == {run_id("run")}


def test_a_path_with_a_question_mark_is_refused(tmp_path: Path) -> None:
    """DuckDB would look for its write-ahead log in another folder and fail at every commit."""
    with pytest.raises(UserError, match=r"'\?'. Name another place"):
        open_leaderboard(tmp_path / "which?" / "board.duckdb")


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"odd\xff.duckdb")
    with pytest.raises(UserError, match=r"odd\\udcff\.duckdb.*not UTF-8"):
        open_leaderboard(path)
    assert Spool(path).pending() == []
    path.write_bytes(b"")
    with pytest.raises(UserError, match="not UTF-8"):
        Leaderboard(path).known([run_id("run")])


def test_a_path_like_one_of_duckdbs_special_names_is_just_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_leaderboard(Path(":memory:")).commit(make_record())
    assert (tmp_path / ":memory:").is_file()


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"model,dataset\n" * 5000, b"SQLite format 3\x00" * 1000],
    ids=["empty", "short", "csv", "sqlite"],
)
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "board.duckdb"
    path.write_bytes(content)
    for use in (open_leaderboard, lambda p: Leaderboard(p).known(["x"]), lambda p: run_query(p, "SELECT 1")):
        with pytest.raises(
            UserError, match=r"board\.duckdb: cannot be opened as a leaderboard .*another file"
        ) as refused:
            use(path)
        assert "download" not in str(refused.value)  # DuckDB would fetch an extension for the formats it recognises
    assert path.read_bytes() == content


def test_a_damaged_file_is_refused(board: Leaderboard) -> None:
    board.path.write_bytes(board.path.read_bytes()[:20_000])
    with pytest.raises(UserError, match="cannot be opened as a leaderboard"):
        open_leaderboard(board.path)


@pytest.mark.parametrize("table", ["mine (i INTEGER)", "schema_version (other INTEGER)"])
def test_somebody_elses_database_is_refused_and_kept(tmp_path: Path, table: str) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute(f"CREATE TABLE {table}")
    for use in (
        open_leaderboard,
        lambda p: Leaderboard(p).known(["x"]),
        lambda p: Leaderboard(p).commit(make_record()),
        lambda p: run_query(p, "SELECT 1"),
    ):
        with pytest.raises(UserError, match=r"other\.duckdb: a DuckDB database, but not a leaderboard"):
            use(path)
    with duckdb.connect(path, read_only=True) as connection:
        assert len(connection.execute("SHOW TABLES").fetchall()) == 1


def test_a_file_of_a_newer_version_says_upgrade(board: Leaderboard) -> None:
    with duckdb.connect(board.path) as connection:
        connection.execute(f"UPDATE schema_version SET version = {SCHEMA_VERSION + 1}")
    for use in (lambda: open_leaderboard(board.path), lambda: board.known(["x"]), lambda: board.commit(make_record())):
        with pytest.raises(UserError, match=f"schema version {SCHEMA_VERSION + 1}.*pip install --upgrade mp-mae-bench"):
            use()


def test_a_new_file_appears_whole_and_never_replaces_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "board.duckdb"

    def another_process_is_first(draft: Path, name: Path) -> None:
        monkeypatch.undo()
        Leaderboard(open_leaderboard(path).path).commit(make_record("theirs"))
        os.link(draft, name)

    monkeypatch.setattr(os, "link", another_process_is_first)
    assert open_leaderboard(path).known([run_id("theirs")]) == {run_id("theirs")}
    assert os.listdir(tmp_path) == ["board.duckdb"]


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    open_leaderboard(tmp_path / "board.duckdb").commit(make_record())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "board.duckdb", tmp_path / "file" / "deeper" / "board.duckdb"):
        with pytest.raises(UserError, match=rf"{re.escape(str(path))}: cannot"):
            open_leaderboard(path)
    with pytest.raises(UserError, match="cannot be opened"):
        open_leaderboard(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_without_write_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UserError, match=r"board\.duckdb: cannot be created"):
            open_leaderboard(tmp_path / "board.duckdb")
    finally:
        tmp_path.chmod(0o700)


def test_the_file_is_in_a_format_that_1_x_clients_read(board: Leaderboard) -> None:
    board.commit(make_record())
    version = int.from_bytes(board.path.read_bytes()[12:20], "little")  # after the checksum and the letters DUCK
    assert 64 <= version <= 66  # what DuckDB 1.3 says it reads


def test_nothing_but_the_file_is_left_after_a_commit(board: Leaderboard) -> None:
    board.commit(make_record())
    assert os.listdir(board.path.parent) == ["board.duckdb"]


def test_the_package_imports_neither_torch_nor_ours() -> None:
    check = (
        "import sys, leaderboards.store, leaderboards.query; names = {m.partition('.')[0] for m in sys.modules};"
        "print(sorted({'torch', 'pandas', 'mp_mae', 'baselines', 'harness'} & names))"
    )
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"

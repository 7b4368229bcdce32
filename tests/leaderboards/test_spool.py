"""A finished run is never lost: what cannot be stored now waits in a small file and goes in later."""

import errno
import json
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from leaderboard_records import make_error_sums, make_mask, make_record, make_value, metric, run_id

import leaderboards.spool
from leaderboards.agreement import Difference
from leaderboards.errors import UnavailableError, UserError
from leaderboards.formats.json_text import parse_json
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.spool import NotARecordError, Spool, read_pending
from leaderboards.store import Leaderboard, open_leaderboard

ODD_NAME = 'it\'s <b>"ü"</b> 🛰 ../.. \n$run_id'


@pytest.fixture(autouse=True)
def fallbacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a folder for temporary files of this test's own."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(leaderboards.spool.tempfile, "gettempdir", lambda: str(home / "tmp"))
    return home


@pytest.fixture
def board(tmp_path: Path) -> Leaderboard:
    return open_leaderboard(tmp_path / "board.duckdb", wait_seconds=0.2)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    script = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield
        finally:
            process.kill()


def keep(board: Leaderboard, record: RunRecord) -> str:
    with board.session() as session:
        reason = session.commit_or_keep(record)
    assert reason is not None
    return reason


def spool_of(board: Leaderboard) -> Path:
    return board.path.with_name("board.duckdb.spool")


def test_a_record_comes_back_from_its_file_as_it_was(board: Leaderboard) -> None:
    record = replace(
        make_record(dataset=ODD_NAME, configuration={ODD_NAME: [1, 0.1, None]}, higher_is_better=False),
        values=[make_value(), make_value("other", target=(0.1 + 0.2,), predicted=(-1e308,))],
        error_sums=[make_error_sums()],
        mask_counts=[make_mask(), make_mask("other", target=(), predicted=(), n_pixels=())],
        metrics=[metric(0.1 + 0.2), metric(None, None, metric=ODD_NAME)],
    )
    path = Spool(board.path).keep(record, "why")
    restored = read_pending(path)
    assert restored.run == record.run
    assert list(restored.metrics) == record.metrics
    assert list(restored.classes) == record.classes
    assert list(restored.predictions) == record.predictions
    assert list(restored.mask_counts) == record.mask_counts
    assert list(restored.values) == record.values
    assert list(restored.error_sums) == record.error_sums


def test_while_the_file_is_locked_runs_wait_and_the_message_says_so(board: Leaderboard) -> None:
    with locked(board.path):
        reason = keep(board, make_record())
    kept = spool_of(board) / f"{run_id('run')}.json"
    assert kept.is_file()
    assert "finished, but not in the leaderboard yet" in reason
    assert "PID" in reason
    assert str(kept) in reason
    assert "python -m harness replay" in reason
    assert board.known([run_id("run")]) == set()


def test_the_next_commit_takes_along_what_waits(board: Leaderboard) -> None:
    with locked(board.path):
        keep(board, make_record("first"))
        keep(board, make_record("second"))
    with board.session() as session:
        assert session.commit_or_keep(make_record("third")) is None
    expected = {run_id(name) for name in ("first", "second", "third")}
    assert board.known(expected) == expected
    assert not spool_of(board).exists()


def test_opening_takes_in_what_waits(board: Leaderboard) -> None:
    with locked(board.path):
        keep(board, make_record())
    assert open_leaderboard(board.path).known([run_id("run")]) == {run_id("run")}
    assert run_query(board.path, "SELECT count(*) FROM predictions").rows == [(3,)]
    assert not spool_of(board).exists()


def test_a_vanished_leaderboard_costs_no_finished_run(board: Leaderboard) -> None:
    board.path.unlink()
    assert "gone" in keep(board, make_record())
    assert open_leaderboard(board.path).known([run_id("run")]) == {run_id("run")}


def test_while_it_stays_locked_replay_says_so_and_keeps_the_spool(board: Leaderboard) -> None:
    with locked(board.path):
        keep(board, make_record())
        with pytest.raises(UnavailableError, match="Close it there"):
            board.replay()
    assert len(Spool(board.path).pending()) == 1


@contextmanager
def full_disk(n_bytes: int) -> Iterator[None]:
    """No file of this process can grow beyond `n_bytes`: writing raises, as on a full disk (Python ignores SIGXFSZ)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_loses_nothing_and_replay_works(board: Leaderboard) -> None:
    board.commit(make_record("before"))
    record = make_record("during", n_predictions=300)
    full = pytest.raises(UnavailableError, match=r"board\.duckdb: cannot be written .*Check the disk")
    with board.session() as session:
        with full_disk(1_000), full as refused:
            session.commit(record)
        Spool(board.path).keep(record, str(refused.value))  # as if on another disk
        assert run_query(board.path, "SELECT count(*) FROM predictions").rows == [(3,)]
        assert session.commit_or_keep(make_record("after")) is None
    expected = {run_id(name) for name in ("before", "during", "after")}
    assert board.known(expected) == expected
    assert run_query(board.path, "SELECT count(*) FROM predictions").rows == [(306,)]


def test_a_disk_that_is_full_only_when_the_file_is_given_back_costs_nothing(board: Leaderboard) -> None:
    """DuckDB has the run in its log then, and cannot fold the log into the file."""
    with full_disk(50_000), board.session() as session:
        assert session.commit_or_keep(make_record()) is None
    assert board.path.with_name("board.duckdb.wal").exists()
    assert run_query(board.path, "SELECT count(*) FROM predictions").rows == [(3,)]
    board.commit(make_record("afterwards"))
    assert board.known([run_id("run"), run_id("afterwards")]) == {run_id("run"), run_id("afterwards")}


def test_without_room_anywhere_the_run_is_said_to_be_lost(board: Leaderboard) -> None:
    with full_disk(1_000), board.session() as session, pytest.raises(UserError, match="the run is lost"):
        session.commit_or_keep(make_record())
    assert Spool(board.path).pending() == []
    assert list(board.path.parent.rglob("*.draft")) == []


def test_a_record_goes_elsewhere_if_the_folder_cannot_be_written(board: Leaderboard, fallbacks: Path) -> None:
    spool_of(board).write_text("a file in the way of the folder")
    with locked(board.path):
        reason = keep(board, make_record())
    assert str(fallbacks / ".local" / "state" / "mp-mae-bench") in reason
    assert open_leaderboard(board.path).known([run_id("run")]) == {run_id("run")}
    assert list(fallbacks.rglob("*.json")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_read_only_file_loses_nothing(board: Leaderboard) -> None:
    board.path.chmod(0o444)
    reason = keep(board, make_record())
    assert "cannot be written" in reason
    board.path.chmod(0o644)
    assert board.replay().stored == 1


def test_what_is_in_the_leaderboard_already_just_leaves_the_spool(board: Leaderboard) -> None:
    """A writer killed between storing a run and deleting its record."""
    Spool(board.path).keep(make_record(), "why")
    board.commit(make_record())
    replayed = board.replay()
    assert (replayed.stored, replayed.problems) == (1, ())
    assert Spool(board.path).pending() == []


def test_a_record_that_contradicts_the_leaderboard_stays_and_is_reported(board: Leaderboard) -> None:
    board.commit(make_record())
    kept = Spool(board.path).keep(replace(make_record(), metrics=[metric(0.9)]), "why")
    replayed = board.replay()
    assert replayed.stored == 0
    assert "test accuracy: 0.5 and 0.9" in replayed.problems[0]
    assert kept.is_file()
    assert run_query(board.path, "SELECT value FROM leaderboard").rows == [(0.5,)]


DAMAGED = {
    "empty": b"", "object": b"{}", "list": b"[]", "null": b"null", "half": b"{", "other": b'{"format": 9}',
    "few fields": b'{"format": 1, "run": {"run_id": "x"}}', "deep": b"[" * 100_000, "long integer": b"1" * 5_000,
    "encoding": b"\xff\xfe\"", "nested": b'{"format": 1, "run": ' + b"[" * 900 + b"]" * 900 + b"}",
}  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_file_is_set_aside_and_keeps_no_run_from_going_in(board: Leaderboard, content: bytes) -> None:
    good = Spool(board.path).keep(make_record("good"), "why")
    good.with_name("0000.json").write_bytes(content)
    open_leaderboard(board.path)
    assert board.known([run_id("good")]) == {run_id("good")}
    assert [path.name for path in good.parent.iterdir()] == ["0000.json.unreadable"]
    assert (good.parent / "0000.json.unreadable").read_bytes() == content
    for _ in range(2):  # as long as it lies there
        (problem,) = board.replay().problems
        assert "0000.json.unreadable: set aside, as it is no record of a run" in problem
        assert "\n" not in problem


SPOILED = {
    ("run", "seed"): '"abc"', ("run", "n_train"): "1" + "0" * 30, ("run", "backbone"): '["a"]', ("run", "run_id"): "{}",
    ("run", "dataset"): r'"\ud800"', ("run", "configuration"): "[1, 2]", ("run", "provenance"): '{"deep": 1e999}',
    ("run", "seconds"): "-1e999", ("run", "device"): "true", ("run", "selection"): '"luck"', ("run", "n_test"): "true",
    ("run", "finished_at"): '"0001-01-01T00:00:00+14:00"', ("metrics", "value"): "{}", ("metrics", "ci_low"): '"0.5"',
    ("metrics", "split"): "null", ("predictions", "target"): '["x"]', ("predictions", "sample"): "5",
    ("classes", "class_name"): r'"\udfff"',
}  # fmt: skip


def keep_spoiled(spool: Spool, table: str, field: str, value: str) -> Path:
    """A record with one field that becomes `value`, which is JSON."""
    path = spool.keep(make_record((table, field)), "why")
    content = json.loads(path.read_text())
    row = content["run"] if table == "run" else content[table][-1]
    row[field] = "SPOILED"
    path.write_text(json.dumps(content).replace('"SPOILED"', value))
    return path


@pytest.mark.parametrize(("place", "value"), SPOILED.items(), ids=[".".join(place) for place in SPOILED])
def test_a_field_of_another_type_is_no_record(tmp_path: Path, place: tuple[str, str], value: str) -> None:
    path = keep_spoiled(Spool(tmp_path / "board.duckdb"), *place, value)
    with pytest.raises(NotARecordError):
        read_pending(path)


def test_what_no_leaderboard_can_store_is_set_aside_and_keeps_no_run_from_going_in(board: Leaderboard) -> None:
    spool = Spool(board.path)
    bad = {
        keep_spoiled(spool, "run", "seed", '"abc"'),
        keep_spoiled(spool, "predictions", "target", f"[{2**40}]"),
        keep_spoiled(spool, "run", "configuration", r'{"deep": ["\ud800"]}'),
    }
    for number in range(5):  # some before the bad ones in the order of names, some behind
        spool.keep(make_record(number), "why")
    open_leaderboard(board.path)
    assert run_query(board.path, "SELECT count(*) FROM runs").rows == [(5,)]
    assert {path.name for path in spool_of(board).iterdir()} == {f"{path.name}.unreadable" for path in bad}


def test_json_has_no_number_beyond_all_numbers() -> None:
    for text in ("[1e999]", "[-1e400]"):
        with pytest.raises(UserError, match="larger than any number"):
            parse_json(text, "x.json", "Export it again.")
    assert parse_json("[1e308, 2.5, 1e-999]", "x.json", "") == [1e308, 2.5, 0.0]


def test_what_is_set_aside_never_replaces_what_was_set_aside_before(board: Leaderboard) -> None:
    spool_of(board).mkdir()
    for content in ("first", "second", "third"):
        (spool_of(board) / "0000.json").write_text(content)
        board.replay()
    found = {path.name: path.read_text() for path in spool_of(board).iterdir()}
    expected = {"0000.json": "first", "0000-2.json": "second", "0000-3.json": "third"}
    assert found == {f"{name}.unreadable": content for name, content in expected.items()}


def test_a_record_may_be_read_by_whoever_may_read_other_files_of_its_owner(board: Leaderboard) -> None:
    before = os.umask(0o022)
    try:
        path = Spool(board.path).keep(make_record(), "why")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def denied(*_: object, **__: object) -> Any:
    raise PermissionError(errno.EACCES, "Permission denied")


@pytest.mark.parametrize("call", ["read_bytes", "rename", "unlink"])
def test_what_another_user_keeps_from_us_is_one_line_and_stays_as_it_is(
    board: Leaderboard, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    kept = Spool(board.path).keep(make_record(), "why")
    if call == "rename":
        kept.write_text("no record")
    content = kept.read_text()
    with monkeypatch.context() as patched:
        patched.setattr(Path, call, denied)
        open_leaderboard(board.path)
        (problem,) = board.replay().problems
    assert problem.startswith(f"{kept}: ")
    assert "Permission denied" in problem
    assert "\n" not in problem
    assert kept.read_text() == content
    assert board.known([run_id("run")]) == ({run_id("run")} if call == "unlink" else set())


def test_a_spool_that_is_a_link_is_left_alone(board: Leaderboard, tmp_path: Path) -> None:
    """It came with a stranger's leaderboard, and names a folder whose files are no records."""
    settings = tmp_path / "project" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("{}")
    spool_of(board).symlink_to(settings.parent)
    open_leaderboard(board.path)
    assert settings.read_text() == "{}"


def test_a_pipe_in_the_spool_is_set_aside(board: Leaderboard) -> None:
    spool_of(board).mkdir()
    os.mkfifo(spool_of(board) / "0000.json")
    assert "0000.json.unreadable: set aside" in board.replay().problems[0]


def test_a_run_that_waited_may_differ_in_its_last_digits_from_what_came_first(board: Leaderboard) -> None:
    board.commit(make_record())
    Spool(board.path).keep(replace(make_record(), metrics=[metric(0.505)]), "why")
    replayed = board.replay()
    assert replayed.problems == ()
    assert replayed.largest == Difference(run_id=run_id("run"), what="test accuracy", ours=0.5, theirs=0.505)
    assert run_query(board.path, "SELECT value FROM leaderboard").rows == [(0.5,)]


def test_a_second_run_of_a_seed_stays_in_the_spool_and_both_are_named(board: Leaderboard) -> None:
    identity = {"identity_version": 2, "partition_sha256": "a" * 64}
    board.commit(make_record("first", configuration=identity))
    Spool(board.path).keep(make_record("second", configuration=identity), "why")
    (problem,) = board.replay().problems
    assert run_id("first") in problem
    assert run_id("second") in problem


def test_a_record_that_breaks_a_rule_is_reported(board: Leaderboard) -> None:
    Spool(board.path).keep(make_record(dataset=""), "why")
    assert "breaks a rule" in board.replay().problems[0]


def test_a_record_of_an_older_version_lacks_what_came_later(board: Leaderboard) -> None:
    path = Spool(board.path).keep(make_record(), "why")
    content = json.loads(path.read_text())
    for table in ("mask_counts", "values", "error_sums"):
        del content[table]
    del content["run"]["parameters"], content["run"]["higher_is_better"]
    path.write_text(json.dumps(content))
    assert board.replay().stored == 1
    assert run_query(board.path, "SELECT parameters, higher_is_better FROM runs").rows == [(None, True)]


def test_the_same_run_is_kept_once(board: Leaderboard) -> None:
    first = Spool(board.path).keep(make_record(seed=1), "why")
    assert Spool(board.path).keep(make_record(seed=2), "why") == first
    assert read_pending(first).run.seed == 1

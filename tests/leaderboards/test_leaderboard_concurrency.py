"""Many processes, one file: every commit lands, readers get in between, and a killed writer leaves no partial run."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from leaderboard_records import make_record, run_id

from leaderboards.connection import connect
from leaderboards.errors import UserError
from leaderboards.query import run_query
from leaderboards.store import Leaderboard, open_leaderboard

SPAWN = multiprocessing.get_context("spawn")
PATIENT = 60.0
"""Seconds: these tests are about order, not about speed."""


def commit_runs(path: Path, writer: int, runs: int) -> None:
    board = open_leaderboard(path, PATIENT)  # all writers race to create it
    for number in range(runs):
        board.commit(make_record((writer, number), n_predictions=50))


def read_until_told(path: Path, stop: object) -> None:
    while not stop.is_set():  # type: ignore[attr-defined]  # multiprocessing's Event is a factory, not a type
        if path.exists():
            rows = run_query(path, "SELECT count(*) FROM predictions GROUP BY run_id", PATIENT).rows
            assert all(row == (50,) for row in rows)
        time.sleep(0.02)


def test_writers_and_readers_of_one_file_take_turns(tmp_path: Path) -> None:
    path, stop = tmp_path / "board.duckdb", SPAWN.Event()
    open_leaderboard(path)
    reader = SPAWN.Process(target=read_until_told, args=(path, stop))
    writers = [SPAWN.Process(target=commit_runs, args=(path, writer, 10)) for writer in range(4)]
    for process in (reader, *writers):
        process.start()
    for process in writers:
        process.join(120)
    stop.set()
    reader.join(60)
    assert [process.exitcode for process in (*writers, reader)] == [0] * 5
    expected = {run_id((writer, number)) for writer in range(4) for number in range(10)}
    assert Leaderboard(path).known(expected) == expected
    assert run_query(path, "SELECT count(*) FROM predictions").rows == [(40 * 50,)]


def test_writers_may_create_the_file_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "board.duckdb"
    writers = [SPAWN.Process(target=commit_runs, args=(path, writer, 1)) for writer in range(3)]
    for process in writers:
        process.start()
    for process in writers:
        process.join(120)
    assert [process.exitcode for process in writers] == [0] * 3
    assert run_query(path, "SELECT count(*) FROM runs").rows == [(3,)]


@contextmanager
def held_by_another_process(path: Path, seconds: float, *, read_only: bool) -> Iterator[None]:
    """The file as a DuckDB shell holds it; killed at the end of the context if it has not let go by then."""
    script = (
        f"import duckdb, time; c = duckdb.connect({str(path)!r}, read_only={read_only});"
        f"print('open', flush=True); time.sleep({seconds})"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield
        finally:
            process.kill()


def test_a_commit_waits_for_a_lock_to_go(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb", PATIENT)
    with held_by_another_process(board.path, 0.5, read_only=False):
        board.commit(make_record())
    assert board.known([run_id("run")]) == {run_id("run")}


def test_a_file_that_stays_locked_is_named_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "board.duckdb"
    board = Leaderboard(open_leaderboard(path).path, wait_seconds=0.2)
    with held_by_another_process(path, 60, read_only=True):
        started = time.monotonic()
        with pytest.raises(UserError, match=r"board\.duckdb: .*PID \d+.* waiting 0\.2 s\. Close it there"):
            board.commit(make_record())
        assert 0.2 <= time.monotonic() - started < 5
        assert board.known([run_id("run")]) == set()  # readers do not exclude each other
    with held_by_another_process(path, 60, read_only=False), pytest.raises(UserError, match="Close it there"):
        run_query(path, "FROM runs", wait_seconds=0.1)


def test_another_name_of_a_file_in_use_by_this_process_is_still_the_same_file(tmp_path: Path) -> None:
    """POSIX locks do not conflict within a process: opened twice, the file would have two masters."""
    path, link = tmp_path / "board.duckdb", tmp_path / "link.duckdb"
    open_leaderboard(path)
    link.symlink_to(path)
    with connect(path, read_only=False, wait_seconds=0), pytest.raises(UserError, match="another program"):
        run_query(link, "FROM runs", wait_seconds=0.1)


COMMIT_FOR_EVER = """
import sys
from itertools import count
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from leaderboard_records import make_record
from leaderboards.store import open_leaderboard
board = open_leaderboard(Path(sys.argv[1]))
for number in count():
    board.commit(make_record((sys.argv[3], number), n_predictions=2000))
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_whole_runs_only(tmp_path: Path) -> None:
    path = tmp_path / "board.duckdb"
    reported = set()
    for attempt in range(4):
        arguments = [str(path), str(Path(__file__).parent), str(attempt)]
        command = [sys.executable, "-c", COMMIT_FOR_EVER, *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(0.03 * attempt)  # somewhere else in a commit each time
            process.kill()
            finished = [first, *process.stdout.readlines()]
        reported |= {run_id((str(attempt), int(number))) for number in finished}
        rows = run_query(path, "SELECT count(*) FROM runs LEFT JOIN predictions USING (run_id) GROUP BY run_id").rows
        assert set(rows) == {(2000,)}
    assert len(reported) >= 4
    board = open_leaderboard(path)
    assert board.known(reported) == reported
    board.commit(make_record("afterwards"))

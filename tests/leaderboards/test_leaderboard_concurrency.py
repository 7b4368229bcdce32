"""Many processes, one file: every commit lands, readers get in between, and a killed writer leaves no partial run."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from leaderboard_records import make_record, run_id

from leaderboards.errors import UnavailableError, UserError
from leaderboards.query import run_query
from leaderboards.store import Leaderboard, open_leaderboard

SPAWN = multiprocessing.get_context("spawn")
PATIENT = 300.0
"""Seconds: these tests are about order, not about speed."""


def commit_runs(path: Path, writer: int, runs: int) -> None:
    """Report each run in a file once it is committed, as a campaign reports it to its user."""
    board = open_leaderboard(path, PATIENT)  # all writers race to create it
    with board.session() as session, path.with_name(f"reported-{writer}").open("w") as report:
        for number in range(runs):
            session.commit(make_record((writer, number), n_predictions=20))
            print(number, file=report, flush=True)


def reported(path: Path, writer: int) -> list[int]:
    report = path.with_name(f"reported-{writer}")
    return [int(line) for line in report.read_text().split()] if report.exists() else []


def read_until_told(path: Path, stop: object) -> None:
    while not stop.is_set():  # type: ignore[attr-defined]  # multiprocessing's Event is a factory, not a type
        rows = run_query(path, "SELECT count(*) FROM predictions GROUP BY run_id", PATIENT).rows
        assert all(row == (20,) for row in rows)
        time.sleep(0.01)


def kill_after(path: Path, writer: int, process: multiprocessing.process.BaseProcess, n_runs: int) -> None:
    while process.is_alive() and len(reported(path, writer)) < n_runs:
        time.sleep(0.01)
    time.sleep(0.05 * writer)  # somewhere else in a commit each time
    process.kill()


@pytest.mark.parametrize(
    ("n_writers", "n_runs", "n_readers"),
    [(4, 25, 1), pytest.param(8, 500, 2, marks=pytest.mark.slow)],
    ids=["4 writers of 25 runs", "8 writers of 500 runs"],
)
def test_every_run_reported_is_there_once_though_two_writers_are_killed(
    tmp_path: Path, n_writers: int, n_runs: int, n_readers: int
) -> None:
    path, stop = tmp_path / "board.duckdb", SPAWN.Event()
    open_leaderboard(path)
    readers = [SPAWN.Process(target=read_until_told, args=(path, stop)) for _ in range(n_readers)]
    n_each = [10**6, 10**6, *[n_runs] * (n_writers - 2)]  # the first two never finish: they are killed
    writers = [SPAWN.Process(target=commit_runs, args=(path, writer, n)) for writer, n in enumerate(n_each)]
    for process in (*readers, *writers):
        process.start()
    for writer in (0, 1):
        kill_after(path, writer, writers[writer], n_runs // 3)
    for process in writers:
        process.join(600)
    stop.set()
    for process in readers:
        process.join(PATIENT)
    assert [process.exitcode for process in (*writers[2:], *readers)] == [0] * (n_writers - 2 + n_readers)
    assert [process.exitcode for process in writers[:2]] == [-9, -9]
    said = {run_id((writer, number)) for writer in range(n_writers) for number in reported(path, writer)}
    assert len(said) >= (n_writers - 2) * n_runs + 2 * (n_runs // 3)
    board = open_leaderboard(path)
    assert board.known(said) == said
    stored = run_query(path, "SELECT run_id, count(*) FROM runs LEFT JOIN predictions USING (run_id) GROUP BY ALL").rows
    assert {n for _, n in stored} == {20}  # no partial run
    assert len(stored) - len(said) in (0, 1, 2)  # a killed writer may have stored a run and not yet said so


def test_writers_may_create_the_file_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "board.duckdb"
    path.parent.mkdir()
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


def test_a_session_gives_the_file_back_in_a_pause(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    with board.session() as session:
        session.commit(make_record("first"))
        with held_by_another_process(board.path, 60, read_only=False):  # gets in while the session lasts
            pass
        session.commit(make_record("second"))
    assert board.known([run_id("first"), run_id("second")]) == {run_id("first"), run_id("second")}


def test_a_burst_lets_others_in(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb")
    other = SPAWN.Process(target=commit_runs, args=(board.path, 1, 3))
    number = 0
    with board.session() as session:
        session.commit(make_record("first"))
        other.start()
        while other.is_alive() and number < 5_000:
            session.commit(make_record(number))
            number += 1
    other.join(PATIENT)
    assert other.exitcode == 0
    assert number < 5_000


def test_a_session_writes_to_the_file_that_is_there_now(tmp_path: Path) -> None:
    """Somebody moves the leaderboard away within a burst: what follows must not vanish with it."""
    board = open_leaderboard(tmp_path / "board.duckdb")
    with board.session() as session:
        session.commit(make_record("first"))
        board.path.rename(tmp_path / "moved.duckdb")
        with pytest.raises(UnavailableError, match="gone"):
            session.commit(make_record("second"))
        open_leaderboard(tmp_path / "new.duckdb").path.rename(board.path)
        session.commit(make_record("third"))
    assert board.known([run_id(name) for name in ("first", "second", "third")]) == {run_id("third")}
    assert Leaderboard(tmp_path / "moved.duckdb").known([run_id("first")]) == {run_id("first")}


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "board.duckdb", PATIENT)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: board.commit(make_record(number)), range(8)))
    assert len(board.known([run_id(number) for number in range(8)])) == 8


def test_another_name_of_a_file_in_use_by_this_process_is_still_the_same_file(tmp_path: Path) -> None:
    """POSIX locks do not conflict within a process: opened twice, the file would have two masters."""
    path, link = tmp_path / "board.duckdb", tmp_path / "link.duckdb"
    board = open_leaderboard(path)
    link.symlink_to(path)
    with board.transaction(), pytest.raises(UserError, match="another program"):
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

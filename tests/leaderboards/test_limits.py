"""A query ends: in the time and the memory it may take, and at Ctrl-C."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from leaderboard_records import make_record

from leaderboards.errors import UserError
from leaderboards.file.limits import Limits
from leaderboards.query import run_query
from leaderboards.store import open_leaderboard


@pytest.fixture
def db(tmp_path: Path) -> Path:
    open_leaderboard(tmp_path / "board.duckdb").commit(make_record())
    return tmp_path / "board.duckdb"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM range(3000000000)", "rows take more than .*LIMIT.*--memory"),
        ("SELECT list(i) FROM range(3000000000) AS t (i)", "[Oo]ut of [Mm]emory"),
        ("SELECT count(*) FROM range(300000000000)", "longer than 1 s.*--timeout"),
    ],
)
def test_a_query_that_takes_too_much_is_one_line(db: Path, sql: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match=message):
        run_query(db, sql, limits=Limits(memory_bytes=50_000_000, seconds=1 if "count" in sql else 60))
    assert time.monotonic() - started < 50


def test_what_takes_little_is_as_without_limits(db: Path) -> None:
    sql = "FROM leaderboard"
    assert run_query(db, sql, limits=Limits(memory_bytes=50_000_000, seconds=60)) == run_query(db, sql)


def test_ctrl_c_ends_a_query_with_130_and_no_traceback(db: Path) -> None:
    command = [sys.executable, "-m", "harness", "sql", "--db", db, "SELECT count(*) FROM range(300000000000)"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(5)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told

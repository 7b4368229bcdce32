"""The line before a leaderboard file: one is first, who waited longest follows, and it stops nobody for good."""

import os
import threading
import time
from pathlib import Path

import pytest

from leaderboards.file.line import OTHERS_TRY_EVERY, Line


def wait_until_first(line: Line) -> float:
    """The seconds it took; a place that is not first is told to try in between."""
    started = time.monotonic()
    while not line.is_first:
        line.wait(60)
    return time.monotonic() - started


def test_the_next_is_first_once_who_was_first_leaves_and_nothing_stays(tmp_path: Path) -> None:
    path = tmp_path / "board.duckdb"
    with Line(path) as second:
        with Line(path) as first:
            assert list(tmp_path.iterdir()) == []  # nobody waits yet
            wait_until_first(first)
            second.wait(0.05)
            assert first.is_first
            assert not second.is_first
        assert wait_until_first(second) < OTHERS_TRY_EVERY  # at a new lock: the old one is deleted
        assert [item.name for item in tmp_path.iterdir()] == [".board.duckdb.line"]
    assert list(tmp_path.iterdir()) == []


def test_who_has_waited_for_long_goes_before_those_who_just_came(tmp_path: Path) -> None:
    path, served = tmp_path / "board.duckdb", list[str]()

    def stand(name: str) -> None:
        with Line(path) as line:
            wait_until_first(line)
            served.append(name)

    threads = []
    with Line(path) as first:
        wait_until_first(first)
        for name, seconds in (("early", 4.0), ("late", 0.02)):  # each has looked before the next comes
            threads.append(threading.Thread(target=stand, args=(name,)))
            threads[-1].start()
            time.sleep(seconds)
    for thread in threads:
        thread.join(30)
    assert served == ["early", "late"]


def test_who_is_not_first_tries_now_and_then(tmp_path: Path) -> None:
    """Whoever is first may have been stopped."""
    path = tmp_path / "board.duckdb"
    with Line(path) as first, Line(path) as second:
        wait_until_first(first)
        started = time.monotonic()
        second.wait(60)
        assert OTHERS_TRY_EVERY <= time.monotonic() - started < 5
        assert not second.is_first


@pytest.mark.parametrize("at_most", [0.0, 0.02])
def test_nobody_waits_for_longer_than_told(tmp_path: Path, at_most: float) -> None:
    path = tmp_path / "board.duckdb"
    with Line(path) as first, Line(path) as second:
        wait_until_first(first)
        started = time.monotonic()
        for line in (first, second):
            line.wait(at_most)
        assert time.monotonic() - started < OTHERS_TRY_EVERY


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    path, target = tmp_path / "board.duckdb", tmp_path / "precious"
    (tmp_path / ".board.duckdb.line").symlink_to(target)
    with Line(path) as line:
        line.wait(0.05)
        assert not line.is_first
    assert not target.exists()


def test_a_folder_that_cannot_be_written_has_no_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        path = Path("/proc/board.duckdb")  # root may write everywhere else
    else:
        tmp_path.chmod(0o555)
        path = tmp_path / "board.duckdb"
    with Line(path) as line:
        started = time.monotonic()
        line.wait(60)
        assert OTHERS_TRY_EVERY <= time.monotonic() - started < 5


def test_a_child_that_was_forked_meanwhile_does_not_keep_the_place(tmp_path: Path) -> None:
    path = tmp_path / "board.duckdb"
    with Line(path) as first:
        wait_until_first(first)
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        with Line(path) as second:
            assert wait_until_first(second) < 5
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)

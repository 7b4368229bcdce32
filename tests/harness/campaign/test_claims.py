"""A group is one member's at a time, and what a member leaves that is gone another takes over, one alone."""

import os
import threading
import time
from pathlib import Path

import pytest

from harness.campaign.dividing.claims import CLAIMS, MEMBERS, Claims, claimed, grid_folder, members
from harness.errors import UserError

BEAT = 0.02


@pytest.fixture
def folder(tmp_path):
    return grid_folder(tmp_path / "board.duckdb")


def left_behind(folder, name, member):
    """A claim of somebody who did not come back."""
    (folder / CLAIMS / name).mkdir(parents=True)
    (folder / CLAIMS / name / member).touch()
    (folder / MEMBERS).mkdir(exist_ok=True)
    (folder / MEMBERS / member).touch()


def dead_pid():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_a_group_is_of_one_member_until_it_is_released(folder):
    with Claims(folder) as one, Claims(folder) as other:
        assert (one.take("a"), other.take("a"), other.take("b")) == (True, False, True)
        assert len(set(claimed(folder).values())) == len(members(folder)) == 2
        one.release("a")
        assert other.take("a")


def test_nothing_stays_when_all_have_left(folder):
    with Claims(folder) as one, Claims(folder) as other:
        one.take("a")
        other.take("b")
    assert not folder.exists()


def test_who_waits_without_a_claim_goes_on_when_another_leaves(folder):
    with Claims(folder) as waiting:
        with Claims(folder) as leaving:
            leaving.take("a")
        assert waiting.take("a")
    assert not folder.exists()


def test_a_folder_taken_for_empty_as_one_came_is_made_again(folder):
    with Claims(folder) as claims:
        (folder / CLAIMS).rmdir()
        assert claims.take("a")
    assert not folder.exists()


def test_what_others_leave_among_claims_stops_nobody(folder):
    left_behind(folder, "a", f"{os.uname().nodename}~{dead_pid()}~0")
    (folder / CLAIMS / ".DS_Store").touch()
    (folder / CLAIMS / "notes").touch()
    with Claims(folder) as claims:
        assert claims.take("a")


def test_of_many_who_want_the_same_at_once_one_has_it(folder):
    at_once = threading.Barrier(8)
    took = []

    def want():
        with Claims(folder) as claims:
            at_once.wait()
            took.extend(name for name in map(str, range(20)) if claims.take(name))
            at_once.wait()

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(took, key=int) == list(map(str, range(20)))


def test_a_claim_of_a_process_of_this_host_that_is_gone_is_taken_over_at_once(folder):
    left_behind(folder, "a", f"{os.uname().nodename}~{dead_pid()}~0")
    with Claims(folder) as claims:
        assert claims.take("a")


def test_the_same_number_of_a_process_that_was_before_is_nobody(folder):
    """A container that starts again has its name and its numbers again."""
    left_behind(folder, "a", f"{os.uname().nodename}~{os.getpid()}~0")
    with Claims(folder) as claims:
        assert claims.take("a")


def test_a_claim_of_another_host_is_taken_over_when_its_heart_has_stopped(folder):
    left_behind(folder, "a", "elsewhere~1~0")
    beating = threading.Event()

    def beat():
        while not beating.wait(BEAT):
            (folder / MEMBERS / "elsewhere~1~0").touch()

    heart = threading.Thread(target=beat)
    heart.start()
    with Claims(folder, BEAT) as claims:
        until = time.monotonic() + 10 * BEAT
        while time.monotonic() < until:
            assert not claims.take("a")
            time.sleep(BEAT / 4)
        beating.set()
        heart.join()
        until = time.monotonic() + 10
        while not claims.take("a"):
            assert time.monotonic() < until
            time.sleep(BEAT)


def test_who_is_not_there_at_all_is_watched_as_long(folder):
    left_behind(folder, "a", "elsewhere~1~0")
    (folder / MEMBERS / "elsewhere~1~0").unlink()
    with Claims(folder, 60) as claims:
        assert not claims.take("a")


def test_one_alone_takes_over(folder):
    member = f"{os.uname().nodename}~{dead_pid()}~0"
    for name in map(str, range(20)):
        left_behind(folder, name, member)
    test_of_many_who_want_the_same_at_once_one_has_it(folder)


def test_an_empty_claim_and_drafts_of_the_dead_keep_nobody(folder):
    (folder / CLAIMS / "a").mkdir(parents=True)
    (folder / CLAIMS / ".b.elsewhere~1~0").mkdir()
    with Claims(folder) as claims:
        assert claims.take("a")
        assert claims.take("b")


def test_what_the_dead_of_this_host_left_is_removed(folder):
    member = f"{os.uname().nodename}~{dead_pid()}~0"
    left_behind(folder, "nobody wants it", member)
    (folder / CLAIMS / f".a.{member}").mkdir()
    with Claims(folder) as claims:
        claims.take("a")
    assert not folder.exists()


def test_members_touch_their_files(folder):
    with Claims(folder, BEAT):
        (first,) = members(folder).values()
        until = time.monotonic() + 10
        while list(members(folder).values()) == [first]:
            assert time.monotonic() < until
            time.sleep(BEAT)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "board.duckdb.grid").write_text("")
    with pytest.raises(UserError, match=r"board.duckdb.grid: cannot be written \(.*\). Pass --db FILE"):
        Claims(tmp_path / "board.duckdb.grid").__enter__()


def test_a_disk_that_refuses_ends_the_wait(folder, monkeypatch):
    with Claims(folder) as claims:
        monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(UserError, match="No space left"):
            claims.take("a")

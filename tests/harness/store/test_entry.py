"""An entry is there whole or not at all, made by one process while others wait, and never another than asked for."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.records.progress import Silent
from harness.store.entry import find_entry, open_entry
from harness.store.kinds import FEATURES, Place
from harness.store.upkeep import State, list_entries, prune
from recorded_progress import Log

ROOT = Path(__file__).parents[3]
VALUES = np.arange(12.0).reshape(4, 3)


def place(cache_dir, key="key"):
    return Place(cache_dir=cache_dir, kind=FEATURES, key=key, title="toy")


def make(writer):
    writer.write("values.npy", VALUES)
    return {"made": "here"}


def read(entry):
    return entry.array("values.npy")[:], entry.facts


def never(writer):
    raise AssertionError("made again")


def names(cache_dir):
    return sorted(path.name for path in (cache_dir / "features").iterdir())


def test_what_was_made_is_found(tmp_path):
    assert find_entry(place(tmp_path), read) is None
    for maker in (make, never):
        values, facts = open_entry(place(tmp_path), read, maker, Silent())
        np.testing.assert_array_equal(values, VALUES)
        assert facts == {"made": "here"}
    assert names(tmp_path) == ["key"]


def test_one_makes_it_and_the_others_wait(tmp_path):
    made, ready = [], threading.Barrier(4)

    def slow(writer):
        made.append(writer)
        threading.Event().wait(0.2)
        return make(writer)

    def ask(log):
        ready.wait()
        return open_entry(place(tmp_path), read, slow, log)

    logs = [Log() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, logs))
    assert len(made) == 1
    assert all(np.array_equal(values, VALUES) for values, _ in found)
    assert {notice for log in logs for notice in log.notices} <= {
        "toy: features are being made by another process; waiting for it"
    }
    assert names(tmp_path) == ["key"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_what_could_not_be_made_leaves_nothing(tmp_path, error):
    def fail(writer):
        writer.write("values.npy", VALUES)
        raise error("no")

    with pytest.raises(UserError if error is OSError else error):
        open_entry(place(tmp_path), read, fail, Silent())
    assert names(tmp_path) == []


def test_what_the_disk_refuses_names_the_option(tmp_path):
    (tmp_path / "features").write_text("a file")
    with pytest.raises(UserError, match=r"cannot store the features of toy \(File exists\).*--cache-dir"):
        open_entry(place(tmp_path), read, make, Silent())


def test_a_cache_that_may_only_be_read_can_be_read(tmp_path, monkeypatch):
    open_entry(place(tmp_path), read, make, Silent())

    def refuse(*arguments, **named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "utime", refuse)
    np.testing.assert_array_equal(open_entry(place(tmp_path), read, never, Silent())[0], VALUES)


def test_facts_may_be_kept_by_many_at_once(tmp_path, monkeypatch):
    """Each under a name of its own: a shared one was renamed while another still wrote it."""
    one, other = (open_entry(place(tmp_path), lambda entry: entry, make, Silent()) for _ in range(2))
    replace, done = Path.replace, []

    def replace_while_another_writes(path, target):
        if not done:
            done.append(path)
            other.keep_facts({"of": "other"})
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_while_another_writes)
    one.keep_facts({"of": "one"})
    assert find_entry(place(tmp_path), read)[1] == {"of": "one"}
    assert sorted(path.name for path in (tmp_path / "features" / "key").iterdir()) == [
        "manifest.json",
        "used",
        "values.npy",
    ]


def test_facts_of_what_was_made_anew_are_not_replaced(tmp_path):
    old = open_entry(place(tmp_path), lambda entry: entry, make, Silent())
    old.give_up()
    open_entry(place(tmp_path), read, make, Silent())
    old.keep_facts({"of": "old"})
    assert find_entry(place(tmp_path), read)[1] == {"made": "here"}


def test_where_only_files_open_for_writing_can_be_locked_alone_entries_are_made_and_removed(tmp_path, monkeypatch):
    """NFS."""
    flock = fcntl.flock

    def flock_of_nfs(handle, mode):
        if mode & fcntl.LOCK_EX and fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(handle, mode)

    monkeypatch.setattr(fcntl, "flock", flock_of_nfs)
    open_entry(place(tmp_path), read, make, Silent())
    assert [entry.state for entry in list_entries(tmp_path)] == [State.READY]
    assert len(prune(tmp_path, 0).removed) == 1


def test_what_may_only_be_read_can_be_locked(tmp_path, monkeypatch):
    open_entry(place(tmp_path), read, make, Silent())
    opened = os.open

    def open_to_read(path, flags, *mode):
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, flags, *mode)

    monkeypatch.setattr(os, "open", open_to_read)
    assert [entry.state for entry in list_entries(tmp_path)] == [State.READY]


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from harness.records.progress import Silent
from harness.store import entry, upkeep
from harness.store.kinds import FEATURES, Place

def die(*anything):
    os.kill(os.getpid(), signal.SIGKILL)

def make(writer):
    writer.write("values.npy", np.zeros((4, 3)))
    if what == "making":
        die()
    return {}

cache_dir, what = Path(sys.argv[1]), sys.argv[2]
if what == "writing the manifest":
    entry.write_manifest = die
if what == "renaming":
    entry._sync_folder = die
if what == "pruning":
    upkeep.remove = die
if what in ("pruning", "about to prune"):
    if what == "about to prune":
        upkeep.partial_folder = die
    upkeep.prune(cache_dir, 0)
entry.open_entry(Place(cache_dir=cache_dir, kind=FEATURES, key="key", title="toy"), lambda found: found, make, Silent())
"""


@pytest.mark.parametrize("what", ["making", "writing the manifest", "renaming", "about to prune", "pruning"])
def test_a_process_killed_at_any_point_leaves_nothing_that_is_mistaken_or_stays(tmp_path, what):
    if "prun" in what:
        open_entry(place(tmp_path), read, make, Silent())
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path, what], cwd=ROOT, check=False, timeout=100)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) > (what == "renaming"), "the test wants a leftover"
    assert all(entry.directory.name == "key" for entry in list_entries(tmp_path))
    np.testing.assert_array_equal(open_entry(place(tmp_path), read, make, Silent())[0], VALUES)
    prune(tmp_path, None)  # of one that was about to prune the lock stays until then, or until another entry is made
    assert names(tmp_path) == ["key"]


def test_making_one_entry_removes_what_was_left_of_others(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, "making"], cwd=ROOT, check=False, timeout=100)
    assert names(tmp_path) == ["key.lock", "key.partial"]
    open_entry(place(tmp_path, "another"), read, make, Silent())
    assert names(tmp_path) == ["another"]


def test_pruning_removes_what_was_left_and_nothing_that_is_being_made(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path, "making"], cwd=ROOT, check=False, timeout=100)
    seen = []

    def make_slowly(writer):
        seen.append((prune(tmp_path, 0).n_leftovers, names(tmp_path)))
        return make(writer)

    open_entry(place(tmp_path, "another"), read, make_slowly, Silent())
    assert seen == [(0, ["another.lock", "another.partial"])]  # what was killed had been swept before
    assert names(tmp_path) == ["another"]

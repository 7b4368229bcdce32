"""Building: the same bytes always, complete or not at all, and clear about what is in the way."""

import errno
import hashlib
import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from harness.demo.build import ensure_demo_suite
from harness.errors import UserError
from harness.records.progress import Silent
from recorded_progress import Log

ROOT = Path(__file__).parents[3]


def build(root, task, seed=0, processes=1, progress=None):
    ensure_demo_suite(root, seed, progress or Silent(), tasks=[task], processes=processes)
    return root / "demo" / task.name


def contents(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def test_the_same_seed_gives_the_same_bytes_for_one_and_four_processes(tmp_path, tiny_task):
    first = contents(build(tmp_path / "a", tiny_task))
    time.sleep(1.1)  # a time stamp of whole seconds would differ
    assert contents(build(tmp_path / "b", tiny_task, processes=4)) == first


def test_another_seed_gives_other_samples(tmp_path, tiny_task):
    first, second = (build(tmp_path / str(seed), tiny_task, seed) for seed in (0, 1))
    samples = [{path.name for path in directory.glob("*.hdf5")} for directory in (first, second)]
    assert not samples[0] & samples[1]


def test_a_complete_directory_is_kept_as_it_is(tmp_path, tiny_task):
    directory = build(tmp_path, tiny_task)
    before = {path.name: path.stat().st_mtime_ns for path in directory.iterdir()}
    build(tmp_path, tiny_task)
    assert {path.name: path.stat().st_mtime_ns for path in directory.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seed": 5}, "seed 5 instead of 0"),
        ({"version": 0}, "version 0 instead of 1"),
        ({"world_version": -1}, "world_version -1 instead of"),
    ],
)
def test_a_directory_of_another_version_or_seed_is_refused_and_stays(tmp_path, tiny_task, change, expected):
    directory = build(tmp_path, tiny_task)
    description = json.loads((directory / "demo.json").read_bytes())
    (directory / "demo.json").write_text(json.dumps({**description, **change}))
    before = contents(directory)
    with pytest.raises(UserError, match=rf"{directory}: holds other simulated data: {expected}.*Remove it, or choose"):
        build(tmp_path, tiny_task)
    assert contents(directory) == before


def test_a_foreign_directory_is_refused(tmp_path, tiny_task):
    (tmp_path / "demo" / tiny_task.name).mkdir(parents=True)
    with pytest.raises(UserError, match=r"no readable demo.json.*Remove it, or choose another directory"):
        build(tmp_path, tiny_task)


@pytest.mark.parametrize("text", ["[]", "3", "{}", "not json"])
def test_a_damaged_description_is_refused(tmp_path, tiny_task, text):
    directory = build(tmp_path, tiny_task)
    (directory / "demo.json").write_text(text)
    with pytest.raises(UserError, match=r"demo.json.*Remove it, or choose another directory"):
        build(tmp_path, tiny_task)


def test_a_missing_sample_is_noticed(tmp_path, tiny_task):
    directory = build(tmp_path, tiny_task)
    next(directory.glob("*.hdf5")).unlink()
    with pytest.raises(UserError, match=r"47 files where 48 were written"):
        build(tmp_path, tiny_task)


def test_a_full_disk_leaves_nothing_behind(tmp_path, tiny_task, monkeypatch):
    write_bytes, room = Path.write_bytes, iter(range(10))

    def write_until_full(path, data):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_until_full)
    with pytest.raises(UserError, match=r"demo-climate: cannot be written \(No space left on device\)\. Choose"):
        build(tmp_path, tiny_task)
    assert list((tmp_path / "demo").iterdir()) == []


def test_an_interrupted_build_leaves_nothing_behind(tmp_path, tiny_task):
    class Interrupted(Silent):
        def advance(self, units=1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, tiny_task, progress=Interrupted())
    assert list((tmp_path / "demo").iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path, tiny_task):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"file/demo/demo-climate: cannot be written \(Not a directory\)"):
        build(tmp_path / "file", tiny_task)


def test_no_permission_is_said(tmp_path, tiny_task, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match=r"cannot be written \(Permission denied\)"):
        build(tmp_path, tiny_task)


def test_two_that_want_the_same_task_share_the_work(tmp_path, tiny_task):
    logs = [Log(), Log()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda log: build(tmp_path, tiny_task, progress=log), logs))
    assert sum(len(log.steps) for log in logs) == 1
    assert [path.name for path in (tmp_path / "demo").iterdir()] == [tiny_task.name]


KILLED = """
import dataclasses, os, signal, sys
from pathlib import Path
from harness.demo.tasks import TASKS
from harness.demo.build import ensure_demo_suite
from harness.records.progress import Silent

class Killed(Silent):
    def advance(self, units=1):
        os.kill(os.getpid(), signal.SIGKILL)

task = dataclasses.replace(TASKS["demo-climate"], sizes={"train": 24, "valid": 6, "test": 6})
ensure_demo_suite(Path(sys.argv[1]), 0, Killed(), tasks=[task], processes=1)
"""


@pytest.mark.slow
def test_what_a_killed_build_left_is_no_dataset_and_goes_with_the_next_build(tmp_path, tiny_task):
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert all(path.name.startswith(".") for path in (tmp_path / "demo").iterdir())
    build(tmp_path, tiny_task)
    assert [path.name for path in (tmp_path / "demo").iterdir()] == [tiny_task.name]


def test_progress_counts_every_sample_once(tmp_path, tiny_task):
    class Counting(Silent):
        total = 0

        def advance(self, units=1):
            self.total += units

    progress = Counting()
    build(tmp_path, tiny_task, progress=progress)
    assert progress.total == 36


def test_other_sizes_are_another_task(tmp_path, tiny_task):
    build(tmp_path, tiny_task)
    with pytest.raises(UserError, match="sizes"):
        build(tmp_path, replace(tiny_task, sizes={"train": 10, "valid": 6, "test": 6}))

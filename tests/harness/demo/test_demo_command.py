"""`python -m harness data demo`."""

import pytest

from command_line import harness
from harness.demo import tasks
from mp_mae.data.files import open_mmearth
from mp_mae.modalities import MODALITIES


@pytest.fixture
def small(monkeypatch, tiny_task):
    monkeypatch.setitem(tasks.TASKS, tiny_task.name, tiny_task)
    return ("--tasks", tiny_task.name, "--tiles", "20", "--processes", "1")


def test_it_writes_both_layouts_where_their_readers_look(tmp_path, small):
    done = harness("data", "demo", "--out", "made", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["made/demo/demo-climate", "made/mmearth_demo"]
    listed = harness("datasets", "--geobench-dir", "made", "--format", "csv", cwd=tmp_path)
    assert "demo-climate" in listed.stdout
    assert listed.stderr == ""
    open_mmearth(tmp_path / "made" / "mmearth_demo", list(MODALITIES.values()))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert harness("data", "demo", "--out", "made", *small, cwd=tmp_path).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--tiles", "0"), "--tiles: a number from 1 is wanted, 0 found"),
        (("--processes", "-1"), "--processes: a number from 1 is wanted, -1 found"),
        (("--tasks", "demo-climate,roads"), "no demo task roads; choose among demo-landcover, demo-multilabel"),
    ],
)
def test_wrong_usage_exits_2_with_one_line_and_writes_nothing(tmp_path, arguments, expected):
    done = harness("data", "demo", "--out", "made", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_pretraining_tiles_of_another_number_are_refused(tmp_path, small):
    assert harness("data", "demo", "--out", "made", *small, cwd=tmp_path).returncode == 0
    done = harness("data", "demo", "--out", "made", *small[:2], "--tiles", "21", cwd=tmp_path)
    assert done.returncode == 2
    assert "n_tiles 20 instead of 21" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_says_what_is_written_where(tmp_path):
    shown = harness("data", "demo", "--help", cwd=tmp_path).stdout
    for part in ("DIR/mmearth_demo", "DIR/demo", "--geobench-dir", "pretrain"):
        assert part in shown

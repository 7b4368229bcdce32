"""A folder that is written again and again is always there, whole, and nothing is left beside it."""

import multiprocessing
import os
import random
import signal
import time

import pytest

from mp_mae.files import replace_folder
from mp_mae.files.replace_folder import recover, replacing


def write(folder, content: str) -> None:
    with replacing(folder) as partial:
        (partial / "a").write_text(content)
        (partial / "b").write_text(content)


def leftovers(folder) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


def write_for_ever(folder) -> None:
    for number in range(10**9):
        write(folder, str(number))


def kill_in_the_middle(folder, delay: float) -> None:
    writer = multiprocessing.get_context("fork").Process(target=write_for_ever, args=(folder,))
    writer.start()
    time.sleep(delay)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()


def test_a_writer_killed_at_any_time_leaves_the_folder_whole_and_the_next_sweeps(tmp_path):
    folder, draw = tmp_path / "encoder", random.Random(0)
    write(folder, "first")
    for _ in range(20):
        kill_in_the_middle(folder, draw.uniform(0, 0.03))
        assert (folder / "a").read_text() == (folder / "b").read_text()
        assert len(leftovers(folder)) <= 1
    write(folder, "last")
    assert leftovers(folder) == []


def test_without_an_exchange_of_names_the_old_folder_is_put_back(tmp_path, monkeypatch):
    monkeypatch.setattr(replace_folder, "_exchange", lambda a, b: False)
    folder, draw = tmp_path / "encoder", random.Random(0)
    write(folder, "first")
    for _ in range(20):
        kill_in_the_middle(folder, draw.uniform(0, 0.03))
        recover(folder)
        assert (folder / "a").read_text() == (folder / "b").read_text()
    write(folder, "last")
    assert (folder / "a").read_text() == "last"
    assert leftovers(folder) == []


def test_what_another_living_process_writes_is_left_alone(tmp_path):
    with replacing(tmp_path / "encoder") as partial:
        (partial / "a").write_text("mine")
        write(tmp_path / "encoder", "theirs")
        assert (partial / "a").read_text() == "mine"
    assert (tmp_path / "encoder" / "a").read_text() == "mine"
    assert leftovers(tmp_path / "encoder") == []


@pytest.mark.parametrize("name", ["run[1]", "run*", "run?", "run.2"])
def test_whatever_a_folder_is_called_it_is_swept_and_put_back(tmp_path, name):
    left = [f".{name}.{'0' * 32}.{kind}" for kind in ("old", "partial")]
    for leftover in left:
        (tmp_path / leftover).mkdir()
    recover(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, left[1]])
    (tmp_path / left[0]).mkdir()
    write(tmp_path / name, "new")
    assert leftovers(tmp_path / name) == []


@pytest.mark.parametrize(("name", "other"), [("enc*", "enc2"), ("enc[2]", "enc2"), ("enc", "enc.2")])
def test_what_is_left_of_another_folder_is_left_alone(tmp_path, name, other):
    theirs = tmp_path / f".{other}.{'0' * 32}.old"
    theirs.mkdir()
    recover(tmp_path / name)
    write(tmp_path / name, "new")
    assert leftovers(tmp_path / name) == [theirs.name]


def test_a_writer_that_fails_changes_nothing(tmp_path):
    write(tmp_path / "encoder", "first")
    with pytest.raises(UnicodeEncodeError):
        write(tmp_path / "encoder", "\ud800")
    assert (tmp_path / "encoder" / "a").read_text() == "first"
    assert leftovers(tmp_path / "encoder") == []

"""A training that is stopped or killed, whenever that is, loses little, says what it lost and can be resumed."""

import os
import shutil
import sys
from dataclasses import replace

import pytest

from generated_mmearth import write_mmearth
from mp_mae.checkpoint import load_checkpoint
from mp_mae.files.flush import flush
from mp_mae.files.replace_file import write_whole
from mp_mae.training.log import LOG, read_log
from mp_mae.training.loop import pretrain
from mp_mae.training.progress import Silent
from pretraining_run import after, tiny_settings, train


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=8, side=16)


@pytest.fixture
def settings(tiles):
    """Two steps an epoch, each of two micro-batches: eight steps."""
    return tiny_settings(tiles, preset=("lat",), size="demo", micro_batch=2, epochs=4)


class Told(Silent):
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.notices = []

    def notice(self, text):
        self.notices.append(text)


def told(settings, out, **options):
    reporter = Told()
    pretrain(settings, out, reporter=reporter, **{"resume": True, "stop": lambda: False, **options})
    return "\n".join(reporter.notices)


def saved_steps(out):
    return sorted(int(path.name.removeprefix("step-")) for path in (out / "checkpoints").iterdir())


def test_a_step_is_left_between_its_micro_batches_and_what_was_reached_is_saved(settings, tmp_path):
    finished = train(settings, tmp_path, stop=after(7, asks=1))  # steps ask twice: within the fourth
    assert (finished.step, finished.complete) == (3, False)
    assert saved_steps(tmp_path) == [3]
    assert [record.step for record in read_log(tmp_path / LOG)] == [1, 2, 3]
    train(settings, tmp_path / "whole")
    assert train(settings, tmp_path, resume=True).complete
    one, other = (
        (out / "checkpoints" / "step-00000008" / "model.safetensors").read_bytes()
        for out in (tmp_path, tmp_path / "whole")
    )
    assert one == other


def test_a_training_that_is_stopped_within_its_first_step_has_nothing_to_save(settings, tmp_path):
    finished = train(settings, tmp_path, stop=after(1))
    assert (finished.step, finished.complete) == (0, False)
    assert not (tmp_path / "checkpoints").exists()


def test_a_look_at_held_out_tiles_is_left_too(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=12, side=16, held_out=4)
    settings = tiny_settings(data, preset=("lat",), size="demo", micro_batch=2, validate_every=1)
    whole = train(settings, tmp_path / "whole").out
    assert all(record.held_out for record in read_log(whole / LOG))
    finished = train(settings, tmp_path / "parts", stop=after(3))  # two asks in the step, the third in the look
    assert finished.step == 1
    assert not read_log(tmp_path / "parts" / LOG)[0].held_out
    assert saved_steps(tmp_path / "parts") == [1]


def test_checkpoints_come_after_minutes_too(settings, tmp_path):
    train(replace(settings, save_minutes=0.0, keep=99), tmp_path / "often")
    assert saved_steps(tmp_path / "often") == [1, 2, 3, 4, 5, 6, 7, 8]
    train(replace(settings, save_minutes=1e3, keep=99), tmp_path / "once")
    assert saved_steps(tmp_path / "once") == [8]


def test_checkpoints_of_every_so_many_steps_stay(settings, tmp_path):
    train(replace(settings, keep_every=3, keep=1, save_minutes=1e3), tmp_path)
    assert saved_steps(tmp_path) == [3, 6, 8]


def kill_at(ask):
    """A `stop` that kills the training when it is called for the `ask`-th time."""
    asked = []

    def stop():
        asked.append(True)
        if len(asked) == ask:
            raise KeyboardInterrupt
        return False

    return stop


def test_a_training_killed_before_its_first_checkpoint_begins_again_aloud_and_its_log_stays(settings, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        told(settings, tmp_path, stop=kill_at(5))
    lost = (tmp_path / LOG).read_bytes()
    assert [record.step for record in read_log(tmp_path / LOG)] == [1, 2]
    said = told(settings, tmp_path, stop=after(2))
    assert (
        "holds no checkpoint of a training that came to step 2: it begins again, and its old log is log-before" in said
    )
    assert (tmp_path / "log-before-1.jsonl").read_bytes() == lost
    assert [record.step for record in read_log(tmp_path / LOG)] == [1]
    assert "begins again" not in told(settings, tmp_path)


def test_steps_that_were_logged_and_not_saved_are_told(settings, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        told(replace(settings, save_every=1, save_minutes=1e3), tmp_path, stop=kill_at(5))
    with pytest.raises(KeyboardInterrupt):
        told(replace(settings, save_every=99, save_minutes=1e3), tmp_path, stop=kill_at(5))
    words = told(settings, tmp_path)
    assert "Steps 3 to 4 were logged but not saved: they are done again." in words
    assert "1 modality, 8 tiles" in words
    assert [record.step for record in read_log(tmp_path / LOG)] == list(range(1, 9))


def test_one_step_that_was_not_saved_is_told_as_one(settings, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        told(replace(settings, save_every=2, save_minutes=1e3), tmp_path, stop=kill_at(7))
    assert "Step 3 was logged but not saved: it is done again." in told(settings, tmp_path)


def test_an_encoder_that_a_kill_prevented_is_written_when_the_training_is_resumed(settings, tmp_path):
    train(settings, tmp_path)
    wanted = load_checkpoint(tmp_path / "encoder").sha256
    shutil.rmtree(tmp_path / "encoder")
    assert train(settings, tmp_path, resume=True).complete
    assert load_checkpoint(tmp_path / "encoder").sha256 == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="names of open files are read from /proc")
def test_a_file_is_on_the_disk_before_it_has_its_name_and_then_the_name_is(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda handle: order.append(os.readlink(f"/proc/self/fd/{handle}")))
    write_whole(tmp_path / "log", "text")
    assert order == [str(tmp_path / ".log.partial"), str(tmp_path)]
    flush(tmp_path)
    assert order[2:] == [str(tmp_path)]

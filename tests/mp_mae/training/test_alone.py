"""Two trainings never write to one folder at the same time, and one that is gone keeps nobody out."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from generated_mmearth import write_mmearth
from mp_mae.errors import UserError
from mp_mae.training import setup
from mp_mae.training.processes import alone
from mp_mae.training.processes.alone import LOCK, alone_in
from pretraining_run import after, tiny_settings, train
from processes import pretrain_words, run_together

ROOT = Path(__file__).parents[3]
HOLD = "import sys, time; from pathlib import Path; from mp_mae.training.processes.alone import alone_in\n"
HOLD += "with alone_in(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    data = write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=8, side=16)
    return tiny_settings(data, preset=("lat",), size="demo")


@pytest.fixture
def holder(tmp_path):
    """Another process that trains in `tmp_path / "run"`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_training_is_told_whose_the_folder_is_and_writes_nothing(settings, tmp_path, holder, resume):
    with pytest.raises(UserError, match=rf"run: another training writes to it \(process {holder.pid} on .+\)\. Wait"):
        train(settings, tmp_path / "run", resume=resume)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [LOCK]


def test_a_killed_training_keeps_nobody_out(settings, tmp_path, holder):
    holder.kill()
    holder.wait()
    assert train(settings, tmp_path / "run", resume=True).complete


def test_a_training_keeps_the_next_one_out_until_it_ends_well_or_not(settings, tmp_path):
    def try_another():
        with pytest.raises(UserError, match="another training writes to it"):
            train(settings, tmp_path, resume=True)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        train(settings, tmp_path, stop=try_another)
    assert not train(settings, tmp_path, resume=True, stop=after(1)).complete
    assert train(settings, tmp_path, resume=True).complete


def test_what_another_training_wrote_between_a_look_and_the_claim_is_noticed(settings, tmp_path, monkeypatch):
    def enter_late(out):
        monkeypatch.undo()
        train(settings, out)
        return alone_in(out)

    monkeypatch.setattr(setup, "alone_in", enter_late)
    with pytest.raises(UserError, match=r"another training has just ended there\. Start this one again"):
        train(settings, tmp_path / "run", resume=True)


def test_a_file_system_without_locks_keeps_nobody_out(settings, tmp_path, monkeypatch):
    def refuse(handle, mode):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(alone.fcntl, "flock", refuse)
    with ExitStack() as stack:
        stack.enter_context(alone_in(tmp_path / "run"))
        assert train(settings, tmp_path / "run").complete


def test_a_folder_that_cannot_be_written_to_is_refused_in_one_line(settings, tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(UserError, match=r"run/below: cannot be written to \(Not a directory\)\. Choose another --out"):
        train(settings, tmp_path / "run" / "below")


@pytest.mark.slow
def test_processes_of_one_launch_are_one_training(settings, tmp_path, holder):
    (first, said), second = run_together(pretrain_words(settings, tmp_path / "run"), tmp_path)
    assert first == 2, said
    assert "run: another training writes to it" in said
    assert second == (2, "")
    (first, said), _ = run_together(pretrain_words(settings, tmp_path / "other"), tmp_path)
    assert first == 0, said

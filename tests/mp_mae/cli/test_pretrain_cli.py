"""The command line: what it prints, what it exits with, and that a queue may take its machine back."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from generated_mmearth import write_mmearth
from mp_mae.checkpoint import load_checkpoint
from mp_mae.cli.app import VERBS, build_parser, main
from mp_mae.training.log import read_log
from mp_mae.training.settings import Settings, vary
from pretraining_run import TINY

ROOT = Path(__file__).parents[3]
TINY_FLAGS = [f"--set={key}={value}" for key, value in TINY.items()]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=12, side=16)


@pytest.fixture(scope="module")
def run(tiles, tmp_path_factory):
    """A finished training of Sentinel-2 alone, started by the command line."""
    out = tmp_path_factory.mktemp("runs") / "optical"
    assert main(["pretrain", "--data", str(tiles), "--preset", "s2", "--out", str(out), *TINY_FLAGS]) == 0
    return out


def test_pretrain_says_how_to_go_on_and_its_progress_names_losses_and_speed(run, tiles, capsys):
    out = run.parent / "again"
    assert main(["pretrain", "--data", str(tiles), "--preset", "s2,biome", "--out", str(out), *TINY_FLAGS]) == 0
    printed = capsys.readouterr()
    assert (
        printed.out == f"6 steps done. Evaluate: python -m harness run --backbone mp_mae --weights {out / 'encoder'}\n"
    )
    for word in ("step 6/6", "sentinel2", "biome", "images/s", "MB", "s left", "batch 4 = 1 x 4 x 1"):
        assert word in printed.err
    assert "precision float32" in printed.err


@pytest.mark.parametrize(
    ("preset", "backbone"),
    [("rgb", "rgb_mae"), ("s2", "optical_mae"), ("s2,sentinel1", "mp_mae"), ("clip", "clip"), ("all", "mp_mae")],
)
def test_the_backbone_that_loads_an_encoder_follows_from_its_preset(preset, backbone):
    assert vary(Settings(data="DIR"), {"preset": preset}, "test").backbone == backbone


def test_one_step_is_one_step(tiles, tmp_path, capsys):
    words = [word for word in TINY_FLAGS if "epochs" not in word and "batch" not in word]
    command = ["pretrain", "--data", str(tiles), "--preset", "lat", "--out", str(tmp_path / "run"), *words]
    command += ["--set=epochs=1", "--set=batch=12"]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "1 step done. Evaluate" in printed.out
    assert "training 1 step of mp_mae" in printed.err
    assert main([*command, "--resume", "auto"]) == 0
    assert "is complete: 1 step." in capsys.readouterr().err


def test_an_error_is_one_line_and_exit_code_2(tiles, tmp_path, capsys):
    assert main(["pretrain", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "run")]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err


def test_a_training_that_diverges_exits_with_1(tiles, tmp_path, capsys):
    words = ["--preset", "s2", "--set", "warmup_epochs=0", *TINY_FLAGS]
    words[words.index("--set=base_rate=0.05")] = "--set=base_rate=1e30"
    assert main(["pretrain", "--data", str(tiles), "--out", str(tmp_path / "run"), *words]) == 1
    assert "sentinel2" in capsys.readouterr().err


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(Exception, match="no such folder"):
        main(["pretrain", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path), "--debug"])


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_teaches_by_example(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"mp_mae {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_are_commands_that_exist(verb):
    for line in VERBS[verb].examples.splitlines():
        _, launched, words = line.partition("-m mp_mae ")
        if launched:
            build_parser().parse_args(words.split())


def test_resume_auto_goes_on_and_says_so_when_all_is_done(run, tiles, capsys):
    command = ["pretrain", "--data", str(tiles), "--preset", "s2", "--out", str(run), *TINY_FLAGS]
    assert main(command) == 2
    assert "Pass --resume auto" in capsys.readouterr().err
    assert main([*command, "--resume", "auto"]) == 0
    assert "is complete: 6 steps" in capsys.readouterr().err


def test_sigterm_saves_and_exits_with_75_and_the_training_can_be_resumed(tiles, tmp_path):
    command = [
        sys.executable, "-m", "mp_mae", "pretrain", "--data", str(tiles), "--preset", "lat",
        "--out", str(tmp_path / "run"), *TINY_FLAGS, "--set=epochs=100000", "--set=log_every=1",
    ]  # fmt: skip
    command.remove("--set=epochs=2")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        log = tmp_path / "run" / "log.jsonl"
        deadline = time.monotonic() + 120
        while not (log.exists() and read_log(log)) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        printed, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    done = read_log(log)[-1].step
    assert f"stopped at step {done} of 300000" in printed
    assert (tmp_path / "run" / "checkpoints" / f"step-{done:08d}" / "state.json").is_file()


def test_export_writes_the_encoder_of_a_step(run, tmp_path, capsys):
    assert main(["export", str(run), str(tmp_path / "encoder"), "--step", "6"]) == 0
    checkpoint = load_checkpoint(tmp_path / "encoder")
    assert checkpoint.sha256 == load_checkpoint(run / "encoder").sha256
    assert capsys.readouterr().out.rstrip().endswith(checkpoint.sha256)
    assert main(["export", str(run), str(tmp_path / "encoder"), "--step", "5"]) == 2
    assert "there are steps 6. Pass one of these; a training with --set keep_every=N" in capsys.readouterr().err


def test_curves_are_drawn_of_a_training_or_of_its_log(run, tmp_path):
    for source in (run, run / "log.jsonl"):
        assert main(["curves", str(source), "--out", str(tmp_path / "curves.png")]) == 0
        (tmp_path / "curves.png").unlink()


def test_an_encoder_has_no_decoder_to_draw_with(run, tiles, tmp_path, capsys):
    words = ["--data", str(tiles), "--out", str(tmp_path / "sheet.png")]
    assert main(["reconstruct", "--weights", str(run / "encoder"), *words]) == 2
    assert f"an exported encoder has no decoder, which draws. Pass the folder of its training: --run {run}." in (
        capsys.readouterr().err
    )


def test_help_shows_a_folder_as_it_is_written(capsys):
    with pytest.raises(SystemExit):
        main(["pretrain", "--help"])
    printed = capsys.readouterr().out
    assert "data=DIR" in printed
    assert "turn=false" in printed


def test_convert_writes_an_official_checkpoint_in_our_format(official_files, tmp_path, capsys):
    assert main(["convert", str(official_files["56_8"]), str(tmp_path / "ours")]) == 0
    ours, official = load_checkpoint(tmp_path / "ours"), load_checkpoint(official_files["56_8"])
    assert ours.sha256 == official.sha256
    assert ours.sha256 in capsys.readouterr().out
    assert load_file(tmp_path / "ours" / "model.safetensors").keys() == official.state.keys()


def test_shards_copies_a_dataset_once(tiles, tmp_path, capsys):
    assert main(["shards", str(tiles), str(tmp_path / "copy")]) == 0
    assert (tmp_path / "copy" / "tiles.h5").is_file()
    assert main(["shards", str(tiles), str(tmp_path / "copy")]) == 2
    assert "exists already" in capsys.readouterr().err

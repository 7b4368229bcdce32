"""A loss that is not finite: who is at fault, what may be changed, and batches that are left out."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from generated_mmearth import write_mmearth
from mp_mae.checkpoint import load_checkpoint
from mp_mae.errors import NonFiniteLossError, UserError
from mp_mae.pictures.curves import build_curves
from mp_mae.training.log import read_log
from mp_mae.training.state import read_state
from pretraining_run import after, tiny_settings, train, weights

FILL = -3.4e38
"""What a file may have where Sentinel-1 is missing, whose losses overflow."""


@pytest.fixture
def tiles(tmp_path):
    """Eight tiles, the third of which has a fill value of Sentinel-1 that is not declared."""
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    with h5py.File(data / "tiles.h5", "r+") as file:
        file["sentinel1"][2, 1] = FILL
    return data


@pytest.fixture
def settings(tiles):
    return tiny_settings(tiles, preset=("s2", "sentinel1"), size="demo", epochs=2, save_every=1, keep=9)


def test_a_fill_value_is_said_to_be_the_fault_of_the_data(settings, tmp_path):
    with pytest.raises(NonFiniteLossError) as error:
        train(settings, tmp_path / "run")
    said = str(error.value)
    assert "the loss of sentinel1 is not finite" in said
    assert "The data are at fault, whatever the rate: tile tile2 (row 2) has -3.4e+38 dB in sentinel1 asc VH" in said
    assert "skip_batches=10" in said
    assert "base_rate" not in said
    assert "\n" not in said


def test_batches_that_are_left_out_are_logged_counted_and_resumed(settings, tmp_path):
    settings = replace(settings, skip_batches=2)
    assert train(settings, tmp_path / "whole").complete
    records = read_log(tmp_path / "whole" / "log.jsonl")
    out = [record for record in records if record.left_out]
    assert len(out) == 2  # one in each epoch
    assert "left out, 1 of 2: tile tile2 (row 2) has -3.4e+38 dB" in out[0].left_out
    assert np.isnan(out[0].total)
    assert all(record.losses for record in records if not record.left_out)
    steps = [record.step for record in out]
    before, after_it = (weights(tmp_path / "whole", step) for step in (steps[1] - 1, steps[1]))
    assert all((before[name] == after_it[name]).all() for name in before)
    assert list(read_state(tmp_path / "whole" / "checkpoints" / "step-00000004").facts.left_out) == steps
    assert load_checkpoint(tmp_path / "whole" / "encoder").summary.training["left_out_steps"] == steps
    assert build_curves(records)

    train(settings, tmp_path / "parts", stop=after(2))
    train(settings, tmp_path / "parts", resume=True)
    whole, parts = (weights(tmp_path / name, 4) for name in ("whole", "parts"))
    assert all((whole[name] == parts[name]).all() for name in whole)


def test_no_more_batches_are_left_out_than_allowed(settings, tmp_path):
    with pytest.raises(NonFiniteLossError, match="not finite"):
        train(replace(settings, skip_batches=1), tmp_path / "run")
    assert sum(bool(record.left_out) for record in read_log(tmp_path / "run" / "log.jsonl")) == 1
    resumed = train(replace(settings, skip_batches=2), tmp_path / "run", resume=True)
    assert resumed.complete


def test_a_training_whose_every_batch_was_left_out_is_no_success(settings, tmp_path):
    with pytest.raises(NonFiniteLossError, match="all 2 steps were left out, so nothing was learnt or saved"):
        train(replace(settings, batch=8, skip_batches=9), tmp_path / "run")
    assert len(read_log(tmp_path / "run" / "log.jsonl")) == 2


def test_after_a_divergence_rate_and_clipping_may_change_and_the_change_is_kept(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=8, side=16)
    settings = tiny_settings(data, preset=("s2",), size="demo", epochs=3, base_rate=1e30, save_every=1, warmup_epochs=1)
    out = tmp_path / "run"
    with pytest.raises(NonFiniteLossError) as error:
        train(settings, out)
    assert "no value that is out of the ordinary" in str(error.value)
    assert "--resume auto --set base_rate=5e+29, or --set clip_norm=1" in str(error.value)
    with pytest.raises(UserError, match=r"differs in weight_decay \(0.05, now 0.1\)\."):
        train(replace(settings, base_rate=1e-3, weight_decay=0.1), out, resume=True)
    step = int(sorted(path.name for path in (out / "checkpoints").iterdir())[0].removeprefix("step-"))
    for later in sorted((out / "checkpoints").iterdir())[1:]:
        for file in later.iterdir():
            file.unlink()
        later.rmdir()
    assert train(replace(settings, base_rate=1e-3, clip_norm=1.0), out, resume=True).complete
    facts = read_state(out / "checkpoints" / "step-00000006").facts
    assert facts.changes == [
        {"step": step, "key": "base_rate", "before": 1e30, "now": 1e-3},
        {"step": step, "key": "clip_norm", "before": 0.0, "now": 1.0},
    ]
    assert facts.settings["base_rate"] == 1e-3
    assert facts.schedule["peak_rate"] == pytest.approx(1e-3 * 4 / 256)
    assert json.loads((out / "encoder" / "config.json").read_text())
    assert load_checkpoint(out / "encoder").summary.training["changes"] == facts.changes

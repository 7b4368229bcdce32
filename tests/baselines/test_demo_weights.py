"""The shipped weights: three strategies that differ in what they predict and in nothing else."""

import json

import pytest

from baselines.table import BACKBONES
from mp_mae.checkpoint import load_checkpoint
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS
from mp_mae.training.demo_weights import STRATEGIES

SHIPPED = {name: entry.demo_weights for name, entry in BACKBONES.items() if entry.demo_weights}


def test_every_strategy_is_shipped_as_a_backbone():
    assert set(SHIPPED) == set(STRATEGIES)


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_log_and_summary_take_at_most_3_megabytes(name):
    assert sum(file.stat().st_size for file in SHIPPED[name].iterdir()) <= 3_000_000


def test_strategies_differ_in_their_pretext_tasks_and_input_bands_alone():
    checkpoints = {name: load_checkpoint(folder) for name, folder in SHIPPED.items()}
    assert len({(c.encoder.size, c.encoder.patch) for c in checkpoints.values()}) == 1
    trainings = [{**c.summary.training, "preset": None} for c in checkpoints.values()]
    for training in trainings:
        training["dataset"] = {**training["dataset"], "modalities": None}
    assert trainings[0]["steps"] > 0
    assert trainings[1:] == trainings[:-1]
    for name, checkpoint in checkpoints.items():
        assert tuple(checkpoint.summary.modalities["outputs"]) == PRESETS[STRATEGIES[name]]
    assert set(checkpoints["rgb_mae"].encoder.bands) == {"B2", "B3", "B4"}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_log_reaches_the_last_step(name):
    last = json.loads((SHIPPED[name] / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == load_checkpoint(SHIPPED[name]).summary.training["steps"]


@pytest.mark.parametrize(("name", "other"), [("optical_mae", "mp_mae"), ("rgb_mae", "optical_mae")])
def test_weights_of_another_strategy_are_refused_by_name(name, other):
    preset = STRATEGIES[name]
    with pytest.raises(UserError, match=rf"wanted weights pretrained by --preset {preset}, found .*--backbone mp_mae"):
        BACKBONES[name].build(SHIPPED[other], 0)

"""The shipped weights: strategies that differ in what they learn from and in nothing else."""

import json

import pytest

from baselines.contrastive.files import load_model
from baselines.table import BACKBONES
from mp_mae.checkpoint import load_checkpoint
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS
from mp_mae.training.demo_weights import STRATEGIES

SHIPPED = {name: entry.demo_weights for name, entry in BACKBONES.items() if entry.demo_weights}
MASKED = [name for name in SHIPPED if name != "clip"]
LARGEST = {**dict.fromkeys(MASKED, 3_000_000), "clip": 7_500_000}
"""Bytes of weights, log and summary. Contrastive weights are three encoders."""


def test_every_strategy_is_shipped_as_a_backbone():
    assert set(SHIPPED) == set(STRATEGIES)


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_log_and_summary_are_small(name):
    assert sum(file.stat().st_size for file in SHIPPED[name].iterdir()) <= LARGEST[name]


def test_masked_strategies_differ_in_their_pretext_tasks_and_input_bands_alone():
    checkpoints = {name: load_checkpoint(SHIPPED[name]) for name in MASKED}
    assert len({(c.encoder.size, c.encoder.patch) for c in checkpoints.values()}) == 1
    trainings = [{**c.summary.training, "preset": None} for c in checkpoints.values()]
    for training in trainings:
        training["dataset"] = {**training["dataset"], "modalities": None}
    assert trainings[0]["steps"] > 0
    assert trainings[1:] == trainings[:-1]
    for name, checkpoint in checkpoints.items():
        assert tuple(checkpoint.summary.modalities["outputs"]) == PRESETS[STRATEGIES[name]]
    assert set(checkpoints["rgb_mae"].encoder.bands) == {"B2", "B3", "B4"}


def test_the_contrastive_strategy_had_the_tiles_and_the_steps_of_the_masked_ones():
    contrastive, masked = _training("clip"), _training("mp_mae")
    for setting in ("steps", "epochs", "warmup_epochs", "batch", "base_rate", "turn", "seed", "size"):
        assert contrastive[setting] == masked[setting], setting
    assert contrastive["dataset"]["train_sha256"] == masked["dataset"]["train_sha256"]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_log_reaches_the_last_step(name):
    last = json.loads((SHIPPED[name] / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == _training(name)["steps"]


def test_a_modality_finds_another_far_more_often_than_by_chance():
    """Of tiles that the shipped weights were not trained on, in the log of their training."""
    lines = (SHIPPED["clip"] / "log.jsonl").read_text().splitlines()
    recalls = [line["held_out"]["recall@10"] for line in map(json.loads, lines) if "held_out" in line][-1]
    chance = recalls.pop("chance")
    assert len(recalls) == 6
    assert min(recalls.values()) > 6 * chance


@pytest.mark.parametrize(("name", "other"), [("optical_mae", "mp_mae"), ("rgb_mae", "optical_mae")])
def test_weights_of_another_strategy_are_refused_by_name(name, other):
    preset = STRATEGIES[name]
    with pytest.raises(UserError, match=rf"wanted weights pretrained by --preset {preset}, found .*--backbone mp_mae"):
        BACKBONES[name].build(SHIPPED[other], 0)


def _training(name):
    load = load_model if name == "clip" else load_checkpoint
    return load(SHIPPED[name]).summary.training

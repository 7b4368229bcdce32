"""Two processes that share a batch compute what one computes alone."""

from dataclasses import replace

import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.training.log import read_log
from pretraining_run import tiny_settings, train, weights
from processes import pretrain_words, run_together


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """All modalities, with so much missing that the processes have different numbers of valid targets; 5 steps."""
    data = write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=40, side=16, missing=0.5)
    return tiny_settings(data, batch=8, epochs=1, warmup_epochs=0, base_rate=0.01)


@pytest.mark.slow
def test_two_processes_give_the_parameters_of_one_after_five_steps(settings, tmp_path):
    train(settings, tmp_path / "one")
    (first, said), second = run_together(pretrain_words(replace(settings, micro_batch=4), tmp_path / "two"), tmp_path)
    assert (first, second) == (0, (0, "")), said
    assert "batch 8 = 2 x 4 x 1" in said
    one, two = weights(tmp_path / "one", 5), weights(tmp_path / "two", 5)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        # A step is 3e-4. Where a gradient is nearly zero, AdamW makes a difference of its last digits a part of one.
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=5e-5, msg=name)
    records = [read_log(tmp_path / name / "log.jsonl") for name in ("one", "two")]
    for alone, together in zip(*records, strict=True):
        assert together.losses == pytest.approx(alone.losses, rel=1e-4)
        assert together.total == pytest.approx(alone.total, rel=1e-4)

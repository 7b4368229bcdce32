"""Losses and gradients of a step are those of the whole batch, whatever the micro-batch and the processes."""

from dataclasses import replace

import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.errors import UserError
from mp_mae.model import MPMAE
from mp_mae.training.log import read_log
from mp_mae.training.plan import make_plan, open_files
from mp_mae.training.processes.launch import build_accelerator
from mp_mae.training.setup import build_training, training_facts
from mp_mae.training.step import add_gradients, sum_over_processes
from mp_mae.training.stepping.feed import Feed, read_batches
from mp_mae.training.stepping.leave import StopWish
from pretraining_run import after, changed, tiny_settings, train


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Sixteen tiles; every modality but Sentinel-2 is missing in half of them."""
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=16, side=16, missing=0.5)


def second_step(settings, out):
    """Gradient by parameter of the second step of a training, its losses, and the values they are means of."""
    accelerator = build_accelerator(settings, out, "float32")
    plan = make_plan(settings, open_files(settings), accelerator.device)
    training = build_training(accelerator, plan, training_facts(plan, "float32"), out, None)
    batches = read_batches(training, 1, plan.total_steps)
    feed = Feed(training, 1, batches)
    reports, of_step = add_gradients(training, feed, StopWish(accelerator, lambda: False))
    batches.close()
    sums = sum_over_processes(accelerator, reports, torch.zeros(()), torch.zeros(2).double(), of_step=of_step)
    counts = torch.stack([report.counts for report in reports])
    return {name: p.grad.clone() for name, p in training.model.named_parameters() if p.requires_grad}, sums, counts


def distance(one, other):
    """Relative to the whole gradient."""
    norm = torch.cat([gradient.flatten() for gradient in other.values()]).norm()
    return float(torch.cat([(one[name] - other[name]).flatten() for name in other]).norm() / norm)


@pytest.mark.parametrize("losses", ["valid_pixels", "valid_patches"])
def test_loss_and_gradient_are_those_of_the_whole_batch_for_every_micro_batch(tiles, tmp_path, losses):
    settings = tiny_settings(tiles, size="demo", batch=8, micro_batch=8, losses=losses)
    wanted, of_whole, _ = second_step(settings, tmp_path)
    for micro_batch in (1, 2, 4):
        found, sums, counts = second_step(replace(settings, micro_batch=micro_batch), tmp_path)
        assert len(counts) == 8 // micro_batch
        assert (counts != counts[0]).any(), "values are spread unevenly, or the test shows nothing"
        assert distance(found, wanted) < 1e-6
        assert sums.total == pytest.approx(of_whole.total, rel=1e-6)
        assert sums.losses == pytest.approx(of_whole.losses, rel=1e-6)


def test_means_of_the_means_of_micro_batches_are_another_gradient(tiles, tmp_path, monkeypatch):
    """What the test above would say of losses that are accumulated as usual."""
    settings = tiny_settings(tiles, size="demo", batch=8, micro_batch=8)
    wanted, _, _ = second_step(settings, tmp_path)
    monkeypatch.setattr(MPMAE, "counts", lambda self, *inputs: None)
    found, _, _ = second_step(replace(settings, micro_batch=2), tmp_path)
    assert distance(found, wanted) > 0.01


def test_whole_trainings_agree_for_every_micro_batch(tiles, tmp_path):
    """Reading ahead keeps samples, crops and masks of each step where they belong."""
    settings = tiny_settings(tiles, size="demo", batch=8, preset=("s2", "biome"), micro_batch=8, turn=True)
    for micro_batch in (8, 2):
        train(replace(settings, micro_batch=micro_batch), tmp_path / str(micro_batch))
    whole, parts = (read_log(tmp_path / str(micro_batch) / "log.jsonl") for micro_batch in (8, 2))
    assert len(whole) == len(parts) == 4
    for one, other in zip(whole, parts, strict=True):
        assert other.losses == pytest.approx(one.losses, rel=1e-4)


@pytest.mark.parametrize("changes", [{"grn": "batch"}, {"losses": "published"}])
def test_the_micro_batch_is_pinned_where_it_is_part_of_what_is_learnt(tiles, tmp_path, monkeypatch, changes):
    settings = tiny_settings(tiles, size="demo", preset=("s2",), batch=8, epochs=1, micro_batch=2, **changes)
    train(settings, tmp_path, stop=after(1, asks=4))
    with pytest.raises(UserError, match=r"differs in micro_batch \(2, now 4\)\."):
        train(changed(settings, micro_batch=4), tmp_path, resume=True)
    monkeypatch.setattr("mp_mae.training.plan.micro_batch_limit", lambda per_tile, device, held: 1)
    assert train(changed(settings, micro_batch=None), tmp_path, resume=True).complete

"""The gradient of a step: whatever the micro-batches, that of all tiles at once, and it is seen failing otherwise."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from clip_training import clip, clip_settings  # noqa: F401 - a fixture
from generated_mmearth import write_mmearth
from mp_mae.training.comparing import gradients
from mp_mae.training.plan import make_plan, open_files
from mp_mae.training.processes.launch import build_accelerator
from mp_mae.training.setup import build_training, training_facts
from mp_mae.training.stepping.feed import read_batches, step_draws
from mp_mae.training.stepping.leave import StopWish

pytestmark = pytest.mark.usefixtures("clip")


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=12, side=24, missing=0.3)


def step_gradients(settings, out):
    """Gradients by parameter of the second step of a training, and its losses."""
    accelerator = build_accelerator(settings, out, "float32")
    plan = make_plan(settings, open_files(settings), accelerator.device)
    training = build_training(accelerator, plan, training_facts(plan, "float32"), out, None)
    draws = step_draws(plan, training.model, 1)
    batches = read_batches(training, 1, 2)
    report, _ = gradients.add_step_gradients(
        training, training.model, draws, batches, StopWish(accelerator, lambda: False)
    )
    batches.close()
    return {name: p.grad.clone() for name, p in training.model.named_parameters()}, report


def distance(one, other):
    """Relative to the whole gradient."""
    norm = torch.cat([gradient.flatten() for gradient in other.values()]).norm()
    return float(torch.cat([(one[name] - other[name]).flatten() for name in other]).norm() / norm)


@pytest.mark.parametrize("architecture", ["vit", "convnext"])
def test_the_gradient_is_that_of_all_tiles_at_once_for_every_micro_batch(tiles, tmp_path, architecture):
    whole = clip_settings(tiles, batch=4, micro_batch=4, architecture=architecture)
    wanted, losses = step_gradients(whole, tmp_path)
    assert all(gradient.isfinite().all() for gradient in wanted.values())
    assert float(wanted["model.log_scale"]) != 0
    for micro_batch in (1, 2):
        found, report = step_gradients(replace(whole, micro_batch=micro_batch), tmp_path)
        assert distance(found, wanted) < 1e-6
        assert float(found["model.log_scale"]) == pytest.approx(float(wanted["model.log_scale"]), rel=1e-5)
        assert {k: float(v) for k, v in report.by_task.items()} == pytest.approx(
            {k: float(v) for k, v in losses.by_task.items()}, abs=1e-6
        )


def test_a_gradient_of_each_micro_batch_alone_is_another_one(tiles, tmp_path, monkeypatch):
    """What the test above would say of losses that are accumulated as usual."""
    whole = clip_settings(tiles, batch=4, micro_batch=4)
    wanted, _ = step_gradients(whole, tmp_path)
    rest = gradients.compare_step

    def without_others(training, model, inputs, places, wish):
        report, cached = rest(training, model, inputs, places, wish)
        for each, one in zip(inputs, cached, strict=True):
            alone = rest(training, model, [each], places[: len(each[1])], wish)[1][0]
            one.embedded.copy_(alone.embedded)
        return report, cached

    monkeypatch.setattr(gradients, "compare_step", without_others)
    found, _ = step_gradients(replace(whole, micro_batch=2), tmp_path)
    assert distance(found, wanted) > 0.1


def test_the_gradient_is_that_of_the_plain_formula(tmp_path):
    """Without anything missing or dropped: cross-entropy both ways with the tile's own number as the class."""
    data = write_mmearth(tmp_path / "whole", n=8, side=16)
    settings = clip_settings(data, batch=8, micro_batch=2, drop_modality=0, drop_channel=0, same_place_km=0)
    found, report = step_gradients(settings, tmp_path)
    accelerator = build_accelerator(settings, tmp_path, "float32")
    plan = make_plan(settings, open_files(settings), accelerator.device)
    training = build_training(accelerator, plan, training_facts(plan, "float32"), tmp_path, None)
    model = training.model.model
    targets = [batch.targets for _, batch in zip(range(4), read_batches(training, 1, 2), strict=False)]
    images = {name: torch.cat([each[name] for each in targets]) for name in plan.modalities}
    z = {name: model.project(name, model.pooled(name, images[name])) for name in plan.modalities}
    own = torch.arange(8)
    losses = {}
    for a, b in (("sentinel2", "sentinel1"), ("sentinel2", "aster"), ("sentinel1", "aster")):
        logits = model.log_scale.exp() * z[a] @ z[b].T
        losses["-".join(sorted((a, b)))] = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    (sum(losses.values()) / 3).backward()
    wanted = {f"model.{name}": parameter.grad for name, parameter in model.named_parameters()}
    assert distance(found, wanted) < 1e-6
    assert {k: float(v) for k, v in report.by_task.items()} == pytest.approx({k: v.item() for k, v in losses.items()})

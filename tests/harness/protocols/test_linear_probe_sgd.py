"""The published recipe, step by step: against automatic differentiation, a plain loop and torch's own schedule."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from toy_material import multi_label, single_label

from harness.errors import UserError
from harness.protocols import PROTOCOLS
from harness.protocols.image.linear_probe_sgd import (
    LinearProbeSgdSettings,
    learning_rates,
    linear_probe_sgd,
    set_gradient,
    smooth,
    train_head,
)

SMALL = LinearProbeSgdSettings(batch_size=8, accumulation=2, epochs=3, base_lr=0.3)


def published_loss(logits, labels, smoothing):
    """Label smoothing as published; for several labels the targets are s and 1 - s."""
    if labels.ndim == 1:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    return F.binary_cross_entropy_with_logits(logits, torch.where(labels > 0, 1 - smoothing, smoothing))


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_the_gradient_is_that_of_the_published_loss(build):
    material = build()
    head = nn.Linear(10, material.n_classes)
    x = torch.from_numpy(material.arrays["train"])
    labels = torch.from_numpy(material.targets["train"])
    published_loss(head(x), labels, 0.2).backward()
    expected = [parameter.grad.clone() for parameter in head.parameters()]
    set_gradient(head, x, smooth(material.targets["train"], material.n_classes, 0.2), single=labels.ndim == 1)
    for parameter, grad in zip(head.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, grad, atol=1e-7)


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_training_equals_a_plain_loop_over_micro_batches(build):
    """45 samples: five batches of 8 an epoch and two updates, so that a batch and five samples are dropped."""
    material = build(n_train=45)
    features, labels = torch.from_numpy(material.arrays["train"]), material.targets["train"]
    trained = train_head(features, labels, material.n_classes, SMALL, seed=3)

    generator = torch.Generator().manual_seed(3)
    head = nn.Linear(10, material.n_classes)
    nn.init.trunc_normal_(head.weight, std=2e-5, generator=generator)
    nn.init.zeros_(head.bias)
    groups = [{"params": [head.weight], "weight_decay": 0.3}, {"params": [head.bias], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
    targets = torch.from_numpy(labels)
    for epoch in range(3):
        order = torch.randperm(45, generator=generator)
        for batch in range(4):
            rows = order[batch * 8 : batch * 8 + 8]
            if batch % 2 == 0:
                rate = 0.3 * 16 / 256
                progress = (epoch + batch / 5) / 3
                for group in optimizer.param_groups:
                    group["lr"] = 1e-6 + (rate - 1e-6) * 0.5 * (1 + np.cos(np.pi * progress))
                optimizer.zero_grad()
            (published_loss(head(features[rows]), targets[rows], 0.2) / 2).backward()
            if batch % 2 == 1:
                optimizer.step()
    assert torch.allclose(trained.weight, head.weight, atol=1e-6)
    assert torch.allclose(trained.bias, head.bias, atol=1e-6)
    assert trained.weight.abs().max() > 0.01  # it moved


@pytest.mark.parametrize(
    ("protocol", "rate"), [("linear_probe_sgd", 8e-4), ("linear_probe_sgd_32", 2.5e-5), ("linear_probe_sgd_8", 6.25e-6)]
)
def test_learning_rates_are_the_published_ones(protocol, rate):
    settings = PROTOCOLS[protocol].settings
    rates = learning_rates(settings.batch_size * settings.accumulation, settings)  # one update an epoch
    assert len(rates) == 100
    assert rates[0] == pytest.approx(rate)
    assert rates[50] == pytest.approx((rate + 1e-6) / 2)
    assert rates[99] == pytest.approx(1e-6, abs=rate / 1_000)
    assert (settings.epochs, settings.smoothing, settings.weight_decay) == (100, 0.2, 0.3)


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_trained_long_enough_it_learns_and_scores_are_probabilities(build):
    material = build(n_train=400)
    outcome = linear_probe_sgd(material, replace(SMALL, epochs=20), seed=0)
    assert material.score(material.targets["test"], outcome.test_scores) > 0.7
    assert outcome.test_scores.dtype == np.float64
    if material.targets["train"].ndim == 1:
        assert outcome.test_scores.sum(axis=1) == pytest.approx(np.ones(200))
    assert 0 <= outcome.test_scores.min() <= outcome.test_scores.max() <= 1
    assert (outcome.n_labels_fit, outcome.n_labels_select) == (400, 0)
    assert outcome.ran_with == {"updates": 20 * 25}


def test_shuffled_labels_score_at_chance():
    material = single_label(n_train=600, signal=4.0)
    material.targets = {s: np.random.default_rng(5).permutation(t) for s, t in material.targets.items()}
    scores = linear_probe_sgd(material, SMALL, seed=0).test_scores
    assert (scores.argmax(axis=1) == material.targets["test"]).mean() == pytest.approx(1 / 3, abs=0.12)


def test_features_pass_a_layer_norm_so_their_scale_changes_nothing():
    material, scaled = single_label(), single_label()
    scaled.arrays = {split: features * 1_000 + 7 for split, features in scaled.arrays.items()}
    a, b = (linear_probe_sgd(m, SMALL, seed=0).test_scores for m in (material, scaled))
    assert a == pytest.approx(b, abs=1e-3)


def test_the_seed_decides_initial_weights_and_order_and_nothing_else_is_drawn():
    torch.manual_seed(1)
    a = linear_probe_sgd(single_label(), SMALL, seed=0).test_scores
    torch.manual_seed(2)
    state = torch.get_rng_state()
    b, other = (linear_probe_sgd(single_label(), SMALL, seed).test_scores for seed in (0, 1))
    assert a.tobytes() == b.tobytes() != other.tobytes()
    assert torch.equal(torch.get_rng_state(), state)


def test_too_few_samples_for_an_update_name_the_recipes_for_subsets():
    with pytest.raises(UserError, match=r"64 x 16 samples, but train has 120. Use linear_probe_sgd_32"):
        linear_probe_sgd(single_label(n_train=120), LinearProbeSgdSettings(), seed=0)

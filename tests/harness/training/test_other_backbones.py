"""Fine-tuning of backbones that are not ours: with batch norms, with layers around the pretrained ones."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from timm.layers import Attention, DropPath, PatchDropout
from torch import nn

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from harness.errors import UserError
from harness.training.devices import Devices
from harness.training.fine_tuning import Training
from harness.training.groups import falling_rates
from harness.training.network import build_network, set_training
from harness.training.predict import predict_split
from harness.training.recipe import FineTuneSettings
from toy_images import textures

SETTINGS = FineTuneSettings(epochs=1, min_updates=3, batch_size=64, evaluations=1, rate=1e-2)


class ResNet(Backbone):
    """timm's ResNet of ten layers on two bands, with whatever a test puts before it."""

    def __init__(self, adapter=None):
        super().__init__(
            inputs=InputSpec(bands=("b0", "b1")),
            origin=Origin(weights_sha256="0" * 64, description="untrained"),
            pyramid=(Level(64, 4),),
        )
        self.adapter = adapter or nn.Identity()
        self.inner = nn.ModuleDict({"trunk": timm.create_model("resnet10t", in_chans=2, num_classes=0)})

    def embed(self, x, facts):
        return Features(self.inner["trunk"](self.adapter(x)), ())


class Adapter(nn.Module):
    """Mixes bands and adds an embedding: weights that no layer of timm's knows."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(2, 2, kernel_size=1)
        self.embedding = nn.Parameter(torch.zeros(2, 1, 1))

    def forward(self, x):
        return self.mix(x) + self.embedding


def build(**options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ResNet(**options)


def trained(at_a_time=64, make_backbone=build, settings=SETTINGS):
    training = Training(textures(n=(64, 4, 9), make_backbone=make_backbone), settings, 0, Devices("cpu"))
    training.portions.largest = at_a_time
    list(training.run())
    return training


def test_batch_norms_do_not_make_predictions_depend_on_how_a_batch_is_cut():
    """Their own statistics of 64, 8 or 1 images at a time would move probabilities by a tenth."""
    whole = trained()
    expected = predict_split(whole, "test")
    for at_a_time in (8, 1):
        np.testing.assert_allclose(predict_split(trained(at_a_time), "test"), expected, atol=1e-3)
    assert np.ptp(expected, axis=0).max() > 0.01, "the network says something of images"


def test_batch_norms_keep_their_statistics_and_learn_scale_and_shift():
    before, after = build().state_dict(), trained().network.backbone.state_dict()
    changed = {name.rpartition(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"weight", "bias"}


def test_dropout_draws_nothing():
    def with_dropout():
        return build(adapter=nn.Dropout(0.5))

    plain, dropped = (predict_split(trained(make_backbone=make), "test") for make in (build, with_dropout))
    np.testing.assert_array_equal(plain, dropped)


class OverPixels(nn.Module):
    """A layer of sequences, over the pixels of each image."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        sequence = x.flatten(2).mT
        is_torchs = isinstance(self.layer, nn.MultiheadAttention)
        made = self.layer(sequence, sequence, sequence)[0] if is_torchs else self.layer(sequence)
        return made.mT.reshape(x.shape) if made.shape == sequence.shape else x * made.mean()


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Attention(2, num_heads=1, attn_drop=0.5, proj_drop=0.5),
        lambda: nn.MultiheadAttention(2, num_heads=1, dropout=0.5, batch_first=True),
        lambda: DropPath(0.5),
        lambda: PatchDropout(0.5),
    ],
    ids=["attention of timm", "attention of torch", "paths", "patches"],
)
def test_no_layer_draws_for_itself(layer):
    """Fused attention asks the layer around the dropout whether it is in training."""
    material = textures(n=(4, 2, 2), make_backbone=lambda: build(adapter=OverPixels(layer())))
    network = build_network(material, 0)
    set_training(network, head_alone=False)
    pixels = torch.from_numpy(material.pixels("train", slice(None)))
    first, second = (network.backbone(pixels, material.preparation("train")).vector for _ in range(2))
    assert torch.equal(first, second)


def test_a_norm_without_statistics_of_its_own_is_refused():
    with pytest.raises(UserError, match=r"adapter: BatchNorm2d keeps no statistics.* track_running_stats=True"):
        trained(make_backbone=lambda: build(adapter=nn.BatchNorm2d(2, track_running_stats=False)))


def test_every_parameter_is_in_one_group_and_learns():
    training = Training(
        textures(n=(64, 4, 4), make_backbone=lambda: build(adapter=Adapter()).requires_grad_(False)),
        SETTINGS, 0, Devices("cpu"),
    )  # fmt: skip
    groups = falling_rates(training.network, SETTINGS)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in training.network.parameters())
    scale = {id(parameter): group["lr_scale"] for group in groups for parameter in group["params"]}
    backbone = training.network.backbone
    assert scale[id(backbone.adapter.mix.weight)] == scale[id(backbone.adapter.embedding)] == 1.0
    assert (
        scale[id(backbone.inner["trunk"].conv1[0].weight)] < scale[id(backbone.inner["trunk"].layer4[0].conv1.weight)]
    )
    before = {name: parameter.detach().clone() for name, parameter in training.network.named_parameters()}
    list(training.run())
    unchanged = [
        name for name, parameter in training.network.named_parameters() if torch.equal(before[name], parameter)
    ]
    assert unchanged == []


def test_weights_around_the_trunk_decay_as_the_backbone_does():
    training = Training(
        textures(n=(8, 4, 4), make_backbone=lambda: build(adapter=Adapter())), SETTINGS, 0, Devices("cpu")
    )
    for decays in (True, False):
        settings = replace(SETTINGS, weight_decay=0.3, backbone_decays=decays)
        groups = falling_rates(training.network, settings)
        decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
        assert decay[id(training.network.backbone.adapter.mix.weight)] == (0.3 if decays else 0.0)

"""Models of a notebook as backbones: timm's with their maps, any other with its vector, and what is refused."""

import pytest
import timm
import torch
from torch import nn

import harness as h
from baselines.inputs import Moments
from harness.errors import UserError

RGB = ["B4", "B3", "B2"]


class Mean(nn.Module):
    """(B, C, H, W) -> (B, C)."""

    def forward(self, x):
        return x.mean(dim=(2, 3))


def wrap(model, **words):
    return h.Backbone.wrap(model, **{"bands": RGB, **words}).entry.backbone


def test_a_model_of_timm_keeps_its_maps_and_loses_its_classifier():
    model = timm.create_model("resnet10t")
    backbone = wrap(model)
    assert [level.stride for level in backbone.pyramid] == [2, 4, 8, 16, 32]
    assert sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in backbone.parameters()) == 513 * 1000
    assert backbone.origin == wrap(model).origin


def test_a_transformer_of_one_size_is_fed_that_size():
    declared = wrap(timm.create_model("vit_tiny_patch16_224", depth=1, img_size=32)).inputs
    assert (declared.fixed_size, declared.native_size_px) == (True, 32)


def edited():
    """`Mean` as after an edit of its cell, which printing it does not show."""

    def forward(self, x):
        return x.amax(dim=(2, 3))

    return type("Mean", (nn.Module,), {"forward": forward})


@pytest.mark.parametrize(
    ("one", "other"),
    [(nn.Sequential(Mean(), nn.ReLU()), nn.Sequential(Mean(), nn.Tanh())), (Mean(), edited()())],
    ids=["other modules", "another method"],
)
def test_the_same_tensors_used_otherwise_are_another_backbone(one, other):
    origins = [wrap(model).origin for model in (one, other)]
    assert origins[0].weights_sha256 == origins[1].weights_sha256
    assert origins[0].settings != origins[1].settings


def test_the_same_class_typed_again_is_the_same_backbone():
    first, second = (wrap(edited()()).origin.settings for _ in range(2))
    assert first == second


def test_what_is_fed_follows_from_the_normalisation():
    assert wrap(Mean()).inputs.wants_raw_values is False
    assert wrap(Mean(), normalisation="none", unit="reflectance").inputs.wants_raw_values is True
    own = wrap(Mean(), normalisation=([0.1, 0.2, 0.3], 0.05), unit="REFLECTANCE").inputs
    assert own.as_trained
    assert own.moments["B3"] == Moments(0.2, 0.05)


def test_weights_in_half_precision_are_used_in_single():
    assert {p.dtype for p in wrap(timm.create_model("resnet10t").half()).parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"bands": "B4"}, "bands is 'B4'; a list of names is wanted"),
        ({"unit": "furlongs"}, "unknown unit 'furlongs'. There are: 'reflectance'"),
        ({"normalisation": "imagenet"}, 'normalisation: "dataset", "none", or'),
        ({"normalisation": ([0.1, 0.2], 1)}, 'normalisation: "dataset", "none", or'),
        ({"normalisation": (0.1, 0), "unit": "reflectance"}, "positive standard deviations"),
        ({"normalisation": (0.1, 1)}, "`moments` are numbers in a unit. Declare `unit`"),
        ({"name": "mp_mae"}, "mp_mae is another backbone here. Choose a name of your own, such as my_mp_mae"),
        ({"name": "a b"}, "letters, digits and _ . - are wanted"),
    ],
)
def test_words_that_make_no_sense_are_refused_in_one_line(words, told):
    with pytest.raises(UserError) as refused:
        wrap(Mean(), **words)
    assert told in str(refused.value)


@pytest.mark.parametrize("build", [lambda: timm.create_model("resnet10t", in_chans=5), nn.Identity])
def test_a_model_that_cannot_embed_such_images_is_refused_when_it_is_wrapped(build):
    with pytest.raises(UserError, match=r"cannot embed images of 3 bands and \d+ x \d+ pixels"):
        wrap(build())


def test_a_notebook_shows_a_mistake_in_one_line():
    with pytest.raises(UserError) as refused:
        wrap(Mean(), unit="furlongs")
    (line,) = refused.value._render_traceback_()
    assert line.startswith("UserError: unknown unit")

"""The encoder as a timm model: names, feature pyramid, classifier, parameter groups."""

import pytest
import timm
import torch
from timm.models import group_parameters

import mp_mae.encoder  # noqa: F401  # makes the models known to timm
from mp_mae.config import MMEARTH_S2_BANDS, SIZES, EncoderConfig
from mp_mae.encoder import build_encoder, encoder_shapes
from mp_mae.errors import UserError

ATTO = "mp_mae_convnextv2_atto"


@pytest.mark.parametrize("size", [size for size in SIZES if size != "demo"])
def test_everything_but_the_stem_has_the_shapes_of_timms_own_model(size):
    with torch.device("meta"):
        reference = timm.create_model(f"convnextv2_{size}", num_classes=0, conv_mlp=False).state_dict()
    expected = {name: tensor.shape for name, tensor in reference.items() if not name.startswith("stem.")}
    ours = encoder_shapes(EncoderConfig(size, MMEARTH_S2_BANDS, patch=16))
    assert {name: shape for name, shape in ours.items() if not name.startswith("stem.")} == expected


@pytest.mark.parametrize(("size", "patch"), [("atto", 8), *((size, 16) for size in SIZES)])
def test_the_feature_pyramid_has_strides_of_1_2_4_8_stem_kernels(size, patch):
    with torch.device("meta"):
        model = timm.create_model(f"mp_mae_convnextv2_{size}", in_chans=12, features_only=True, patch=patch)
        maps = model(torch.empty(2, 12, 64, 96))
    strides = [patch // 8 * factor for factor in (1, 2, 4, 8)]
    assert model.feature_info.reduction() == strides
    assert model.feature_info.channels() == list(SIZES[size].widths)
    assert [tuple(m.shape) for m in maps] == [
        (2, width, 64 // stride, 96 // stride) for width, stride in zip(SIZES[size].widths, strides, strict=True)
    ]


def test_out_indices_select_levels_of_the_pyramid():
    model = timm.create_model(ATTO, features_only=True, out_indices=(1, 3))
    assert model.feature_info.reduction() == [2, 8]
    assert [m.shape[1:] for m in model(torch.zeros(1, 12, 32, 32))] == [(80, 16, 16), (320, 4, 4)]


def test_forward_intermediates_gives_the_same_pyramid():
    torch.manual_seed(0)
    model = build_encoder(EncoderConfig("atto", MMEARTH_S2_BANDS, patch=8)).eval()
    pixels = torch.randn(1, 12, 32, 32)
    with torch.no_grad():
        last, maps = model.forward_intermediates(pixels)
        assert torch.equal(last, model.forward_features(pixels))
    assert [m.shape[-1] for m in maps] == [32, 16, 8, 4]


@pytest.mark.parametrize(
    ("patch", "padding", "side", "expected"),
    [
        (8, "same", 56, 7),
        (8, "published", 56, 6),
        (16, "same", 112, 7),
        (16, "published", 112, 7),
        (8, "same", 32, 4),
        (8, "published", 32, 3),
        (16, "published", 32, 2),
    ],
)
def test_padding_decides_the_side_of_the_last_map(patch, padding, side, expected):
    with torch.device("meta"):
        model = timm.create_model(ATTO, patch=patch, padding=padding)
        assert model.forward_features(torch.empty(1, 12, side, side)).shape == (1, 320, expected, expected)


def test_defaults_are_twelve_bands_patches_of_8_and_no_classifier():
    model = timm.create_model(ATTO)
    assert (model.in_chans, model.patch, model.num_classes) == (12, 8, 0)
    assert model(torch.zeros(2, 12, 16, 16)).shape == (2, 320)


def test_the_classifier_can_be_set_and_reset():
    model = timm.create_model(ATTO, num_classes=7, in_chans=3)
    assert model(torch.zeros(2, 3, 16, 16)).shape == (2, 7)
    model.reset_classifier(5)
    assert model.get_classifier().weight.shape == (5, 320)
    model.reset_classifier(0, global_pool="")
    assert model(torch.zeros(2, 3, 16, 16)).shape == (2, 320, 2, 2)


def test_global_pool_is_chosen_at_creation():
    largest = timm.create_model(ATTO, global_pool="max")
    feature_map = torch.randn(1, 320, 4, 4)
    torch.testing.assert_close(largest.head.global_pool(feature_map).flatten(1), feature_map.amax((2, 3)))


def test_drop_path_rises_to_the_rate_asked_for():
    model = build_encoder(EncoderConfig("atto", MMEARTH_S2_BANDS, patch=8), drop_path_rate=0.3)
    rates = [getattr(block.drop_path, "drop_prob", 0.0) for stage in model.stages for block in stage.blocks]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (0.0, pytest.approx(0.3))


def test_layer_decay_groups_have_the_whole_stem_first():
    model = timm.create_model(ATTO)
    groups = group_parameters(model, model.group_matcher())
    assert sorted(groups) == list(range(len(groups)))
    assert sorted(groups[0]) == sorted(name for name, _ in model.named_parameters() if name.startswith("stem."))


def test_grn_eps_follows_the_padding_unless_given():
    bands = ("B2", "B3")
    for config, expected in (
        (EncoderConfig("atto", bands, 8, "same"), 1e-6),
        (EncoderConfig("atto", bands, 8, "published"), 1e-4),
        (EncoderConfig("atto", bands, 8, "same", grn_eps=1e-4), 1e-4),
    ):
        model = build_encoder(config)
        assert {block.mlp.grn.eps for stage in model.stages for block in stage.blocks} == {expected}


def test_fresh_weights_are_normal_with_std_0_02_and_biases_zero():
    torch.manual_seed(0)
    model = build_encoder(EncoderConfig("atto", MMEARTH_S2_BANDS, patch=16))
    for name, tensor in model.named_parameters():
        if name.endswith("bias"):
            assert not tensor.any(), name
        elif tensor.ndim > 1 and tensor.numel() > 1000:
            assert tensor.std().item() == pytest.approx(0.02, rel=0.1), name
    assert model.stem.patch.weight.std().item() == pytest.approx(0.02, rel=0.3)  # 160 numbers


def test_the_input_is_left_as_it_was():
    model = build_encoder(EncoderConfig("atto", MMEARTH_S2_BANDS, patch=8))
    pixels = torch.randn(1, 12, 16, 16)
    before = pixels.clone()
    model(pixels)
    assert torch.equal(pixels, before)


def test_no_layer_changes_its_input_in_place():
    model = build_encoder(EncoderConfig("atto", MMEARTH_S2_BANDS, patch=16), drop_path_rate=0.5)
    changed = []

    def remember(module, args):
        module.before = args[0].clone()

    def compare(module, args, output):
        if not torch.equal(args[0], module.before):
            changed.append(type(module).__name__)

    for module in model.modules():
        module.register_forward_pre_hook(remember)
        module.register_forward_hook(compare)
    with torch.no_grad():
        model(torch.randn(2, 12, 32, 32))
    assert changed == []


def test_asking_timm_for_pretrained_weights_says_where_they_come_from():
    with pytest.raises(UserError, match="load_encoder"):
        timm.create_model(ATTO, pretrained=True)


@pytest.mark.parametrize(("argument", "message"), [({"patch": 4}, "patch size is 4"), ({"padding": "x"}, "padding is")])
def test_timm_users_get_the_same_errors(argument, message):
    with pytest.raises(UserError, match=message):
        timm.create_model(ATTO, **argument)

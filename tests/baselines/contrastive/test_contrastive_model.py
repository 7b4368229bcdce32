"""The contrastive model takes any subset of channels, in any order, and is of the stated sizes."""

from dataclasses import replace
from math import log

import pytest
import torch

from baselines.contrastive.channels import ChannelEntry, present
from baselines.contrastive.config import SIZES, ContrastiveConfig
from baselines.contrastive.model import ContrastiveModel
from contrastive_models import COHERENCE, MODALITIES, RADAR, RGB, config, model, noise
from mp_mae.config import EncoderConfig
from mp_mae.encoder import encoder_shapes
from mp_mae.errors import UserError

both = pytest.mark.parametrize("architecture", ["vit", "convnext"])
NAN = float("nan")


def parameters(part):
    return sum(parameter.numel() for parameter in part.parameters())


# --- sizes ---


@pytest.mark.parametrize(
    ("architecture", "size", "lowest", "highest"),
    [
        ("vit", "demo", 1.5e6, 2e6),
        ("vit", "small", 16e6, 17e6),
        ("vit", "base", 64e6, 65e6),
        ("vit", "full", 240e6, 260e6),
        ("convnext", "demo", 1.5e6, 2e6),
        ("convnext", "small", 10e6, 11e6),
        ("convnext", "base", 84e6, 85e6),
        ("convnext", "full", 260e6, 265e6),
    ],
)
def test_three_towers_have_as_many_parameters_as_the_page_says(architecture, size, lowest, highest):
    with torch.device("meta"):
        built = ContrastiveModel(config(architecture, size=size, patch=16, dim=SIZES[size].dim))
    assert lowest < parameters(built) < highest


def test_a_convnext_tower_is_mp_maes_encoder_but_for_its_first_convolution():
    wanted = dict(encoder_shapes(EncoderConfig("demo", RGB, 8)))
    body = {name: tensor.shape for name, tensor in model("convnext").towers["sentinel2"].body.state_dict().items()}
    assert body == {name: shape for name, shape in wanted.items() if not name.startswith("stem.conv.")}


# --- the entry ---


def test_the_entry_is_the_mean_over_channels_of_gain_times_convolution_plus_offset():
    entry = ChannelEntry(("a", "b", "c"), 5, kernel=2, stride=2)
    x = noise(2, 3, 4, 6)
    x[1, 2] = NAN  # the second image lacks c
    by_channel = torch.stack(
        [
            entry.gain[c][:, None, None] * torch.conv2d(x[:, c : c + 1], entry.kernel, stride=2)
            + entry.offset[c][:, None, None]
            for c in range(3)
        ]
    )
    wanted = torch.stack([by_channel[:, 0].mean(0), by_channel[:2, 1].mean(0)])
    torch.testing.assert_close(entry(x), wanted)


def test_weights_of_a_channel_start_as_large_as_an_ordinary_convolutions_of_one_channel():
    torch.manual_seed(0)
    entry = ChannelEntry(("a",), 4000, kernel=8, stride=8)
    weight = (entry.kernel * entry.gain.T[:, :, None, None]).detach()
    assert float(weight.var() * 64) == pytest.approx(0.774**2, rel=0.05)  # 0.774: variance left by truncation at 2 std


def test_a_channel_is_present_if_any_pixel_of_its_image_is_finite():
    x = torch.full((2, 3, 4, 4), NAN)
    x[0, 0, 0, 0] = 1.0
    x[1, 1] = 0.0
    x[1, 2] = float("inf")
    assert present(x).tolist() == [[True, False, False], [False, True, False]]


# --- missing channels ---


@both
def test_a_missing_channel_equals_a_model_that_never_had_it(architecture):
    whole = model(architecture)
    smaller = model(architecture, modalities=MODALITIES | {"sentinel2": ("B4", "B2")})
    state = dict(whole.state_dict())
    for name in ("gain", "offset"):
        state[f"towers.sentinel2.entry.{name}"] = state[f"towers.sentinel2.entry.{name}"][[0, 2]]
    smaller.load_state_dict(state)
    x = noise(2, 3, 24, 24)
    x[:, 1] = NAN
    torch.testing.assert_close(
        whole.pooled("sentinel2", x), smaller.pooled("sentinel2", x[:, [0, 2]]), rtol=1e-5, atol=1e-6
    )
    assert not torch.allclose(whole.pooled("sentinel2", x), whole.pooled("sentinel2", torch.nan_to_num(x)), atol=1e-3)


@both
def test_channels_are_told_by_name_in_any_order(architecture):
    built = model(architecture)
    x = noise(2, 8, 32, 32)
    x[:, [1, 2, 4, 6, 7]] = NAN
    chosen = ("desc VH", "asc VV", "asc HV")
    given = built.pooled("sentinel1", x[:, [RADAR.index(name) for name in chosen]], chosen)
    torch.testing.assert_close(given, built.pooled("sentinel1", x), rtol=1e-5, atol=1e-6)


def test_each_image_of_a_batch_lacks_its_own_channels():
    built = model()
    x = noise(3, 4, 24, 24)
    x[0, 0], x[1, 1:], x[2, 3] = NAN, NAN, NAN
    alone = torch.cat([built.pooled("coherence", image[None]) for image in x])
    torch.testing.assert_close(built.pooled("coherence", x), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("subset", range(1, 16))
def test_every_subset_of_channels_gives_a_unit_vector_of_its_own(subset):
    built = model()
    x = noise(2, 4, 24, 24)
    lacking = [c for c in range(4) if not subset & 1 << c]
    x[:, lacking] = NAN
    shared = built.project("coherence", built.pooled("coherence", x))
    torch.testing.assert_close(shared.norm(dim=1), torch.ones(2))
    everything = built.project("coherence", built.pooled("coherence", noise(2, 4, 24, 24)))
    assert torch.allclose(shared, everything, atol=1e-4) == (not lacking)


def test_missing_pixels_of_a_present_channel_enter_as_the_mean():
    built = model()
    x = noise(2, 3, 24, 24)
    x[0, 1, :10] = NAN
    torch.testing.assert_close(built.pooled("sentinel2", x), built.pooled("sentinel2", torch.nan_to_num(x)))


def test_an_unknown_channel_or_another_number_of_them_is_refused():
    built = model()
    with pytest.raises(ValueError, match="no channel B8; there are B4, B3, B2"):
        built.pooled("sentinel2", noise(1, 1, 24, 24), ("B8",))
    with pytest.raises(ValueError, match="pixels of the 3 channels B4, B3, B2; found 2"):
        built.pooled("sentinel2", noise(1, 2, 24, 24))
    with pytest.raises(ValueError, match="multiples of 8 pixels, found 56 x 60"):
        built.pooled("sentinel2", noise(1, 3, 56, 60))


# --- nothing breaks ---


@both
@pytest.mark.parametrize("value", [NAN, 0.0, 3.0])
def test_a_modality_that_is_constant_or_missing_gives_finite_values_and_gradients(architecture, value):
    built = model(architecture)
    x = torch.full((2, 4, 24, 24), value)
    shared = built.project("coherence", built.pooled("coherence", x))
    (shared * noise(2, 16)).sum().backward()
    gradients = [p.grad for name, p in built.named_parameters() if ".coherence." in f".{name}"]
    assert torch.isfinite(shared).all()
    assert all(gradient is not None and torch.isfinite(gradient).all() for gradient in gradients)


@both
def test_images_of_another_size_are_taken(architecture):
    built = model(architecture)
    assert built.pooled("sentinel2", noise(1, 3, 24, 40)).shape == (1, built.width("sentinel2"))


# --- the scale ---


def test_the_scale_starts_at_clips_and_stays_within_its_limits():
    built = model()
    assert built.scale.item() == pytest.approx(1 / 0.07)
    for value, scale in ((9.0, 100.0), (-3.0, 1.0)):
        built.log_scale.data.fill_(value)
        assert built.scale.item() == pytest.approx(scale)
        built.clamp_scale()
        assert built.log_scale.item() == pytest.approx(log(scale), abs=1e-6)


# --- the configuration ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "smal"}, "size is 'smal'. Did you mean small"),
        ({"architecture": "cnn"}, "architecture is 'cnn'"),
        ({"patch": 4}, "patch is 4; pass 8 or 16"),
        ({"dim": 1}, "dim is 1"),
        ({"modalities": {"sentinel2": RGB}}, "two or more to hold against each other; found sentinel2"),
        ({"modalities": {"sentinel2": RGB, "sentinel1": ("VV", "VV")}}, "channels of sentinel1, each once"),
        ({"modalities": {"sentinel2": RGB, "coherence": ()}}, "channels of coherence"),
        ({"modalities": {"sentinel2": RGB, "a.b": COHERENCE}}, "'a.b' is no name"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        replace(config(), **changes)


def test_a_configuration_needs_no_default_of_what_decides_the_model():
    with pytest.raises(TypeError, match="modalities"):
        ContrastiveConfig(size="demo", dim=16)

"""What may be wished for of timm's models: bands, by one rule for the first layer, and how the vector is pooled."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from baselines.bands import Unit
from baselines.conformance import check_backbone
from baselines.inputs import Preparation
from baselines.registry import check_name, find_backbone
from baselines.timm_models.first_layer import adapt_first_layer, spread_filters
from mp_mae.errors import UserError


@pytest.fixture(params=["test_resnet", "test_vit", "test_convnext"])
def name(request):
    return request.param


@pytest.fixture
def weights(name, tmp_path):
    torch.manual_seed(3)
    save_file(timm.create_model(name).state_dict(), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def build(name, weights):
    return find_backbone(f"timm:{name}").build(weights, 0)


@torch.inference_mode()
def embed(backbone, pixels):
    n = pixels.shape[1]
    return backbone(pixels, Preparation(torch.zeros(n), torch.ones(n))).vector


def noise(n_channels, side=64):
    return torch.randn(2, n_channels, side, side, generator=torch.Generator().manual_seed(5))


def test_filters_go_to_the_bands_of_their_colour_by_hand():
    filters = torch.tensor([3.0, 6.0, 12.0]).reshape(1, 3, 1, 1)  # red, green, blue; their mean is 7
    spread = spread_filters(filters, ("B2", "B8", "B4", "B3", "VV", "B11"))
    assert spread.flatten().tolist() == [6.0, 3.5, 1.5, 3.0, 3.5, 3.5]  # each by 3 / 6
    assert spread_filters(filters, ("red", "green", "blue")).flatten().tolist() == [3.0, 6.0, 12.0]
    assert spread_filters(filters, ("B8",)).flatten().tolist() == [21.0], "one band excites it as three did"


def test_colours_by_other_names_or_in_another_order_give_the_same_features_to_the_bit(name, weights):
    pixels = noise(3)
    plain = embed(build(name, weights), pixels)
    assert torch.equal(embed(build(f"{name}?bands=B4,B3,B2", weights), pixels), plain)
    turned = embed(build(f"{name}?bands=blue,red,green", weights), pixels[:, [2, 0, 1]])
    torch.testing.assert_close(turned, plain, atol=1e-5, rtol=1e-5)


def test_a_grey_image_is_the_same_to_four_bands_as_to_three(name, weights):
    grey = noise(1)
    four = embed(build(f"{name}?bands=B8,B4,B3,B2", weights), grey.expand(-1, 4, -1, -1))
    torch.testing.assert_close(four, embed(build(name, weights), grey.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def test_it_keeps_the_contract_with_twelve_bands(name, weights):
    entry = find_backbone(f"timm:{name}?bands=s2")
    assert len(entry.build(weights, 0).inputs.bands) == 12
    assert [verdict for verdict in check_backbone(entry, weights) if verdict.passed is False] == []


def test_moments_are_known_of_colours_alone(tmp_path):
    torch.manual_seed(3)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "w.safetensors")
    known = timm.get_pretrained_cfg("test_resnet")
    colours = build("test_resnet?bands=B2,B4", tmp_path / "w.safetensors").inputs
    assert colours.unit is Unit.UINT8
    assert colours.moments["B2"] == pytest.approx((255 * known.mean[2], 255 * known.std[2]))
    infrared = build("test_resnet?bands=B4,B3,B2,B8", tmp_path / "w.safetensors").inputs
    assert (infrared.unit, dict(infrared.moments)) == (None, {})


def test_bands_are_part_of_what_it_is_unless_they_are_red_green_and_blue(tmp_path):
    torch.manual_seed(3)
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "w.safetensors")

    def described(name):
        entry = find_backbone(f"timm:{name}")
        backbone = entry.build(tmp_path / "w.safetensors", 0)
        return entry.describe(backbone), backbone.origin.weights_sha256

    plain = described("test_vit")
    assert plain[0] == {"model": "test_vit", "builder": "baselines.timm_models", "version": 1}
    assert described("test_vit?bands=red,green,blue") == plain
    assert described("test_vit?pool=token") == plain, "as timm pools it"
    assert described("test_vit?bands=B4,B3,B8")[0]["bands"] == "B4,B3,B8"
    assert described("test_vit?pool=avg")[0]["pool"] == "avg"


def test_a_vector_is_the_class_token_or_the_mean_of_the_others(tmp_path):
    torch.manual_seed(3)
    model = timm.create_model("test_vit", dynamic_img_size=True).eval()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    with torch.inference_mode():
        tokens = model.forward_features(noise(3))  # (2, 1 + 16, D), normed
    assert model.num_prefix_tokens == 1
    for wish, wanted in (("token", tokens[:, 0]), ("avg", tokens[:, 1:].mean(1))):
        vector = embed(build(f"test_vit?pool={wish}", tmp_path / "w.safetensors"), noise(3))
        torch.testing.assert_close(vector, wanted, atol=1e-5, rtol=1e-5)


def test_a_network_without_a_class_token_has_nothing_to_choose():
    with pytest.raises(UserError, match=r"timm:test_resnet: it has no class token, .* Leave out `pool=avg`"):
        build("test_resnet?random&pool=avg", None)


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ("bands=all", "a network is built before a dataset is read. Name the bands, or say bands=s2"),
        ("bands=B4,B4", "wanted different bands, found 'B4,B4'"),
        ("bands=B4,,B3", "wanted different bands, found 'B4,,B3'"),
        ("pool=max", r"there is .*`timm:test_vit\?pool=token\|avg`"),
    ],
)
def test_what_cannot_be_wished_for_is_refused_by_name(wish, told):
    with pytest.raises(UserError, match=told):
        check_name(f"timm:test_vit?{wish}")


@pytest.mark.parametrize("layer", [nn.Linear(48, 8), nn.Conv2d(16, 8, 1), nn.Conv2d(4, 8, 3, groups=4)])
def test_a_first_layer_that_is_no_convolution_over_all_channels_is_refused(layer):
    network = nn.Sequential(layer)
    with pytest.raises(UserError, match=f"wanted a first convolution .* B4 B3 B2 B8, found 0: {type(layer).__name__}"):
        adapt_first_layer(network.state_dict(), network, ("0",), ("B4", "B3", "B2", "B8"), "timm:x")
    with pytest.raises(UserError, match="found none"):
        adapt_first_layer({}, network, (), ("B4", "B3", "B2", "B8"), "timm:x")

"""The contract, over every entry of BACKBONES: a new backbone is tested by being listed."""

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers.grn import GlobalResponseNorm

from baselines.bands import BandInfo
from baselines.conformance import check_backbone
from baselines.contract import FittedBackbone, fitted
from baselines.contrastive.files import ContrastiveSummary, save_model
from baselines.convnext import ResponseNorm
from baselines.entry import DEMO_WEIGHTS, Entry
from baselines.inputs import Preparation
from baselines.registry import find_backbone
from baselines.table import BACKBONES
from contrastive_models import config, model
from mp_mae.errors import NotHereError, UserError
from official_checkpoint import imagenet_content, write_checkpoint, write_official_checkpoint

CEILINGS = ("imagenet_resnet50", "imagenet_convnextv2", "imagenet_efficientnet")

COMMON = ("red", "green", "nir", "swir16")
BANDS_IF_ALL = len(COMMON)
"""Channels given to a backbone that takes every band."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights for each entry that takes some: a seeded stand-in in the layout of the real file."""
    folder = tmp_path_factory.mktemp("weights")
    official = write_official_checkpoint(folder / "official.pth", "56_8")
    torch.manual_seed(0)
    state = timm.create_model("convnextv2_atto", num_classes=0).state_dict()
    fcmae = folder / "fcmae.safetensors"
    save_file({k: torch.randn_like(v) * 0.05 for k, v in state.items() if not k.startswith("head.norm")}, fcmae)
    shipped = {name: entry.demo_weights for name, entry in BACKBONES.items() if entry.demo_weights}
    for name in CEILINGS:
        torch.manual_seed(0)
        state = timm.create_model(BACKBONES[name].settings["model"]).state_dict()
        # A branch that begins at zero would hide what it reads.
        begun = {k: torch.ones_like(v) if k.endswith(".weight") and not v.any() else v for k, v in state.items()}
        shipped[name] = folder / f"{name}.safetensors"
        save_file(begun, shipped[name])
    save_model(folder / "clip", model().state_dict(), config(), ContrastiveSummary())
    imagenet = write_checkpoint(folder / "imagenet.pth", imagenet_content())
    return {
        **shipped,
        "mp_mae": official,
        "mp_mae_published": official,
        "clip": folder / "clip",
        "imagenet_mae": fcmae,
        "imagenet_mae_published": imagenet,
    }


def build(name, weights):
    """The backbone; one whose package of weights is not installed skips the test."""
    try:
        return BACKBONES[name].build(weights.get(name), 0)
    except NotHereError as error:
        pytest.skip(str(error))


@pytest.fixture(params=list(BACKBONES), scope="module")
def backbone(request, weights):
    built = build(request.param, weights)
    images = torch.randn(8, BANDS_IF_ALL, 16, 16, generator=torch.Generator().manual_seed(1)).unbind()
    return fitted(built, images) if isinstance(built, FittedBackbone) else built


def channels_of(backbone):
    return BANDS_IF_ALL if backbone.inputs.bands is None else len(backbone.inputs.bands)


def draw_pixels(n, channels, height=64, width=64):
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(7)) * 3000


def statistics(channels):
    bands = tuple(BandInfo(name=str(i), common_name=name) for i, name in enumerate([*COMMON, *[None] * channels]))
    return Preparation(torch.linspace(1000, 1500, channels), torch.linspace(300, 900, channels), bands=bands[:channels])


@torch.inference_mode()
def embed(backbone, pixels):
    return backbone(pixels, statistics(pixels.shape[1]))


@pytest.mark.parametrize("name", list(BACKBONES))
def test_key_is_name_and_build_needs_no_seed_unless_seeded(name, weights):
    entry = BACKBONES[name]
    assert entry.name == name
    same = build(name, weights).origin.weights_sha256 == entry.build(weights.get(name), 1).origin.weights_sha256
    assert same != entry.seeded


LARGE = {"imagenet_resnet50", "imagenet_convnextv2"}
"""Their kin of timm's test models keep the contract in `test_timm_models.py`, in a tenth of the time."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in BACKBONES])
def test_every_built_in_backbone_keeps_the_contract(name, weights):
    build(name, weights)
    verdicts = list(check_backbone(BACKBONES[name], weights.get(name)))
    assert [verdict for verdict in verdicts if verdict.passed is False] == []


def test_vector_and_pyramid_have_the_promised_shapes(backbone):
    features = embed(backbone, draw_pixels(2, channels_of(backbone)))
    assert features.vector.shape[0] == 2
    assert features.vector.ndim == 2
    assert features.vector.dtype == torch.float32
    assert len(features.maps) == len(backbone.pyramid)
    if backbone.origin.settings.get("padding") != "published":
        assert [tuple(m.shape) for m in features.maps] == [
            (2, level.channels or m.shape[1], 64 // level.stride, 64 // level.stride)
            for m, level in zip(features.maps, backbone.pyramid, strict=True)
        ]


@pytest.mark.parametrize(("height", "width"), [(61, 67), (5, 9)])
def test_any_image_size_embeds(backbone, height, width):
    if backbone.origin.settings.get("padding") == "published" and min(height, width) < 8:
        pytest.skip("the published geometry cannot embed an image smaller than a patch")
    vector = embed(backbone, draw_pixels(1, channels_of(backbone), height, width)).vector
    assert torch.isfinite(vector).all()


def test_the_last_row_and_column_count(backbone):
    """An encoder whose stride does not divide the image would ignore them."""
    if backbone.origin.settings.get("padding") == "published":
        pytest.skip("dropping border rows is part of the published geometry")
    pixels = draw_pixels(1, channels_of(backbone), 61, 61)
    changed = pixels.clone()
    changed[..., -1, :] += 2000
    # However little an untrained stand-in makes of any image.
    assert not torch.allclose(embed(backbone, pixels).vector, embed(backbone, changed).vector, rtol=1e-4, atol=1e-9)


def test_mp_mae_published_exchanges_b8_and_b8a(weights):
    ours, published = (BACKBONES[name].build(weights["mp_mae"], 0) for name in ("mp_mae", "mp_mae_published"))
    assert ours.inputs.bands[7:9] == ("B8A", "B8")
    assert published.inputs.bands[7:9] == ("B8", "B8A")
    assert ours.origin.weights_sha256 == published.origin.weights_sha256
    assert ours.origin.settings != published.origin.settings


def test_mp_mae_without_weights_says_what_to_pass():
    with pytest.raises(UserError, match="--weights"):
        BACKBONES["mp_mae"].build(None, 0)


def test_imagenet_mae_offline_names_the_command_that_fetches(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"hf download timm/convnextv2_atto\.fcmae model\.safetensors"):
        BACKBONES["imagenet_mae"].build(None, 0)


@pytest.mark.parametrize("damage", ["text", "missing tensor", "wrong shape"])
def test_imagenet_mae_refuses_incomplete_weights(weights, tmp_path, damage):
    from safetensors.torch import load_file

    state = load_file(weights["imagenet_mae"])
    path = tmp_path / "damaged.safetensors"
    if damage == "missing tensor":
        del state["stages.1.blocks.0.mlp.fc1.weight"]
    if damage == "wrong shape":
        state["stem.0.weight"] = torch.zeros(40, 12, 4, 4)
    save_file(state, path)
    if damage == "text":
        path.write_text("<html>404</html>")
    with pytest.raises(UserError, match="weights file"):
        BACKBONES["imagenet_mae"].build(path, 0)


def test_random_init_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    BACKBONES["random_init"].build(None, 3)
    assert torch.equal(before, torch.random.get_rng_state())


def test_image_statistics_by_hand():
    backbone = BACKBONES["image_statistics"].build(None, 0)
    pixels = torch.arange(101, dtype=torch.float32).reshape(1, 1, 1, 101)
    vector = backbone(pixels, Preparation(torch.zeros(1), torch.ones(1))).vector[0]
    expected = torch.tensor([50.0, 29.1548, 2.0, 10.0, 25.0, 50.0, 75.0, 90.0, 98.0])
    torch.testing.assert_close(vector, expected, atol=1e-3, rtol=0)


def test_image_statistics_of_blocks_by_hand():
    backbone = BACKBONES["image_statistics"].build(None, 0)
    pixels = torch.zeros(1, 1, 4, 5)
    pixels[..., 4] = torch.tensor([1.0, 1.0, 3.0, 3.0])  # padded to a block by repeating it
    pixel, small, large = backbone(pixels, Preparation(torch.zeros(1), torch.ones(1))).maps
    assert torch.equal(pixel, pixels)
    torch.testing.assert_close(small, torch.tensor([[[[0.0, 2.0]], [[0.0, 1.0]]]]))
    assert large.shape == (1, 2, 1, 1)
    assert large[0, 0, 0, 0] == pytest.approx((2 * 12 * 1 + 14 * 12 * 3) / 256)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "x.(safetensors|bin): "),
        ({"stem.0.weight": torch.zeros(3)}, "not a complete timm/convnextv2_atto.fcmae weights file: missing"),
        ("nan", "wrong .'stem.0.bias has 40 values that are NaN or infinite"),
    ],
)
def test_imagenet_mae_refuses_hostile_weights_in_one_line(weights, tmp_path, suffix, content, said):
    path = tmp_path / f"x{suffix}"
    if content == "nan":
        from safetensors.torch import load_file

        content = load_file(weights["imagenet_mae"])
        content["stem.0.bias"] = content["stem.0.bias"] * float("nan")
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif suffix == ".bin":
        torch.save(content, path)
    else:
        save_file(content, path)
    with pytest.raises(UserError, match=said) as caught:
        BACKBONES["imagenet_mae"].build(path, 0)
    assert "\n" not in str(caught.value)


def test_what_builds_another_network_is_in_its_description_whatever_its_author_recorded(backbone):
    """One module may build several networks, and not every author thinks of `Origin.settings`."""
    entries = [Entry(name=pool, summary="", module="mine", settings={"pool": pool}, weights="none") for pool in "ab"]
    first, second = (entry.describe(backbone) for entry in entries)
    assert first != second
    assert (first["builder"], first["version"]) == ("mine", backbone.version)


def test_what_only_refuses_weights_is_not():
    optical, mp_mae = (BACKBONES[name].build(DEMO_WEIGHTS / "optical_mae", 0) for name in ("optical_mae", "mp_mae"))
    assert BACKBONES["optical_mae"].describe(optical) == BACKBONES["mp_mae"].describe(mp_mae)
    assert optical.origin.weights_sha256 == mp_mae.origin.weights_sha256


@pytest.mark.parametrize("channels_last", [True, False])
def test_response_norm_is_timms_with_its_gradients(channels_last):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 5, 4, generator=rng)
    x[0, ..., 1] = 0  # a channel that is silent has a norm without a slope
    x = x if channels_last else x.permute(0, 3, 1, 2)
    ours, theirs = (kind(4, eps=1e-4, channels_last=channels_last) for kind in (ResponseNorm, GlobalResponseNorm))
    state = {name: torch.randn(4, generator=rng) for name in ("weight", "bias")}
    found = []
    for layer in (ours, theirs):
        layer.load_state_dict(state)
        entered = x.clone().requires_grad_()
        out = layer(entered)
        out.square().sum().backward()
        found.append((out, entered.grad, layer.weight.grad, layer.bias.grad))
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "n_blocks"), [("random_init_demo", 10), ("timm:convnextv2_atto?random", 12)])
def test_networks_have_it_with_their_own_parameters(name, n_blocks):
    backbone = find_backbone(name).build(None, 0)
    norms = [module for module in backbone.modules() if isinstance(module, GlobalResponseNorm)]
    assert len(norms) == n_blocks
    assert all(type(norm) is ResponseNorm for norm in norms)
    assert {norm.eps for norm in norms} == {1e-6}
    assert sum(".grn." in name for name, _ in backbone.named_parameters()) == 2 * n_blocks

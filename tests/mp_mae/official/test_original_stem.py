"""MMEarth's ImageNet checkpoint: its features are those of a dense evaluation written here, tap by tap in float64."""

import pytest
import torch

from baselines.contract import Preparation
from baselines.registry import find_backbone
from mp_mae.checkpoint import load_checkpoint
from mp_mae.errors import UserError
from mp_mae.official.original_stem import build_original, read_original_stem
from official_checkpoint import DEPTHS, checkpoint_content, imagenet_content, write_checkpoint


@pytest.fixture(scope="module")
def tensors():
    return {name: tensor.double() for name, tensor in imagenet_content()["model"].items()}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("imagenet") / "checkpoint-199.pth", imagenet_content())


def norm(x, tensors, name):
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt()
    weight, bias = (tensors[f"{name}.ln.{leaf}"][:, None, None] for leaf in ("weight", "bias"))
    return scaled * weight + bias


def strided(x, tensors, name, side):
    """A convolution whose stride is its side; the image row runs fastest in the kernel's rows."""
    kernel, total = tensors[f"{name}.kernel"], tensors[f"{name}.bias"].reshape(-1, 1, 1)
    rows, columns = x.shape[-2] // side, x.shape[-1] // side
    for h in range(side):
        for w in range(side):
            taps = x[..., h::side, w::side][..., :rows, :columns]
            total = total + torch.einsum("bihw,io->bohw", taps, kernel[h + side * w])
    return total


def depthwise(x, tensors, name):
    kernel, total = tensors[f"{name}.kernel"], tensors[f"{name}.bias"].reshape(-1, 1, 1)
    padded = torch.nn.functional.pad(x, (3, 3, 3, 3))
    for h in range(7):
        for w in range(7):
            taps = padded[..., h : h + x.shape[-2], w : w + x.shape[-1]]
            total = total + taps * kernel[h + 7 * w][:, None, None]
    return total


def linear(x, tensors, name):
    weight, bias = (tensors[f"{name}.linear.{leaf}"] for leaf in ("weight", "bias"))
    return torch.einsum("bihw,oi->bohw", x, weight) + bias[:, None, None]


def gelu(x):
    return x / 2 * (1 + torch.erf(x / 2**0.5))


def block(x, tensors, name):
    hidden = norm(depthwise(x, tensors, f"{name}.dwconv"), tensors, f"{name}.norm")
    hidden = gelu(linear(hidden, tensors, f"{name}.pwconv1"))
    size = hidden.square().sum((2, 3), keepdim=True).sqrt()
    gamma, beta = (tensors[f"{name}.grn.{leaf}"].reshape(-1, 1, 1) for leaf in ("gamma", "beta"))
    hidden = gamma * (hidden * (size / (size.mean(1, keepdim=True) + 1e-4))) + beta + hidden
    return x + linear(hidden, tensors, f"{name}.pwconv2")


def evaluate(x, tensors):
    """(B, 3, H, W) float64 -> the maps of the four stages and the pooled, normed vector."""
    x = norm(strided(x, tensors, "encoder.stem_orig.0", 4), tensors, "encoder.stem_orig.1")
    maps = []
    for stage, depth in enumerate(DEPTHS):
        if stage:
            name = f"encoder.downsample_layers.{stage - 1}"
            x = strided(norm(x, tensors, f"{name}.0"), tensors, f"{name}.1", 2)
        for i in range(depth):
            x = block(x, tensors, f"encoder.stages.{stage}.{i}")
        maps.append(x)
    pooled = x.mean((2, 3))
    vector = (pooled - pooled.mean(1, keepdim=True)) / (pooled.var(1, keepdim=True, correction=0) + 1e-6).sqrt()
    return maps, vector


@pytest.mark.parametrize("size", [(64, 96), (70, 67)], ids=["whole patches", "border rows are lost"])
def test_its_features_are_those_of_a_separate_evaluation(size, file, tensors):
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    maps, vector = evaluate(x, tensors)
    found = read_original_stem(file)
    model = build_original(found.size).double().eval()
    model.load_state_dict(dict(found.state))
    with torch.inference_mode():
        last, ours = model.forward_intermediates(x)
        for own, expected in zip(ours, maps, strict=True):
            torch.testing.assert_close(own, expected, atol=1e-10, rtol=0)
        torch.testing.assert_close(model.forward_head(last, pre_logits=True), vector, atol=1e-10, rtol=0)
        backbone = find_backbone("imagenet_mae_published").build(file, 0)
        features = backbone(x.float(), Preparation(torch.zeros(3), torch.ones(3)))
    torch.testing.assert_close(features.vector, vector.float(), atol=5e-5, rtol=0)
    assert [level.stride for level in backbone.pyramid] == [4, 8, 16, 32]


def test_each_kind_of_stem_is_refused_where_the_other_is_wanted(file, tmp_path):
    with pytest.raises(UserError, match=r"original ConvNeXt stem.*--backbone imagenet_mae_published"):
        load_checkpoint(file)
    other = write_checkpoint(tmp_path / "x.pth", checkpoint_content("112_16"))
    with pytest.raises(UserError, match=r"x\.pth: wanted ConvNeXt's own stem.*\[16, 3, width\].*found none.*mp_mae"):
        read_original_stem(other)


@pytest.mark.parametrize("shape", [(64, 3, 40), (16, 12, 40), (16, 3, 41), (3, 40)])
def test_another_patch_other_bands_and_another_width_are_refused(shape, tmp_path):
    content = imagenet_content()
    content["model"]["encoder.stem_orig.0.kernel"] = torch.zeros(shape)
    with pytest.raises(UserError, match=rf"found \[{', '.join(map(str, shape))}\]"):
        read_original_stem(write_checkpoint(tmp_path / "x.pth", content))


def test_a_missing_tensor_is_named(tmp_path):
    content = imagenet_content()
    del content["model"]["encoder.stem_orig.1.ln.bias"]
    with pytest.raises(UserError, match=r"missing: encoder\.stem_orig\.1\.ln\.bias"):
        read_original_stem(write_checkpoint(tmp_path / "x.pth", content))


def test_without_weights_it_says_which():
    with pytest.raises(UserError, match="pt-imagenet_atto_200epochs_224_32"):
        find_backbone("imagenet_mae_published").build(None, 0)

"""The packed encoder equals masked dense computation and sees nothing of removed patches."""

import copy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.models.convnext import ConvNeXtBlock

from masked_dense import masked_dense
from mp_mae.checkpoint import build_from_checkpoint, load_checkpoint
from mp_mae.config import EncoderConfig
from mp_mae.encoder import build_encoder
from mp_mae.errors import UserError
from mp_mae.masking import Mask, draw_mask, mask_from_noise
from mp_mae.packed.encoder import densify, forward_packed, packed_block
from mp_mae.packed.layout import PackedLayout
from mp_mae.packed.ops import site_norm

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
GEOMETRIES = ("56_8", "112_16")
TOLERANCE = {torch.float64: 1e-10, torch.float32: 5e-5}
"""Largest absolute difference of the last-stage map, whose standard deviation is about 1.8."""


@pytest.fixture(scope="module")
def golden(official_files):
    """(encoder, arrays) of each geometry."""
    return {
        geometry: (
            build_from_checkpoint(load_checkpoint(official_files[geometry])),
            {name: torch.from_numpy(array) for name, array in np.load(GOLDEN / f"sparse_{geometry}.npz").items()},
        )
        for geometry in GEOMETRIES
    }


@cache
def random_encoder(patch=8, n_bands=2, drop_path_rate=0.0):
    """Float64; weights large enough for every layer to matter."""
    torch.manual_seed(patch + n_bands)
    bands = tuple(f"band {number}" for number in range(n_bands))
    encoder = build_encoder(EncoderConfig("atto", bands, patch), drop_path_rate).double()
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.add_(torch.randn_like(weight), alpha=weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.2)
    return encoder


def draw(encoder, batch=2, rows=2, cols=3, ratio=0.5, seed=0):
    """Images and a mask."""
    generator = torch.Generator().manual_seed(seed)
    size = (batch, encoder.stem.conv.in_channels, rows * encoder.patch, cols * encoder.patch)
    images = torch.randn(size, generator=generator, dtype=torch.float64)
    return images.to(next(encoder.parameters()).dtype), draw_mask(generator, batch, rows * cols, ratio)


def gradients(encoder, features, weights):
    """Of a weighted sum of the features with respect to every parameter that takes part."""
    used = [weight for name, weight in encoder.named_parameters() if not name.startswith("head.")]
    return torch.autograd.grad((features * weights).sum(), used, retain_graph=True)


# --- equal to the reference


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("grn", ["sample", "batch"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_golden_maps(golden, geometry, grn, dtype):
    encoder, arrays = golden[geometry]
    mask = mask_from_noise(arrays["noise"], 0.6)
    features = forward_packed(encoder.to(dtype), arrays["x"].to(dtype), mask, grn)
    torch.testing.assert_close(
        densify(features, mask, 7, 7).double(), arrays[f"map_grn_{grn}_f64"], atol=TOLERANCE[dtype], rtol=0
    )


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("grn", ["sample", "batch"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_golden_maps_with_absent_sites(golden, geometry, grn, dtype):
    encoder, arrays = golden[geometry]
    mask = mask_from_noise(arrays["noise"], 0.6)
    x = (arrays["x"] * (1 - arrays["hole"].unsqueeze(1))).to(dtype)
    dense = densify(forward_packed(encoder.to(dtype), x, mask, grn, holes="absent"), mask, 7, 7)
    torch.testing.assert_close(dense.double(), arrays[f"hole_map_grn_{grn}_f64"], atol=TOLERANCE[dtype], rtol=0)
    assert torch.equal((dense != 0).any(1, keepdim=True), arrays["hole_site_map"].bool())


@pytest.mark.parametrize("patch", [8, 16])
def test_with_nothing_removed_it_is_the_dense_encoder(patch):
    encoder = random_encoder(patch)
    x, mask = draw(encoder, ratio=0.0)
    features = forward_packed(encoder, x, mask)
    torch.testing.assert_close(densify(features, mask, 2, 3), encoder.forward_features(x), atol=1e-10, rtol=0)


# --- equal to brute force

cases = given(
    patch=st.sampled_from([8, 16]),
    n_bands=st.sampled_from([1, 3]),
    batch=st.integers(1, 3),
    grid=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    removed=st.sampled_from(["none", "some", "all but one"]),
    grn=st.sampled_from(["sample", "batch"]),
    holes=st.sampled_from(["sites", "absent"]),
    seed=st.integers(0, 2**16),
)


@cases
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_mask_gives_the_masked_dense_map(patch, n_bands, batch, grid, removed, grn, holes, seed):
    encoder = random_encoder(patch, n_bands)
    n_patches = grid[0] * grid[1]
    ratio = {"none": 0.0, "some": 0.6, "all but one": 1 - 1.5 / n_patches}[removed] if n_patches > 2 else 0.0
    x, mask = draw(encoder, batch, *grid, ratio, seed)
    x = x * (torch.rand(x[:, :1].shape, generator=torch.Generator().manual_seed(seed)) > 0.3)  # some empty pixels
    with torch.no_grad():
        dense = densify(forward_packed(encoder, x, mask, grn, holes), mask, *grid)
        torch.testing.assert_close(dense, masked_dense(encoder, x, mask, grn, holes), atol=1e-10, rtol=0)


@pytest.mark.parametrize("holes", ["sites", "absent"])
@pytest.mark.parametrize("grn", ["sample", "batch"])
@pytest.mark.parametrize("patch", [8, 16])
def test_gradients_are_those_of_masked_dense_computation(patch, grn, holes):
    encoder = random_encoder(patch)
    x, mask = draw(encoder, rows=3, ratio=0.6)
    x[:, :, 2:7] = 0
    x.requires_grad_()
    weights = torch.randn(2, mask.visible.shape[1], 320, dtype=torch.float64)
    packed = forward_packed(encoder, x, mask, grn, holes)
    brute = masked_dense(encoder, x, mask, grn, holes)
    ours = gradients(encoder, packed, weights)
    theirs = gradients(encoder, brute, densify(weights, mask, 3, 3))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)
    ours, theirs = (torch.autograd.grad(y.square().sum(), x)[0] for y in (packed, brute))
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("patch", [8, 16])
def test_float32_gradients_equal_float64_ones(patch):
    """Depthwise weight gradients are computed in another way in float32."""
    encoder = random_encoder(patch)
    x, mask = draw(encoder, batch=3, rows=3, ratio=0.6)
    weights = torch.randn(3, mask.visible.shape[1], 320, dtype=torch.float64)
    exact = gradients(encoder, forward_packed(encoder, x, mask), weights)
    single = build_encoder(EncoderConfig("atto", ("a", "b"), patch))
    single.load_state_dict(encoder.state_dict())
    for one, other in zip(gradients(single, forward_packed(single, x.float(), mask), weights), exact, strict=True):
        assert (one - other).norm() < 1e-4 * other.norm()


# --- nothing leaks, nothing is touched


@pytest.mark.parametrize(
    ("grn", "holes", "dtype"), [("sample", "sites", torch.float32), ("batch", "absent", torch.float64)]
)
@pytest.mark.parametrize("value", [7.0, float("nan"), float("inf")])
def test_removed_pixels_change_no_bit(value, grn, holes, dtype):
    encoder = copy.deepcopy(random_encoder()).to(dtype)
    x, mask = draw(encoder, ratio=0.6)
    removed = torch.zeros(2, 6, dtype=torch.bool).scatter(1, mask.removed, True).view(2, 1, 2, 3)
    removed = removed.repeat_interleave(8, 2).repeat_interleave(8, 3)
    results = []
    for images in (x, torch.where(removed, value, x)):
        images.requires_grad_()
        features = forward_packed(encoder, images, mask, grn, holes)
        to_images = torch.autograd.grad(features.square().sum(), images, retain_graph=True)[0]
        results.append([features, to_images, *gradients(encoder, features, features.detach())])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))
    assert not results[1][1].where(removed, 0).any()


@pytest.mark.parametrize("holes", ["sites", "absent"])
def test_the_images_stay_as_they_were(holes):
    encoder = random_encoder()
    x, mask = draw(encoder)
    before = x.clone()
    forward_packed(encoder, x, mask, "batch", holes)
    assert torch.equal(x, before)


def test_batch_mates_do_not_matter_when_pooling_per_sample():
    encoder = random_encoder()
    x, mask = draw(encoder, batch=4)
    order = torch.tensor([2, 0, 3, 1])
    features = forward_packed(encoder, x, mask)
    shuffled = forward_packed(encoder, x[order], Mask(mask.visible[order], mask.removed[order]))
    torch.testing.assert_close(shuffled, features[order], atol=1e-12, rtol=0)
    alone = forward_packed(encoder, x[:1], Mask(mask.visible[:1], mask.removed[:1]))
    torch.testing.assert_close(alone, features[:1], atol=1e-12, rtol=0)


def test_images_need_not_be_contiguous():
    encoder = random_encoder()
    x, mask = draw(encoder)
    strided = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(forward_packed(encoder, strided, mask), forward_packed(encoder, x, mask))


# --- training


def test_drop_path_drops_what_the_dense_encoder_drops():
    encoder = random_encoder(drop_path_rate=0.5).train()
    x, mask = draw(encoder, batch=4, ratio=0.0)
    torch.manual_seed(0)
    packed = densify(forward_packed(encoder, x, mask), mask, 2, 3)
    torch.manual_seed(0)
    torch.testing.assert_close(packed, encoder.forward_features(x), atol=1e-10, rtol=0)
    assert not torch.equal(packed, densify(forward_packed(encoder, x, mask), mask, 2, 3))


def test_bfloat16_autocast_stays_close(golden):
    encoder, arrays = golden["56_8"]
    encoder.float()
    mask = mask_from_noise(arrays["noise"], 0.6)
    with torch.autocast("cpu", torch.bfloat16):
        features = forward_packed(encoder, arrays["x"], mask)
    exact = densify(features, mask, 7, 7).double() - arrays["map_grn_sample_f64"]
    assert exact.norm() < 0.05 * arrays["map_grn_sample_f64"].norm()
    assert all(gradient.isfinite().all() for gradient in gradients(encoder, features, features.detach()))


def test_the_norm_has_no_gradient_at_zero():
    x = torch.tensor([[[3.0, 0.0], [4.0, 0.0]]], requires_grad=True)  # two sites, two channels
    norm = site_norm(x)
    assert norm.tolist() == [[[5.0, 0.0]]]
    norm.sum().backward()
    torch.testing.assert_close(x.grad, torch.tensor([[[0.6, 0.0], [0.8, 0.0]]]))


def test_the_norm_of_half_precision_is_summed_in_float32():
    x = torch.randn(2, 3000, 5, generator=torch.Generator().manual_seed(0)).bfloat16().requires_grad_()
    norm = site_norm(x)
    assert norm.dtype == torch.float32
    torch.testing.assert_close(norm.double(), x.double().square().sum(1, keepdim=True).sqrt(), rtol=1e-6, atol=0)
    norm.sum().backward()
    assert x.grad.dtype == torch.bfloat16
    # Both the scale and its product are rounded to bfloat16, by 2^-9 at most.
    torch.testing.assert_close(x.grad.double(), x.detach().double() / norm.detach().double(), rtol=2.01 * 2**-8, atol=0)


@pytest.mark.slow
def test_it_compiles_without_a_graph_break():
    encoder = random_encoder()
    x, mask = draw(encoder)
    compiled = torch.compile(
        lambda x, visible, removed: forward_packed(encoder, x, Mask(visible, removed)), fullgraph=True, backend="eager"
    )
    expected = forward_packed(encoder, x, mask)
    features = compiled(x, mask.visible, mask.removed)
    torch.testing.assert_close(features, expected, atol=1e-12, rtol=0)
    weights = torch.randn_like(expected)
    for one, other in zip(gradients(encoder, features, weights), gradients(encoder, expected, weights), strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("side", [1, 2, 4, 8])
def test_a_block_over_the_whole_grid_is_timms(side):
    block = ConvNeXtBlock(12, use_grn=True, ls_init_value=None).double()
    torch.nn.init.normal_(block.mlp.grn.weight)
    torch.nn.init.normal_(block.mlp.grn.bias)
    x = torch.randn(2, 6, side, side, 12, dtype=torch.float64)
    layout = PackedLayout.whole(2, 2, 3, x.device)
    packed = packed_block(block, x, layout.windows(side, radius=3))

    def to_map(y):
        return y.view(2, 2, 3, side, side, 12).permute(0, 5, 1, 3, 2, 4).reshape(2, 12, 2 * side, 3 * side)

    torch.testing.assert_close(to_map(packed), block(to_map(x)), atol=1e-10, rtol=0)


# --- what does not fit


@pytest.mark.parametrize(
    ("shape", "mask_grid", "message"),
    [
        ((2, 2, 60, 56), 49, r"60x56 px; crop them to multiples of the 8 px patch"),
        ((2, 3, 56, 56), 49, r"\[2, 3, 56, 56\]; this encoder wants \[batch, 2 bands, height, width\]"),
        ((2, 56, 56), 49, r"\[2, 56, 56\]; this encoder wants"),
        ((2, 2, 56, 56), 36, r"keeps 14 of 36 patches in 2 images; wanted at least one of 7x7 patches in 2 images"),
        ((3, 2, 56, 56), 49, r"keeps 19 of 49 patches in 2 images; wanted .* in 3 images"),
    ],
)
def test_images_and_mask_that_do_not_fit_are_refused(shape, mask_grid, message):
    with pytest.raises(UserError, match=message):
        forward_packed(random_encoder(), torch.zeros(shape).double(), draw_mask(torch.Generator(), 2, mask_grid, 0.6))


def test_a_mask_without_visible_patches_is_refused():
    mask = Mask(torch.empty(1, 0, dtype=torch.int64), torch.arange(4).view(1, 4))
    with pytest.raises(UserError, match="keeps 0 of 4 patches"):
        forward_packed(random_encoder(), torch.zeros(1, 2, 16, 16).double(), mask)


def test_the_published_classifiers_geometry_is_refused():
    encoder = build_encoder(EncoderConfig("atto", ("a", "b"), 8, padding="published"))
    with pytest.raises(UserError, match='padding="same"'):
        forward_packed(encoder, torch.zeros(1, 2, 16, 16), draw_mask(torch.Generator(), 1, 4, 0.5))

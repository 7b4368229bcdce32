"""Decoder and heads: golden predictions, what is shared, and which patch goes where."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mp_mae.decoders import Branch, PatchTokens, initialise, token_windows
from mp_mae.masking import Mask
from mp_mae.modalities import MMEARTH, choose_modalities
from mp_mae.official.model import read_official_model
from mp_mae.patches import gather_patches, gather_tokens, patches_to_images

GOLDEN = Path(__file__).parent.parent / "fixtures" / "golden"


@pytest.fixture(scope="module")
def golden_predictions(official_files):
    """Our predictions at all patches from the golden encoder output, and the golden ones; float64."""
    model = read_official_model(official_files["56_8"]).build().double()
    sparse = np.load(GOLDEN / "sparse_56_8.npz")
    removed = torch.from_numpy(sparse["mask"]).bool()
    mask = Mask(*((~removed).nonzero()[:, 1].view(2, -1), removed.nonzero()[:, 1].view(2, -1)))
    features = torch.from_numpy(sparse["map_grn_batch_f64"]).flatten(2).mT  # (B, L, D)
    with torch.no_grad():
        tokens = model.tokens(gather_tokens(features, mask.visible), mask)
        return model.branches[0](tokens, token_windows(2, 7, 7, tokens.device), None), np.load(
            GOLDEN / "decoder_56_8.npz"
        )


@pytest.mark.parametrize("name", MMEARTH)
def test_predictions_equal_the_golden_ones(name, golden_predictions):
    ours, golden = golden_predictions[0][name], golden_predictions[1][f"pred_{name}"]
    if MMEARTH[name].kind.is_pixel:
        ours = ours.flatten(2).mT.unflatten(2, (7, 7))  # (B, p * p * C, rows, cols), the golden layout
    np.testing.assert_allclose(ours.numpy(), golden, rtol=0, atol=1e-6)  # stored as float32


def small_branch(names, width=16, depth=1):
    torch.manual_seed(3)
    branch = Branch(choose_modalities(names), width, depth, patch=2)
    branch.apply(initialise)
    for name, parameter in branch.named_parameters():
        if "grn" in name:
            torch.nn.init.normal_(parameter)
    return branch.double()


def predict(branch, tokens, wanted=None):
    """From tokens of 2 x 3 patches."""
    return branch(tokens, token_windows(len(tokens), 2, 3, tokens.device), wanted)


def test_pixels_predicted_at_some_patches_are_those_predicted_at_all():
    branch = small_branch(["aster", "dynamic_world", "lat"], depth=2)
    tokens = torch.randn(2, 6, 16, dtype=torch.float64)
    wanted = torch.tensor([[0, 3, 5], [1, 2, 4]])
    some, everywhere = predict(branch, tokens, wanted), predict(branch, tokens)
    assert some["aster"].shape == (2, 3, 4, 2)
    assert some["dynamic_world"].shape == (2, 3, 4, 9)
    for name in ("aster", "dynamic_world"):
        for image in range(2):
            torch.testing.assert_close(some[name][image], everywhere[name][image, wanted[image]], rtol=0, atol=1e-12)
    assert some["lat"].equal(everywhere["lat"])


def test_decoded_samples_do_not_depend_on_their_batch():
    branch = small_branch(["aster", "biome"])
    tokens = torch.randn(3, 6, 16, dtype=torch.float64)
    together, alone = predict(branch, tokens), predict(branch, tokens[:1])
    for name in together:
        torch.testing.assert_close(together[name][:1], alone[name], rtol=0, atol=1e-12)


def test_tokens_are_projected_features_where_visible_and_the_mask_token_elsewhere():
    tokens = PatchTokens(encoder_width=3, width=4)
    tokens.apply(initialise)
    visible = torch.randn(2, 2, 3)
    mask = Mask(torch.tensor([[1, 4], [0, 5]]), torch.tensor([[0, 2, 3, 5], [1, 2, 3, 4]]))
    out = tokens(visible, mask)
    assert out.shape == (2, 6, 4)
    assert out[0, 4].equal(tokens.proj(visible)[0, 1])
    assert out[1, 0].equal(tokens.proj(visible)[1, 0])
    for image in range(2):
        assert (out[image, mask.removed[image]] == tokens.mask_token).all()


def test_heads_exist_for_the_tasks_alone():
    only_pixels = small_branch(["aster"])
    assert only_pixels.image_norm is None
    assert list(only_pixels.pixel_heads) == ["aster"]
    only_image = small_branch(["biome"])
    assert predict(only_image, torch.randn(1, 6, 16, dtype=torch.float64))["biome"].shape == (1, 14)


def test_gathered_patches_are_the_pixels_of_the_image_row_by_row():
    images = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6)  # patches of 2 px: 2 rows of 3
    index = torch.tensor([[4, 0], [2, 2]])
    patches = gather_patches(images, index, patch=2)
    assert patches.shape == (2, 2, 4, 3)
    assert patches[0, 0].equal(images[0, :, 2:4, 2:4].flatten(1).T)
    assert patches[1, 1].equal(images[1, :, 0:2, 4:6].flatten(1).T)
    assert gather_patches(images[:, 0], index, patch=2).equal(patches[..., 0])


def test_patches_put_back_give_the_image():
    images = torch.randn(2, 3, 4, 6)
    everything = torch.arange(6).expand(2, -1)
    assert patches_to_images(gather_patches(images, everything, patch=2), cols=3).equal(images)

"""Filters from patches: cut from images as the seed says, whitened as the formula says."""

import numpy as np
import pytest
import scipy.linalg
import torch

from baselines.contract import fitted
from baselines.facts import NOTHING
from baselines.floors.whitened_patches import ZCA_BIAS, build, draw_patches, whiten


def draw_images(n=20, bands=2, side=9):
    return torch.randn(n, bands, side, side, generator=torch.Generator().manual_seed(2)).unbind()


def test_whitening_equals_its_formula():
    patches = torch.randn(40, 6, generator=torch.Generator().manual_seed(2)) + 3
    rows = [row - row.mean() for row in patches.double().numpy()]
    rows = np.array([row / np.sqrt((row**2).sum()) for row in rows])
    apart = rows - rows.mean(axis=0)
    root = scipy.linalg.sqrtm(apart.T @ apart / len(rows) + ZCA_BIAS * np.eye(6))
    np.testing.assert_allclose(whiten(patches).numpy(), apart @ np.linalg.inv(root), rtol=1e-5, atol=1e-5)


def test_what_is_whitened_is_uncorrelated_but_for_the_bias():
    patches = torch.randn(4000, 6, generator=torch.Generator().manual_seed(2)) * torch.tensor([1.0, 2, 3, 1, 1, 1])
    variances = np.linalg.eigvalsh(np.cov(whiten(patches).double().numpy().T, bias=True))
    assert variances[0] == pytest.approx(0, abs=1e-6)  # each patch has mean 0: one direction is empty
    assert (variances[1:] > 0.95).all()


def test_a_constant_patch_is_a_filter_like_any_other():
    patches = torch.cat([torch.full((3, 6), 2.0), torch.randn(10, 6, generator=torch.Generator().manual_seed(2))])
    assert torch.isfinite(whiten(patches)).all()


def test_every_patch_is_a_piece_of_an_image_and_images_are_used_evenly():
    images = [torch.full((2, 5, 5), float(i)) + torch.arange(25).reshape(5, 5) / 100 for i in range(100)]
    patches = draw_patches(images, 0)
    assert patches.shape == (256, 2, 3, 3)
    of_image = patches[:, 0, 0, 0].floor().int()
    assert set(torch.bincount(of_image).tolist()) == {2, 3}
    corners = ((patches[:, 0, 0, 0] - of_image) * 100).round().int()
    assert set(corners.tolist()) == {0, 1, 2, 5, 6, 7, 10, 11, 12}
    assert torch.allclose(patches[:, 0, 1, 2] - patches[:, 0, 0, 0], torch.tensor(0.07), atol=1e-4)


def test_only_as_many_images_are_read_as_there_are_filters():
    class Counted(list):
        read = 0

        def __getitem__(self, index):
            Counted.read += 1
            return super().__getitem__(index)

    draw_patches(Counted(draw_images(n=1000, bands=1, side=3)), 0)
    assert Counted.read == 256


def test_the_seed_and_the_images_decide_the_filters_and_the_recipe_alone_its_hash():
    images = draw_images()
    first, again, other = (fitted(build(None, seed), images) for seed in (0, 0, 1))
    assert torch.equal(first.filters, again.filters)
    assert not torch.allclose(first.filters, other.filters)
    assert first.origin.weights_sha256 != other.origin.weights_sha256
    assert first.origin == build(None, 0).origin


def test_fitting_leaves_the_backbone_itself_and_the_mode_of_the_caller_alone():
    backbone = build(None, 0)
    with torch.inference_mode():
        copied = fitted(backbone, draw_images())
    assert backbone.filters.numel() == 0
    assert not copied.filters.is_inference()
    assert copied.embed(torch.randn(2, 2, 7, 7), NOTHING).vector.shape == (2, 512)


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (2, 2)])
def test_patches_of_narrow_images_are_widened_by_their_border(shape):
    assert draw_patches([torch.ones(3, *shape)], 0).shape == (256, 3, 3, 3)

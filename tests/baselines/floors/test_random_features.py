"""Random convolutional features: equal to their definition, and decided by the seed and the number of bands alone."""

import numpy as np
import pytest
import torch

from baselines.facts import NOTHING
from baselines.floors.random_features import build, draw_filters, filter_features


def vector(x, seed=0):
    return build(None, seed).embed(x, NOTHING).vector


@pytest.mark.parametrize("shape", [(5, 7), (3, 3)])
def test_features_equal_their_definition_written_as_loops(shape):
    x = torch.randn(1, 2, *shape, generator=torch.Generator().manual_seed(3))
    image, filters = x[0].double().numpy(), draw_filters(4, 2).double().numpy()
    rows, columns = shape[0] - 2, shape[1] - 2
    wanted = [
        np.mean(
            [
                max(0.0, sign * (image[:, i : i + 3, j : j + 3] * filter_).sum() - 1)
                for i in range(rows)
                for j in range(columns)
            ]
        )
        for sign in (1, -1)
        for filter_ in filters
    ]
    np.testing.assert_allclose(vector(x, 4)[0].numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_there_are_512_features_whatever_the_bands_and_the_seed_decides_them():
    x = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(3))
    assert vector(x).shape == (2, 512)
    assert vector(x[:, :1]).shape == (2, 512)
    assert torch.equal(vector(x, 1), vector(x, 1))
    assert not torch.allclose(vector(x, 1), vector(x, 2))
    assert build(None, 1).origin.weights_sha256 != build(None, 2).origin.weights_sha256


def test_filters_are_normal_numbers_and_ask_nothing_of_the_global_generator():
    state = torch.get_rng_state()
    filters = draw_filters(11, 12)
    assert torch.equal(torch.get_rng_state(), state)
    assert filters.shape == (256, 12, 3, 3)
    assert abs(float(filters.mean())) < 0.02
    assert float(filters.std()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (2, 2)])
def test_an_image_narrower_than_a_filter_is_widened_by_its_border(shape):
    x = torch.full((1, 2, *shape), 0.5)
    square = torch.full((1, 2, 3, 3), 0.5)
    filters = draw_filters(0, 2)
    assert torch.allclose(filter_features(x, filters).vector, filter_features(square, filters).vector, atol=1e-6)


def test_maps_are_the_pixels_and_the_blocks_of_responses_around_them():
    x = torch.randn(2, 3, 10, 9, generator=torch.Generator().manual_seed(3))
    pixels, blocks = build(None, 0).embed(x, NOTHING).maps
    assert torch.equal(pixels, x)
    assert blocks.shape == (2, 512, 3, 3)
    constant = build(None, 0).embed(torch.ones(1, 3, 10, 9), NOTHING)
    assert torch.allclose(constant.maps[1], constant.vector[..., None, None].expand(-1, -1, 3, 3), atol=1e-5)

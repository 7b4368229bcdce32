"""Image statistics against NumPy in double precision, and percentiles against `torch.quantile`."""

import numpy as np
import pytest
import torch

from baselines.image_statistics import BLOCK_SIDES_PX, PERCENTILES, block_statistics, quantiles
from baselines.inputs import Preparation
from baselines.table import BACKBONES


@pytest.fixture
def pixels():
    return torch.randn(5, 3, 37, 50, generator=torch.Generator().manual_seed(0)) * 3 + 100


def test_percentiles_are_those_of_torch_to_the_bit(pixels):
    flat = pixels.flatten(2)
    assert torch.equal(torch.stack(quantiles(flat)), torch.quantile(flat, torch.tensor(PERCENTILES), dim=-1))


def test_the_vector_is_mean_deviation_and_percentiles_of_each_band(pixels):
    backbone = BACKBONES["image_statistics"].build(None, 0)
    vector = backbone(pixels, Preparation(torch.zeros(3), torch.ones(3))).vector
    flat = pixels.double().flatten(2).numpy()
    wanted = [flat.mean(-1), flat.std(-1), *np.quantile(flat, PERCENTILES, axis=-1)]
    np.testing.assert_allclose(vector.numpy(), np.concatenate(wanted, axis=1), rtol=1e-5)


@pytest.mark.parametrize("side", BLOCK_SIDES_PX)
def test_blocks_have_their_mean_and_deviation_and_the_border_is_repeated(pixels, side):
    found = block_statistics(pixels, side).double().numpy()
    down, right = -37 % side, -50 % side
    padded = np.pad(pixels.double().numpy(), ((0, 0), (0, 0), (0, down), (0, right)), mode="edge")
    blocks = padded.reshape(5, 3, (37 + down) // side, side, (50 + right) // side, side)
    wanted = np.concatenate([blocks.mean((3, 5)), blocks.std((3, 5))], axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)

"""The hand-crafted features: equal to their definitions, right where one can count by hand, defined on every image."""

import math

import numpy as np
import plain_formulas
import pytest
import torch

from baselines.floors.distribution import describe_distribution
from baselines.floors.structure import describe_structure
from baselines.floors.texture import describe_texture

LEVELS = [
    (describe_distribution, plain_formulas.distribution),
    (describe_texture, plain_formulas.texture),
    (describe_structure, plain_formulas.structure),
]


def of_one(describe, rows):
    return describe(torch.tensor(rows, dtype=torch.float32)[None, None])[0, 0].tolist()


@pytest.mark.parametrize("shape", [(16, 16), (9, 14), (3, 5)])
@pytest.mark.parametrize(("describe", "plain"), LEVELS)
def test_features_equal_their_definitions_written_as_loops(describe, plain, shape):
    maps = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(5)) * 7 - 2
    wanted = [[plain(image.double().numpy()) for image in batch] for batch in maps]
    np.testing.assert_allclose(describe(maps).numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_the_distribution_of_five_numbers_is_as_counted_by_hand():
    wanted = [3, math.sqrt(2), 1, 5, 1.4, 2, 3, 4, 4.6]
    assert of_one(describe_distribution, [[5, 3, 1, 2, 4]]) == pytest.approx(wanted)


def test_a_slope_has_one_direction_at_every_scale():
    slope = [[float(column) for column in range(16)] for _ in range(16)]
    fine, coarse = of_one(describe_texture, slope)[:4], of_one(describe_texture, slope)[4:8]
    assert fine == pytest.approx(
        [15 / 16, math.sqrt(15 / 16 - (15 / 16) ** 2 - 0.5 / 16), 1, 0], abs=1e-6
    )  # 1; border 1/2
    assert coarse[0] == pytest.approx(2 * 7 / 8)  # two units a block
    assert coarse[2:] == pytest.approx([1, 0], abs=1e-6)


def test_an_edge_is_the_same_from_dark_to_bright_and_back():
    edge = np.tile([0.0, 0, 0, 4, 4, 4], (6, 1))
    assert of_one(describe_texture, edge) == pytest.approx(of_one(describe_texture, 4 - edge), abs=1e-6)


def test_where_rows_and_columns_are_alike_no_direction_is_preferred():
    square = np.zeros((6, 6))
    square[2:4, 2:4] = 1.0
    assert of_one(describe_texture, square)[2] == pytest.approx(0, abs=1e-6)


def test_a_bright_pixel_has_one_pattern_and_its_surroundings_others():
    """Of 3 x 3 interior pixels of 5 x 5 the middle one exceeds all its neighbours (pattern 0), the 4 beside it and the
    4 across have all neighbours no less than themselves (pattern 255)."""
    rows = np.zeros((5, 5))
    rows[2, 2] = 1.0
    entropy, uniform = of_one(describe_structure, rows)[:2]
    assert entropy == pytest.approx(-(1 / 9 * math.log(1 / 9) + 8 / 9 * math.log(8 / 9)) / math.log(256))
    assert uniform == 1.0


def test_a_square_has_four_corners_and_an_edge_none():
    square = np.zeros((24, 24))
    square[8:16, 8:16] = 1.0
    assert round(of_one(describe_structure, square)[2] * square.size) == 4
    assert of_one(describe_structure, np.tile(np.arange(24) > 11, (24, 1)))[2:4] == [0, 0]


def test_quadrants_are_told_apart_in_reading_order():
    rows = [[1, 1, 2, 2], [1, 1, 2, 4], [3, 3, 0, 0], [3, 3, 0, 0]]
    wanted = [1, 0, 2.5, math.sqrt(0.75), 3, 0, 0, 0]
    assert of_one(describe_structure, rows)[4:12] == pytest.approx(wanted)


def test_a_bright_line_is_a_tail_of_one_direction_and_a_bright_spot_has_no_extent():
    line = np.zeros((9, 9))
    line[4] = 1.0
    anisotropy, spread = of_one(describe_structure, line)[14:]
    assert (anisotropy, spread) == pytest.approx((1, np.linspace(-1, 1, 9).std()))
    spot = np.zeros((9, 9))
    spot[2, 7] = 1.0
    assert of_one(describe_structure, spot)[14:] == [0, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (61, 67)])
@pytest.mark.parametrize("level", [0.0, 1.0, -3.5e4])
def test_a_constant_image_of_any_shape_has_values_and_nothing_else(shape, level):
    maps = torch.full((2, 2, *shape), level)
    for describe, _ in LEVELS:
        assert torch.isfinite(describe(maps)).all()
    assert (describe_distribution(maps)[..., [0, *range(2, 9)]] == level).all()
    assert (describe_texture(maps) == 0).all()
    assert (describe_structure(maps)[..., 2:4] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (2, 3)])
def test_a_narrow_image_has_features_that_are_numbers(shape):
    maps = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(5))
    assert all(torch.isfinite(describe(maps)).all() for describe, _ in LEVELS)

"""Augmentation and drop path: drawn for whole batches, applied to parts."""

import numpy as np
import torch
from timm.layers import DropPath
from timm.models.convnext import ConvNeXtBlock
from torch import nn

from harness.training.augment import AREA, Augmentation, draw_augmentation
from harness.training.drop_path import DrawnDropPath, draw_factors, insert_drop_paths, set_factors
from harness.training.recipe import FineTuneSettings
from toy_images import tiny_backbone


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_image_and_mask_are_flipped_alike_and_only_the_image_is_erased():
    pixels = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
    masks = pixels[0].astype(np.uint8)
    Augmentation(np.array([[True, False]]), np.array([[0, 1, 2, 4]])).apply(pixels, masks)
    assert masks[0].tolist() == [[8, 9, 10, 11], [4, 5, 6, 7], [0, 1, 2, 3]]
    np.testing.assert_array_equal(pixels[0, 0, 0], [8, 9, np.nan, np.nan])
    assert np.array_equal(pixels[0, 0, 1:], masks[0, 1:])


def test_a_whole_batch_is_flipped_as_image_by_image():
    rng = np.random.default_rng(0)
    pixels, masks = rng.standard_normal((40, 3, 5, 7)).astype(np.float32), rng.integers(0, 9, (40, 5, 7), np.uint8)
    drawn = draw_augmentation(40, (5, 7), FineTuneSettings(erasing=0.5), generator())
    expected = np.empty_like(pixels)
    for i, ((down, right), (top, bottom, left, end)) in enumerate(zip(drawn.flipped, drawn.erased, strict=True)):
        expected[i] = pixels[i, :, :: -1 if down else 1, :: -1 if right else 1]
        expected[i, :, top:bottom, left:end] = np.nan
    turned = np.stack([m[:: -1 if d else 1, :: -1 if r else 1] for m, (d, r) in zip(masks, drawn.flipped, strict=True)])
    drawn.apply(pixels, masks)
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(masks, turned)


def test_shares_of_flips_and_erased_areas_are_as_set():
    drawn = draw_augmentation(4_000, (40, 60), FineTuneSettings(erasing=0.25), generator())
    assert np.abs(drawn.flipped.mean(axis=0) - 0.5).max() < 0.03
    top, bottom, left, right = drawn.erased.T
    area = (bottom - top) * (right - left)
    assert abs((area > 0).mean() - 0.25) < 0.03
    assert (area[area > 0] >= AREA[0] * 2_400 * 0.7).all()  # corners are rounded to pixels
    assert (area <= AREA[1] * 2_400 * 1.2).all()
    assert (drawn.erased >= 0).all()
    assert (bottom <= 40).all()
    assert (right <= 60).all()


def test_switching_one_augmentation_off_leaves_the_other_as_it_was():
    both = draw_augmentation(50, (8, 8), FineTuneSettings(), generator())
    flips = draw_augmentation(50, (8, 8), FineTuneSettings(erasing=0.0), generator())
    assert np.array_equal(both.flipped, flips.flipped)
    assert not flips.erased.any()
    assert not draw_augmentation(50, (8, 8), FineTuneSettings(flips=False), generator()).flipped.any()


def test_drop_paths_are_put_into_every_residual_block_with_rising_rates():
    backbone = tiny_backbone()
    inserted = insert_drop_paths(backbone, 0.3)
    assert [round(drop_path.rate, 6) for drop_path in inserted] == [0.0, 0.1, 0.2, 0.3]
    blocks = [module for module in backbone.modules() if isinstance(module, ConvNeXtBlock)]
    assert [block.drop_path for block in blocks] == inserted


def test_drop_paths_replace_those_of_timm():
    block = nn.Module()
    block.drop_path1, block.drop_path2, block.shortcut = DropPath(0.5), nn.Identity(), nn.Identity()
    inserted = insert_drop_paths(nn.Sequential(block), 0.2)
    assert [block.drop_path1, block.drop_path2] == inserted
    assert isinstance(block.shortcut, nn.Identity)


def test_a_dropped_path_adds_nothing_and_a_kept_one_makes_up_for_it():
    drop_paths = [DrawnDropPath(0.0), DrawnDropPath(0.5)]
    factors = draw_factors(drop_paths, 2_000, generator())
    assert factors[:, 0].unique().tolist() == [1.0]
    assert factors[:, 1].unique().tolist() == [0.0, 2.0]
    assert abs(factors[:, 1].mean() - 1.0) < 0.05
    set_factors(drop_paths, factors[:3])
    x = torch.ones(3, 2, 2, 2)
    assert torch.equal(drop_paths[1](x), factors[:3, 1, None, None, None] * x)
    set_factors(drop_paths, None)
    assert torch.equal(drop_paths[1](x), x)

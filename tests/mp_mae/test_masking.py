"""Which patches are kept: how many, which ones, and that only the generator decides."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mp_mae.errors import UserError
from mp_mae.masking import draw_mask, kept_patches, mask_from_noise

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"

RATIOS = (0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
PUBLISHED_KEPT = {  # patches of an image -> kept at each ratio; 25/0.8, 100/0.8, 100/0.9 are one below exact arithmetic
    16: (12, 8, 6, 4, 4, 3, 1),
    25: (18, 12, 10, 7, 6, 4, 2),
    49: (36, 24, 19, 14, 12, 9, 4),
    64: (48, 32, 25, 19, 16, 12, 6),
    100: (75, 50, 40, 30, 25, 19, 9),
    196: (147, 98, 78, 58, 49, 39, 19),
}


@pytest.mark.parametrize("n_patches", PUBLISHED_KEPT)
def test_as_many_patches_are_kept_as_published(n_patches):
    assert tuple(kept_patches(n_patches, ratio) for ratio in RATIOS) == PUBLISHED_KEPT[n_patches]


@pytest.mark.parametrize("geometry", ["56_8", "112_16"])
def test_the_smallest_numbers_stay_visible_as_in_the_golden_masks(geometry):
    golden = np.load(GOLDEN / f"sparse_{geometry}.npz")
    mask = mask_from_noise(torch.from_numpy(golden["noise"]), 0.6)
    removed = torch.from_numpy(golden["mask"]).bool()
    assert mask.visible.tolist() == [row.nonzero().flatten().tolist() for row in ~removed]
    assert mask.removed.tolist() == [row.nonzero().flatten().tolist() for row in removed]
    assert mask.visible.dtype == mask.removed.dtype == torch.int64


def test_equal_numbers_are_kept_from_the_first_patch_on():
    assert mask_from_noise(torch.zeros(1, 6), 0.5).visible.tolist() == [[0, 1, 2]]


def test_visible_and_removed_ascend_and_together_hold_every_patch_once():
    mask = draw_mask(torch.Generator().manual_seed(3), batch=20, n_patches=49, ratio=0.6)
    assert mask.visible.shape == (20, 19)
    assert mask.n_patches == 49
    assert (mask.visible.diff() > 0).all()
    assert (mask.removed.diff() > 0).all()
    assert torch.cat((mask.visible, mask.removed), 1).sort().values.tolist() == [list(range(49))] * 20


def test_every_patch_is_equally_likely_to_stay():
    mask = draw_mask(torch.Generator().manual_seed(0), batch=4000, n_patches=10, ratio=0.6)
    share = mask.visible.flatten().bincount(minlength=10) / 4000
    assert share.sub(0.4).abs().max() < 0.04  # five standard deviations


def test_only_the_generator_decides():
    generator = torch.Generator().manual_seed(7)
    first, second = draw_mask(generator, 2, 49, 0.6), draw_mask(generator, 2, 49, 0.6)
    torch.manual_seed(1)
    again = draw_mask(torch.Generator().manual_seed(7), 2, 49, 0.6)
    assert torch.equal(first.visible, again.visible)
    assert not torch.equal(first.visible, second.visible)


def test_a_mask_takes_one_normal_number_per_patch():
    generator, noise = torch.Generator().manual_seed(7), torch.Generator().manual_seed(7)
    mask = draw_mask(generator, 3, 16, 0.75)
    assert torch.equal(mask.visible, mask_from_noise(torch.randn(3, 16, generator=noise), 0.75).visible)
    assert torch.equal(generator.get_state(), noise.get_state())


def test_ratio_zero_removes_nothing():
    mask = draw_mask(torch.Generator(), 2, 9, 0.0)
    assert mask.visible.tolist() == [list(range(9))] * 2
    assert mask.removed.shape == (2, 0)


@pytest.mark.parametrize("ratio", [1.0, 1.5, -0.1, float("nan")])
def test_a_ratio_outside_its_range_is_refused(ratio):
    with pytest.raises(UserError, match=r"mask ratio is .*0 <= ratio < 1"):
        draw_mask(torch.Generator(), 1, 49, ratio)


def test_a_ratio_that_keeps_no_patch_is_refused():
    with pytest.raises(UserError, match=r"mask ratio 0\.9 keeps none of 9 patches"):
        draw_mask(torch.Generator(), 1, 9, 0.9)


def test_a_mask_moves_between_devices():
    mask = draw_mask(torch.Generator(), 1, 9, 0.5).to("meta")
    assert mask.visible.device.type == mask.removed.device.type == "meta"

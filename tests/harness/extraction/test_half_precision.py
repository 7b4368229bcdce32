"""Half precision keeps what a linear model sees, whatever comes after the first images and however they are batched."""

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.extraction.half_precision import HALF, HEADROOM, LARGEST, N_FIRST, HalfWriter
from harness.store.arrays import ArrayWriter

N, D = N_FIRST + 8, 3


def store(path, maps, batch=1):
    """The halves of (N, D, h, w) maps, as they lie on disk."""
    shape = (len(maps), *maps.shape[2:], maps.shape[1])
    with ArrayWriter(path, shape, HALF) as writer:
        level = HalfWriter(writer, stride=4)
        for part in maps.split(batch):
            level.append(part)
    layout = writer.layout()
    assert layout.shape == shape
    return np.load(path).astype(np.float64)


def draw(seed=0):
    return torch.randn(N, D, 4, 4, generator=torch.Generator().manual_seed(seed))


def worst_error(stored, maps):
    """Largest error of any value, in standard deviations of its channel over all images, after standardising both."""
    found, wanted = (
        (values - values.mean(axis=(0, 1, 2))) / values.std(axis=(0, 1, 2))
        for values in (stored, maps.permute(0, 2, 3, 1).double().numpy())
    )
    return np.abs(found - wanted).max()


def test_a_channel_that_is_all_but_constant_at_first_may_grow_a_million_times(tmp_path):
    """It used to be taken for broken weights."""
    maps = draw()
    maps[:N_FIRST, 1] *= 1e-6
    assert worst_error(store(tmp_path / "a.npy", maps), maps) < 2e-3


@pytest.mark.parametrize("growth", [1e5, 3e5])
def test_a_later_image_beyond_the_range_lowers_the_scale_of_its_channel_alone(tmp_path, growth):
    maps = draw()
    plain = store(tmp_path / "plain.npy", maps)
    maps[N_FIRST + 2, 1] *= growth
    stored = store(tmp_path / "grown.npy", maps)
    assert worst_error(stored, maps) < 5e-3  # of values of nine standard deviations, of which halves keep 11 bits
    assert LARGEST / HEADROOM / 2 <= np.abs(stored[..., 1]).max() <= LARGEST / HEADROOM
    np.testing.assert_array_equal(stored[..., [0, 2]], plain[..., [0, 2]])


def test_a_scale_is_lowered_by_a_power_of_two_which_keeps_every_digit(tmp_path):
    maps = draw()
    plain = store(tmp_path / "plain.npy", maps)
    maps[-1, 1] *= 1e6
    stored = store(tmp_path / "grown.npy", maps)
    ratio = plain[:N_FIRST, ..., 1] / stored[:N_FIRST, ..., 1]
    assert np.median(ratio) == 2 ** np.round(np.log2(np.median(ratio)))
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=0.02)


@pytest.mark.parametrize("batch", [2, 5, N_FIRST, N_FIRST + 1, N])
def test_batches_change_no_digit(tmp_path, batch):
    maps = draw()
    maps[:N_FIRST, 1] *= 1e-6
    maps[N_FIRST + 1, 0] *= 1e7
    maps[N_FIRST + 5, 0] *= 3e7
    np.testing.assert_array_equal(store(tmp_path / "many.npy", maps, batch), store(tmp_path / "one.npy", maps))


@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (50.0, 0.01), (0.0, 1e-7), (0.0, 1e6), (-1e4, 1.0)])
def test_channels_far_from_zero_tiny_or_huge_keep_their_digits(tmp_path, loc, scale):
    maps = loc + scale * draw()
    assert worst_error(store(tmp_path / "a.npy", maps), maps) < 4e-3


def test_a_channel_much_smaller_than_the_others_keeps_its_digits(tmp_path):
    maps = draw()
    maps[:, 1] *= 1e-5
    maps[:, 2] *= 1e5
    assert worst_error(store(tmp_path / "a.npy", maps), maps) < 4e-3


def test_a_dataset_of_fewer_images_than_decide_and_constant_channels_are_stored(tmp_path):
    maps = draw()[:3]
    maps[:, 1] = 7.0
    stored = store(tmp_path / "a.npy", maps, batch=2)
    assert not stored[..., 1].any()
    assert np.isfinite(stored).all()
    assert not store(tmp_path / "b.npy", torch.full((3, D, 4, 4), 5.0)).any()


@pytest.mark.parametrize("growth", [1e3, 1e4, 1e5, 1e7, 3e7])
@pytest.mark.parametrize("image", [0, 5, N_FIRST + 3])
def test_an_extreme_value_leaves_the_other_images_their_digits(tmp_path, image, growth):
    """In the channels of other images no more than the last of the eleven bits is lost."""
    maps = draw()
    others = np.arange(N) != image
    plain = store(tmp_path / "plain.npy", maps)[others, ..., 1]
    maps[image, 1, 0, 0] = growth
    stored = store(tmp_path / "grown.npy", maps)[others, ..., 1]
    found, wanted = ((values - values.mean()) / values.std() for values in (stored, plain))
    assert np.abs(found - wanted).max() < 4e-3


@pytest.mark.parametrize("value", [1e9, 1e12, 1e30])
@pytest.mark.parametrize("image", [0, 5, N_FIRST + 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_value_that_would_erase_the_other_images_is_refused(tmp_path, image, value, batch):
    """It used to leave the channel without digits, or at 0, in all of them."""
    maps = draw()
    maps[image, 2, 1, 3] = value
    with pytest.raises(UserError, match=rf"stride 4 has values in channel 2 of image {image} \(.*broken weights"):
        store(tmp_path / "a.npy", maps, batch)


def test_channels_that_are_constant_in_most_images_are_no_reason_to_refuse(tmp_path):
    maps = draw()
    maps[:, 1] = 0
    maps[3, 1] = 100 * draw(1)[3, 1]
    maps[-1, 2] = 1000.0
    maps[:-1, 2] = 0
    assert worst_error(store(tmp_path / "a.npy", maps), maps) < 2e-2


@pytest.mark.parametrize("image", [0, N_FIRST + 3])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(tmp_path, image, value):
    maps = draw()
    maps[image, 2, 0, 0] = value
    with pytest.raises(UserError, match="feature map at stride 4 has values that are not finite"):
        store(tmp_path / "a.npy", maps, batch=4)

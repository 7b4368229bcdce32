"""Small pictures of images in one sheet."""

from io import BytesIO
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from harness.data.description import PICTURE, Band
from harness.records.progress import Silent
from harness.show.embeddings.thumbnails import choose_channels, draw_sheet, shrink, stretch


def sentinel2(name: str) -> Band:
    return Band(name, "Sentinel2")


@pytest.mark.parametrize(
    ("bands", "channels", "shown"),
    [
        ([sentinel2("02 - Blue"), sentinel2("03 - Green"), sentinel2("04 - Red")], (2, 1, 0), "red, green, blue"),
        ([Band("VV", "Sentinel1"), Band("VH", "Sentinel1")], (0, 1, 0), "VV, VH, VV"),
        ([Band(way, "Sentinel1") for way in ("asc VH", "asc VV", "desc VV")], (1, 0, 1), "VV, VH, VV"),
        ([Band("elevation", "ElevationBand"), Band("slope", "ElevationBand")], (0, 0, 0), "elevation"),
        ([Band("nir", "SpectralBand"), *(Band(f"p{i}", PICTURE) for i in range(3))], (1, 2, 3), "the stored picture"),
    ],
)  # fmt: skip
def test_which_bands_are_shown(bands, channels, shown):
    assert choose_channels(bands) == (channels, shown)


def test_larger_images_are_shrunk_by_means_of_what_is_known():
    pixels = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4).repeat(3, axis=1)
    pixels[0, :, 0, 0] = np.nan
    small = shrink(pixels, 2)
    assert small.shape == (1, 2, 2, 3)
    np.testing.assert_allclose(small[0, ..., 0], [[(1 + 4 + 5) / 3, 4.5], [10.5, 12.5]])


def test_smaller_images_are_repeated():
    small = shrink(np.array([[[[1, 2], [3, 4]]]], np.float32).repeat(3, axis=1), 4)
    assert small[0, ..., 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


def test_each_picture_is_stretched_but_an_even_one_stays_even():
    ramp = np.linspace(0, 1, 64).reshape(1, 8, 8, 1).repeat(3, axis=3)
    even = np.full_like(ramp, 0.5) + 0.001 * ramp
    shown = stretch(np.concatenate([ramp, 100 * ramp, even, np.full_like(ramp, np.nan)]))
    assert (shown[1].min(), shown[1].max()) == (0, 255)
    assert int(shown[2].max()) - int(shown[2].min()) < 5
    assert shown[3].max() == 0
    assert (np.diff(shown[1, ..., 0].reshape(-1).astype(int)) >= 0).all()


def arrays_of(pixels: np.ndarray) -> SimpleNamespace:
    return SimpleNamespace(read=lambda rows, channels: pixels[rows][:, list(channels)])


def test_each_image_is_at_its_place_in_the_sheet():
    """Five images of left and right halves; the third is the other way round."""
    pixels = np.zeros((6, 1, 64, 64), np.float32)
    pixels[:, :, :, 32:] = 1
    pixels[2] = 1 - pixels[2]
    sheet = draw_sheet(arrays_of(pixels), [Band("one", "SpectralBand")], np.array([0, 1, 2, 3, 4]), Silent())
    assert (sheet.side, sheet.columns) == (64, 3)
    drawn = matplotlib.image.imread(BytesIO(sheet.jpeg), format="jpeg")
    assert drawn.shape == (128, 192, 3)
    left = [drawn[64 * (i // 3) + 32, 64 * (i % 3) + 16, 0] > 128 for i in range(5)]
    assert left == [False, False, True, False, False]


@pytest.mark.slow
def test_two_thousand_pictures_of_noise_can_be_mailed():
    noise = np.random.default_rng(0).random((50, 3, 64, 64), np.float32)
    bands = [Band(name, "SpectralBand") for name in ("red", "green", "blue")]
    sheet = draw_sheet(arrays_of(noise), bands, np.arange(2000) % 50, Silent())
    assert sheet.side == 64
    assert len(sheet.jpeg) < 3_000_000

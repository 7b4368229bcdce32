"""What counts as no data, value by value, and what resampling makes of it: the numbers are worked out by hand."""

import numpy as np
import pytest
from scipy.ndimage import zoom

from harness.data.description import Band
from harness.data.no_data.blank_pixels import is_blank, without_blank
from harness.data.no_data.marking import mark_no_data, resample_data
from harness.data.own.fitting import fit_image
from harness.data.own.settings import Fit
from harness.records.labels import IGNORED, LabelKind
from harness.records.measured import is_measured
from harness.tasks import parse_label

NAN, INF = np.nan, np.inf
FLOAT_MIN = float(np.finfo(np.float32).min)


def bands(*values):
    return [Band(f"b{i}", "SpectralBand", no_data=value) for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (0, np.uint8),
        (65535, np.uint16),
        (-9999, np.int16),
        (-9999, np.float32),
        (0, np.float32),
        (NAN, np.float32),
        (FLOAT_MIN, np.float32),
        (-3.4028235e38, np.float32),  # as people type it
        (FLOAT_MIN, np.float64),
    ],
)
def test_a_band_has_no_data_where_it_has_its_value_and_only_there(value, dtype):
    pixels = np.array([[[7, 8], [9, 7]], [[7, 7], [7, 7]]]).astype(dtype)
    pixels[:, 0, 1] = value
    found = mark_no_data(pixels, bands(value, None))
    assert found[0].tolist() == [[7, pytest.approx(NAN, nan_ok=True)], [9, 7]]
    if np.isnan(value) or abs(value) > 1e15:  # which no band can have measured
        assert np.isnan(found[1, 0, 1])
    else:
        np.testing.assert_array_equal(found[1], pixels[1])


def test_each_band_has_a_value_of_its_own():
    pixels = np.tile(np.array([0, -9999, 5], np.int16), (3, 1, 1))
    found = mark_no_data(pixels, bands(0, -9999, None))
    np.testing.assert_array_equal(found[:, 0], [[NAN, -9999, 5], [0, NAN, 5], [0, -9999, 5]])
    assert found.dtype == np.float32


def test_what_nobody_can_have_measured_is_no_data_though_it_is_finite():
    pixels = np.array([[[1e38, -1e38, 1e15, -1e15], [INF, -INF, NAN, 0]]], np.float64)
    found = mark_no_data(pixels, bands(None))
    np.testing.assert_array_equal(found, [[[NAN, NAN, 1e15, -1e15], [INF, -INF, NAN, 0]]])
    long = np.array([[[np.iinfo(np.int64).min, 3]]])
    np.testing.assert_array_equal(mark_no_data(long, bands(None)), [[[NAN, 3.0]]])


def test_pixels_that_are_all_measured_are_not_copied():
    for dtype in (np.uint8, np.uint16, np.int64, np.float16, np.float32):
        pixels = np.full((1, 2, 2), 100, dtype)
        assert mark_no_data(pixels, bands(None)) is pixels
    assert is_measured(np.array([65504, -65504], np.float16)).all(), "the largest that half precision has"


def halve(band):
    """Means of two by two."""
    return band.reshape(band.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))


def test_a_new_pixel_is_the_mean_of_the_known_ones_if_they_are_half():
    band = np.array([[1, NAN, 1, NAN, NAN, NAN], [3, 5, NAN, 9, NAN, 2]], np.float32)
    np.testing.assert_array_equal(resample_data(band, halve), np.array([[3, 5, NAN]], np.float32))


def test_a_hole_neither_spreads_through_a_spline_nor_pulls_its_neighbours():
    """Cubic splines look at all pixels of a row: one NaN used to make every new pixel NaN."""
    band = np.full((8, 8), 2.5, np.float32)
    band[2, 2] = NAN
    found = resample_data(band, lambda values: zoom(values, 2, order=3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[np.isfinite(found)], 2.5, rtol=1e-5)
    missing = np.argwhere(np.isnan(found))
    assert 1 <= len(missing) <= 9
    assert (np.abs(missing - 2 * 15 / 14 * 2) <= 2).all(), "around the place of the hole"


def test_an_image_of_another_size_keeps_its_hole_to_itself():
    pixels = np.full((1, 4, 4), 7, np.float32)
    pixels[0, :2, :2] = NAN  # a quarter: all that the first new pixel is made of
    np.testing.assert_allclose(fit_image(pixels, (2, 2), Fit.RESAMPLE), [[[NAN, 7], [7, 7]]], rtol=1e-6)


def test_a_pixel_is_blank_where_no_channel_has_data():
    images = np.zeros((1, 2, 1, 4), np.float32)
    images[0, :, 0] = [[1, NAN, NAN, INF], [1, 2, NAN, NAN]]
    assert is_blank(images).tolist() == [[[False, False, True, True]]]
    masks = np.array([[[0, 1, 1, IGNORED]]], np.uint8)
    assert without_blank(masks, images).tolist() == [[[0, 1, IGNORED, IGNORED]]]
    assert masks.tolist() == [[[0, 1, 1, IGNORED]]], "the caller's own"
    heights = np.array([[[5, 6, 7, 8]]], np.float32)
    np.testing.assert_array_equal(without_blank(heights, images), [[[5, 6, NAN, NAN]]])


def test_a_pixel_of_a_mask_has_no_label_where_nobody_can_have_measured_one():
    classes = np.array([[0, 1, NAN], [-1, 255, 1e38]], np.float32)
    held = parse_label(classes, LabelKind.SEGMENTATION, 2, "x")
    assert held.tolist() == [[0, 1, IGNORED], [IGNORED] * 3]
    heights = np.array([[2.5, NAN, -INF], [-3.4e38, 0, 9.97e36]])
    held = parse_label(heights, LabelKind.PIXEL_REGRESSION, 1, "x")
    np.testing.assert_array_equal(held, np.array([[2.5, NAN, NAN], [NAN, 0, NAN]], np.float32))

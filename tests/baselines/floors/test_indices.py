"""Spectral indices: of the right bands, whatever they are called, and 0 where there is nothing to divide by."""

import pytest
import torch

from baselines.bands import BandInfo
from baselines.floors.indices import find_indices, index_maps
from harness.data.band_matching import common_name
from harness.data.description import PICTURE, Band


def bands(*common_names):
    return [BandInfo(name=f"band {i}", common_name=name) for i, name in enumerate(common_names)]


def of_pixel(values, *common_names):
    return index_maps(torch.tensor(values, dtype=torch.float32)[None, :, None, None], bands(*common_names)).flatten()


def test_all_four_indices_of_a_pixel_counted_by_hand():
    found = of_pixel([4, 2, 6, 12, 18], "green", "red", "nir", "swir16", "swir22")
    assert found.tolist() == pytest.approx([(6 - 2) / 8, (4 - 6) / 10, (12 - 6) / 18, (6 - 18) / 24])


def test_a_narrow_infrared_band_stands_in_only_where_there_is_no_wide_one():
    assert find_indices(bands("red", "nir08")) == [(1, 0)]
    assert find_indices(bands("red", "nir08", "nir")) == [(2, 0)]


def test_an_index_whose_bands_are_not_there_is_left_out():
    assert find_indices(bands("blue", "green", "red")) == []
    assert index_maps(torch.rand(2, 3, 4, 4), bands("blue", "green", "red")).shape == (2, 0, 4, 4)


@pytest.mark.parametrize("pixel", [(0, 0), (1, -1), (-3, -2)])
def test_where_the_sum_is_not_positive_the_ratio_is_0(pixel):
    assert of_pixel(pixel, "nir", "red").tolist() == [0]


def test_the_ratio_is_the_same_in_any_unit():
    assert torch.allclose(of_pixel([6000, 2000], "nir", "red"), of_pixel([0.6, 0.2], "nir", "red"))


@pytest.mark.parametrize(
    ("band", "word"),
    [
        (Band("08 - NIR", "Sentinel2", ("8", "08", "NIR")), "nir"),
        (Band("B08A", "Sentinel2"), "nir08"),
        (Band("12 - SWIR", "Sentinel2"), "swir22"),
        (Band("05 - NIR", "Landsat8", ("5", "05", "B5")), "nir"),
        (Band("06 - SWIR1", "Landsat8"), "swir16"),
        (Band("SWIR_2", "SpectralBand"), "swir22"),
        (Band("Red", "SpectralBand"), "red"),
        (Band("B4", "Landsat8"), None),  # no name says so, and numbers of other sensors mean other bands
        (Band("VV", "Sentinel1"), None),
        (Band("Red", PICTURE), None),  # a picture's tones are no measured light
    ],
)
def test_which_light_a_band_is_follows_from_its_sensor_and_its_names(band, word):
    assert common_name(band) == word

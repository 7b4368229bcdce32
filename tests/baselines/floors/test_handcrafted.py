"""The hand-crafted floors as backbones: how many features they have, of which maps, and what they say of pixels."""

import pytest
import torch

from baselines.bands import SENTINEL2_UM, BandInfo
from baselines.contract import Backbone
from baselines.floors.distribution import describe_distribution
from baselines.floors.indices import index_maps
from baselines.inputs import Preparation
from baselines.table import BACKBONES
from harness.data.band_matching import common_name
from harness.data.description import Band

SENTINEL2 = tuple(BandInfo(name=name, common_name=common_name(Band(name, "Sentinel2"))) for name in SENTINEL2_UM)


def build(name) -> Backbone:
    return BACKBONES[name].build(None, 0)


def embed(name, pixels, bands):
    return build(name)(pixels, Preparation(torch.zeros(len(bands)), torch.ones(len(bands)), bands=bands))


def draw(n_bands, side=20):
    return torch.rand(2, n_bands, side, side, generator=torch.Generator().manual_seed(3)) * 4000


@pytest.mark.parametrize(("level", "features"), [(1, 153), (2, 357), (3, 629)])
def test_of_sentinel_2_there_are_as_many_features_as_published(level, features):
    """Of m-eurosat: 13 bands and 4 indices are 17 maps."""
    assert embed(f"handcrafted_{level}", draw(13), SENTINEL2).vector.shape == (2, features)


def test_each_level_begins_with_the_one_before():
    pixels = draw(13)
    first, second, third = (embed(f"handcrafted_{level}", pixels, SENTINEL2).vector for level in (1, 2, 3))
    assert torch.equal(second[:, :153], first)
    assert torch.equal(third[:, :357], second)


def test_of_pictures_without_infrared_the_bands_alone_are_described():
    bands = tuple(BandInfo(name=name, common_name=name) for name in ("red", "green", "blue"))
    pixels = draw(3)
    wanted = describe_distribution(pixels).flatten(1)
    assert torch.equal(embed("handcrafted_1", pixels, bands).vector, wanted)


def test_indices_alone_are_those_that_level_1_has_beside_the_bands():
    chosen = tuple(SENTINEL2[i] for i in build("spectral_indices").reads(SENTINEL2))
    assert [info.name for info in chosen] == ["B3", "B4", "B8", "B11", "B12"]
    pixels = draw(13)
    channels = [SENTINEL2.index(info) for info in chosen]
    features = embed("spectral_indices", pixels[:, channels], chosen)
    assert torch.equal(features.vector, embed("handcrafted_1", pixels, SENTINEL2).vector[:, 9 * 13 :])
    assert torch.equal(features.maps[0], index_maps(pixels, SENTINEL2))


def test_maps_for_masks_are_a_pixels_values_and_the_blocks_around_it():
    pixels = draw(13, side=18)
    maps = embed("handcrafted_1", pixels, SENTINEL2).maps
    assert [tuple(level.shape) for level in maps] == [(2, 17, 18, 18), (2, 34, 5, 5), (2, 34, 2, 2)]
    assert torch.equal(maps[0][:, :13], pixels)
    assert torch.allclose(maps[1][:, :13, 0, 0], pixels[..., :4, :4].mean((2, 3)))
    assert embed("handcrafted_2", pixels, SENTINEL2).maps == embed("handcrafted_3", pixels, SENTINEL2).maps == ()

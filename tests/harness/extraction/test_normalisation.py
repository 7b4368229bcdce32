"""By whose statistics a dataset is normalised, or why it cannot be: never by others than those asked for."""

import dataclasses
from functools import partial

import numpy as np
import pytest

from baselines.bands import Unit
from baselines.contract import InputSpec
from baselines.contrastive.matching import name_channels
from baselines.inputs import IMAGENET_8_BIT, Moments, PixelKind
from geobench_files import (
    BLUE,
    RED,
    SUITE,
    band,
    read_dataset,
    write_dataset,
    write_sample,
    write_statistics,
    write_task,
)
from harness.data.pixel_kinds import UnknownPixelsError, find_pixel_kind
from harness.errors import UserError
from harness.extraction.normalisation import (
    UnfitStatisticsError,
    build_preparation,
    check_statistics,
    choose_normalisation,
    effective_size,
    fed_size,
    identifying_statistics,
)
from harness.records.run import NormalisationPolicy

COASTAL = band("01 - Coastal aerosol", alt_names=("1", "01"))
VAPOUR = band("09 - Water vapour", alt_names=("9", "09"))
CIRRUS = band("10 - SWIR - Cirrus", alt_names=("10",))
VV = band("VV", kind="Sentinel1")
PHOTO_RED, PHOTO_GREEN = (band(name, kind="SpectralBand", alt_names=(name.lower(),)) for name in ("Red", "Green"))
S2 = {
    PixelKind.SENTINEL2_L1C: {"B2": Moments(1900.0, 1600.0), "B4": Moments(1850.0, 1800.0)},
    PixelKind.SENTINEL2_L2A: {"B2": Moments(1400.0, 2200.0), "B4": Moments(1700.0, 2100.0)},
}
TRAINED_ON_S2 = InputSpec(bands=None, pretraining=S2)
UINT16 = np.dtype(np.uint16)


def dataset(root, bands, name="toy", **statistics):
    directory = root / SUITE / name
    directory.mkdir(parents=True)
    write_sample(directory, "id_0", [(info, np.zeros((4, 4), np.uint16), None) for info in bands])
    write_task(directory, bands)
    write_statistics(directory, bands, **statistics)
    return read_dataset(root, name)


def choose(found, sources, pretraining, policy=NormalisationPolicy.PRETRAINING, dtype=UINT16):
    return choose_normalisation(policy, found, sources, dtype, "mine", InputSpec(bands=None, pretraining=pretraining))


@pytest.mark.parametrize(
    ("bands", "dtype", "kind"),
    [
        ([BLUE, RED, CIRRUS], UINT16, PixelKind.SENTINEL2_L1C),
        ([BLUE, RED, COASTAL, VAPOUR], UINT16, PixelKind.SENTINEL2_L2A),
        ([BLUE, RED, COASTAL, VAPOUR, CIRRUS], np.dtype(np.float32), PixelKind.SENTINEL2_L1C),
        ([PHOTO_RED, PHOTO_GREEN], np.dtype(np.uint8), PixelKind.PHOTOGRAPH),
    ],
)
def test_what_pixels_are_follows_from_bands_and_type(tmp_path, bands, dtype, kind):
    assert find_pixel_kind(dataset(tmp_path, bands), [bands[0].name, None], dtype) is kind


@pytest.mark.parametrize(
    ("bands", "dtype", "told"),
    [
        ([BLUE, RED], UINT16, "nothing tells which statistics"),
        ([BLUE, COASTAL], UINT16, "nothing tells which statistics"),
        ([VV, CIRRUS], UINT16, "stores Sentinel1"),
        ([PHOTO_RED], np.dtype(np.float32), "SpectralBand as float32"),
    ],
)
def test_what_cannot_be_told_is_not_guessed(tmp_path, bands, dtype, told):
    with pytest.raises(UnknownPixelsError, match=told):
        find_pixel_kind(dataset(tmp_path, bands), [bands[0].name], dtype)


@pytest.mark.parametrize(
    ("bands", "unit", "kind"),
    [
        ([BLUE, CIRRUS], Unit.DN_10000, PixelKind.SENTINEL2_L1C),
        ([BLUE, CIRRUS], Unit.UINT8, None),
        ([PHOTO_RED, PHOTO_GREEN], Unit.UINT8, PixelKind.PHOTOGRAPH),
        ([PHOTO_RED, PHOTO_GREEN], Unit.REFLECTANCE, None),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_declared_unit_decides_and_not_the_type(tmp_path, bands, unit, kind, dtype):
    """Quick looks of Sentinel-2 are no reflectance; 8-bit values in which some are no data are floating point."""
    found = dataset(tmp_path, bands)
    found = dataclasses.replace(found, bands=tuple(dataclasses.replace(band, unit=unit) for band in found.bands))
    if kind is not None:
        assert find_pixel_kind(found, [bands[0].name], np.dtype(dtype)) is kind
        return
    with pytest.raises(UnknownPixelsError, match=f"in {unit}"):
        find_pixel_kind(found, [bands[0].name], np.dtype(dtype))


def test_only_the_bands_that_feed_decide(tmp_path):
    found = dataset(tmp_path, [BLUE, CIRRUS, VV])
    assert find_pixel_kind(found, ["02 - Blue"], UINT16) is PixelKind.SENTINEL2_L1C
    with pytest.raises(UnknownPixelsError, match="Sentinel1 and Sentinel2"):
        find_pixel_kind(found, ["02 - Blue", "VV"], UINT16)


def test_each_band_gets_the_statistics_of_its_level_by_name(tmp_path):
    sources = ["04 - Red", None, "02 - Blue"]
    mean, std, _ = choose(dataset(tmp_path / "c", [BLUE, RED, CIRRUS]), sources, S2)
    assert mean.tolist() == [1850.0, 0.0, 1900.0]
    assert std.tolist() == [1800.0, 1.0, 1600.0]
    mean, *_ = choose(dataset(tmp_path / "a", [BLUE, RED, COASTAL, VAPOUR]), sources, S2)
    assert mean.tolist() == [1700.0, 0.0, 1400.0]


def test_statistics_come_in_the_unit_of_the_stored_pixels(tmp_path):
    """m-so2sat stores reflectance; it is given a cirrus band here, as nothing else tells its level."""
    mean, std, _ = choose(dataset(tmp_path, [BLUE, CIRRUS], name="m-so2sat"), ["02 - Blue"], S2)
    np.testing.assert_allclose([mean[0], std[0]], [0.19, 0.16])


def test_photographs_get_imagenets_statistics(tmp_path):
    found = dataset(tmp_path, [PHOTO_GREEN, PHOTO_RED])
    mean, *_ = choose(found, ["Red", "Green"], {PixelKind.PHOTOGRAPH: IMAGENET_8_BIT}, dtype=np.dtype(np.uint8))
    np.testing.assert_allclose(mean, [123.675, 116.28], rtol=1e-6)


@pytest.mark.parametrize(
    ("bands", "sources", "pretraining", "told"),
    [
        ([BLUE, CIRRUS], ["02 - Blue"], {}, "mine was not pretrained, or its weights come without the statistics"),
        (
            [BLUE, CIRRUS],
            ["02 - Blue"],
            {PixelKind.PHOTOGRAPH: IMAGENET_8_BIT},
            "statistics of 8-bit colour, toy stores",
        ),
        ([BLUE, RED], ["02 - Blue"], S2, "mine has statistics of Sentinel-2 L1C .* or Sentinel-2 L2A .*nothing tells"),
        ([CIRRUS], ["10 - SWIR - Cirrus"], S2, "no statistics of toy's band 10 - SWIR - Cirrus, only of B2 B4"),
        ([BLUE, CIRRUS], [None, None], S2, "no band that feeds it"),
    ],
)
def test_statistics_that_do_not_fit_are_a_reason_to_skip(tmp_path, bands, sources, pretraining, told):
    with pytest.raises(UnfitStatisticsError, match=told):
        choose(dataset(tmp_path, bands), sources, pretraining)


def test_the_other_policies_take_the_dataset_or_nothing(tmp_path):
    found = dataset(tmp_path, [BLUE, RED], mean=7.0, std=3.0)
    sources = ["02 - Blue", None]
    assert [v.tolist() for v in choose(found, sources, S2, NormalisationPolicy.DATASET)[:2]] == [[7.0, 0.0], [3.0, 1.0]]
    assert [v.tolist() for v in choose(found, sources, S2, NormalisationPolicy.NONE)[:2]] == [[0.0, 0.0], [1.0, 1.0]]


def test_statistics_of_the_dataset_matter_only_if_they_are_used(tmp_path):
    found = dataset(tmp_path, [BLUE, CIRRUS], std=0.0)
    with pytest.raises(UserError, match="which cannot normalise"):
        check_statistics(NormalisationPolicy.DATASET, found, ["02 - Blue"], "mine", TRAINED_ON_S2)
    check_statistics(NormalisationPolicy.NONE, found, ["02 - Blue"], "mine", TRAINED_ON_S2)
    check_statistics(NormalisationPolicy.PRETRAINING, found, ["02 - Blue"], "mine", TRAINED_ON_S2)


def test_the_numbers_that_are_used_are_what_identifies_a_run(tmp_path):
    found = dataset(tmp_path, [BLUE, CIRRUS], mean=1300.0, std=2.5)
    sources = ["02 - Blue"]
    told = {p: identifying_statistics(choose(found, sources, S2, p)) for p in NormalisationPolicy}
    assert told == {
        NormalisationPolicy.PRETRAINING: {"mean": [1900.0], "std": [1600.0]},
        NormalisationPolicy.DATASET: {"mean": [1300.0], "std": [2.5]},
        NormalisationPolicy.NONE: {"mean": [0.0], "std": [1.0]},
    }


def test_asking_for_the_size_images_have_is_asking_for_nothing(tmp_path):
    assert effective_size(None, (64, 64)) is None
    assert effective_size(64, (64, 64)) is None
    assert effective_size(64, (64, 48)) == 64
    assert (fed_size(None, (64, 48)), fed_size(96, (64, 48))) == ((64, 48), (96, 96))
    write_dataset(tmp_path)
    chosen = choose(read_dataset(tmp_path), ["02 - Blue"], {}, NormalisationPolicy.NONE)
    assert build_preparation(chosen, None).size_px is None
    assert build_preparation(chosen, 96).size_px == (96, 96)


# --- several sensors at once ---

LIGHT = {PixelKind.SENTINEL2_L1C: {"B4": Moments(1850.0, 1800.0)}}
RADAR = {PixelKind.SENTINEL1: {"asc VV": Moments(-12.0, 4.0), "asc VH": Moments(-19.0, 5.0)}}
PAIRS = {PixelKind.COHERENCE: {"12 days": Moments(0.4, 0.2)}}
CLIP = InputSpec(
    bands=None,
    pretraining={**LIGHT, **RADAR, **PAIRS},
    names_channels=partial(
        name_channels, {"sentinel2": ("B4",), "sentinel1": ("asc VV", "asc VH"), "coherence": ("12 days",)}
    ),
)


def several_sensors(root, **units):
    """Two bands of light (reflectance), one of radar and one of coherence; or in other units, by the band's name."""
    coherence = "coherence 12 days"
    said = {"04 - Red": Unit.REFLECTANCE, "VV": Unit.DECIBEL, coherence: Unit.COHERENCE, **units}
    found = dataset(root, [RED, CIRRUS, VV, band(coherence, kind="SpectralBand")])
    kinds = {coherence: "Sentinel1Coherence"}
    bands = (
        dataclasses.replace(band, unit=said.get(band.name), kind=kinds.get(band.name, band.kind))
        for band in found.bands
    )
    return dataclasses.replace(found, bands=tuple(bands))


def test_each_sensor_gets_the_statistics_of_its_own_pixels_by_what_the_backbone_calls_its_bands(tmp_path):
    sources = ["coherence 12 days", "04 - Red", None, "VV"]
    mean, std, curves = choose_normalisation(
        NormalisationPolicy.PRETRAINING, several_sensors(tmp_path), sources, np.dtype(np.float32), "clip", CLIP
    )
    np.testing.assert_allclose(mean, [0.4, 0.185, 0.0, -12.0], rtol=1e-6)  # 1850 of 10,000
    np.testing.assert_allclose(std, [0.2, 0.18, 1.0, 4.0], rtol=1e-6)
    assert curves == ()


@pytest.mark.parametrize(
    ("units", "pretraining", "told"),
    [
        ({"VV": None}, CLIP.pretraining, "clip has statistics of .*toy stores Sentinel1 as float32$"),
        ({"VV": Unit.LINEAR_POWER}, CLIP.pretraining, "toy stores Sentinel1 as float32, in linear power"),
        ({}, {**LIGHT, **RADAR}, "or Sentinel-1 in dB, toy stores interferometric coherence"),
        ({}, {**LIGHT, **PAIRS, PixelKind.SENTINEL1: {"asc VH": Moments(-19.0, 5.0)}}, "band VV, only of asc VH"),
    ],
)
def test_one_sensor_without_fitting_statistics_is_a_reason_to_skip(tmp_path, units, pretraining, told):
    found, inputs = several_sensors(tmp_path, **units), dataclasses.replace(CLIP, pretraining=pretraining)
    sources = [band.channel for band in found.bands if band.name != CIRRUS.name]
    with pytest.raises(UnfitStatisticsError, match=told):
        choose_normalisation(NormalisationPolicy.PRETRAINING, found, sources, np.dtype(np.float32), "clip", inputs)

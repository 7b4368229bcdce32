"""Published files that name their bands wrongly: what each channel really is, and that no other file is touched."""

from dataclasses import replace

import numpy as np
import pytest

from baselines.inputs import PixelKind
from errata_files import DESCRIBED, PUBLISHED, TRUE, write_thirteen_bands
from geobench_files import read_dataset
from harness.data.arrays import is_converted, open_arrays
from harness.data.band_matching import MissingBands, canonical_name, plan_bands
from harness.data.dataset import normalisation
from harness.data.description import PICTURE
from harness.data.pixel_kinds import UnknownPixelsError, find_pixel_kind
from harness.data.sources import open_dataset
from harness.data.sources.geobench.errata import ERRATA
from harness.data.suites import discover
from harness.errors import UserError
from harness.extraction.batches import stored_channels
from harness.records.progress import Silent
from harness.records.run import BandNames
from mp_mae.config import MMEARTH_S2_BANDS

UINT16 = np.dtype(np.uint16)


def names(dataset):
    return [canonical_name(band) or band.name for band in dataset.bands]


def as_stored(root):
    (ref,) = discover(root)
    return open_dataset(replace(ref, band_names=BandNames.STORED))


@pytest.mark.parametrize("name", TRUE)
def test_every_channel_is_what_it_truly_is(tmp_path, name):
    write_thirteen_bands(tmp_path, name)
    dataset = read_dataset(tmp_path, name)
    assert names(dataset) == TRUE[name]
    assert [band.channel for band in dataset.bands] == [DESCRIBED[b][0] for b in PUBLISHED], "found where it is stored"
    assert dataset.band_names is BandNames.CORRECTED
    wavelengths = {canonical_name(b): b.wavelength_um for b in dataset.bands if b.kind == "Sentinel2"}
    assert wavelengths == {b: DESCRIBED[b][2] for b in TRUE[name] if b in DESCRIBED}


@pytest.mark.parametrize("name", TRUE)
def test_pixels_and_statistics_follow_the_channel_not_the_name(tmp_path, name):
    write_thirteen_bands(tmp_path, name)
    dataset = read_dataset(tmp_path, name)
    arrays = open_arrays(dataset, tmp_path / "cache", Silent())
    wanted = [b for b in PUBLISHED if b in TRUE[name]]
    plan = plan_bands(wanted, dataset.bands, MissingBands.ERROR, "toy")
    channels = stored_channels(arrays, plan.sources)
    assert channels == tuple(TRUE[name].index(b) for b in wanted)
    fed = arrays.read(np.array([1]), channels)[0, :, 0, 0]  # the middle one of three values
    np.testing.assert_array_equal(fed, normalisation(dataset, plan.sources).mean)


@pytest.mark.parametrize("name", TRUE)
def test_stored_names_are_there_for_who_asks(tmp_path, name):
    write_thirteen_bands(tmp_path, name)
    dataset = as_stored(tmp_path)
    assert names(dataset) == PUBLISHED
    assert (dataset.band_names, dataset.erratum) == (BandNames.STORED, ERRATA[name])


def test_both_ways_share_the_arrays(tmp_path):
    write_thirteen_bands(tmp_path, "m-eurosat")
    open_arrays(read_dataset(tmp_path, "m-eurosat"), tmp_path / "cache", Silent())
    assert is_converted(as_stored(tmp_path), tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("m-eurosat", TRUE["m-eurosat"]),  # repaired: the files say what is true
        ("m-eurosat", [b for b in PUBLISHED if b != "B10"]),
        ("m-eurosat", PUBLISHED[::-1]),
        ("m-brick-kiln", [b for b in TRUE["m-brick-kiln"] if b in DESCRIBED]),
        ("eurosat", PUBLISHED),
        ("m-so2sat", PUBLISHED),
    ],
)
def test_files_that_are_not_the_published_ones_are_left_alone(tmp_path, name, order):
    write_thirteen_bands(tmp_path, name, order)
    dataset = read_dataset(tmp_path, name)
    assert names(dataset) == order
    assert (dataset.band_names, dataset.erratum) == (BandNames.STORED, None)


# Pictures are no reflectance


@pytest.fixture
def kilns(tmp_path):
    write_thirteen_bands(tmp_path, "m-brick-kiln")
    return read_dataset(tmp_path, "m-brick-kiln")


def test_the_error_lists_the_bands_that_brick_kilns_lack(kilns):
    with pytest.raises(UserError) as caught:
        plan_bands(MMEARTH_S2_BANDS, kilns.bands, MissingBands.ERROR, "m-brick-kiln, mp_mae")
    assert str(caught.value) == (
        "m-brick-kiln, mp_mae wants bands B6 B9; this dataset stores B1 B2 B3 B4 B5 B7 B8A B8 B11 B12 "
        '"TCI_R" "TCI_G" "TCI_B"; pass --missing-bands nearest (closest wavelength: B6 from B5, B9 from B8A) or zero'
    )


@pytest.mark.parametrize("policy", [MissingBands.NEAREST, MissingBands.ZERO])
def test_pictures_never_stand_in_for_a_band(kilns, policy):
    wanted = [*PUBLISHED, "red", "green", "blue", "NIR"]
    plan = plan_bands(wanted, kilns.bands, policy, "toy")
    pictures = {band.channel for band in kilns.bands if band.kind == PICTURE}
    assert len(pictures) == 3
    assert pictures.isdisjoint(plan.sources)
    assert dict(zip(wanted, plan.sources, strict=True))["red"] == "04 - Red"
    assert set(plan.filled) == {"B6", "B9", "B10"}


def test_a_picture_is_found_by_its_own_name_alone(kilns):
    assert plan_bands(["TCI_R"], kilns.bands, MissingBands.ERROR, "toy").sources == ("10 - SWIR - Cirrus",)


def test_every_band_by_name_is_every_channel_under_its_true_name(kilns):
    wanted = tuple(band.name for band in kilns.bands)
    plan = plan_bands(wanted, kilns.bands, MissingBands.ERROR, "toy")
    assert wanted[-3:] == ("TCI_R", "TCI_G", "TCI_B")
    assert plan.sources == tuple(DESCRIBED[b][0] for b in PUBLISHED)


def test_a_picture_does_not_tell_the_processing_level(tmp_path, kilns):
    """By their stored names brick kilns seem to have B10, and passed for L1C."""
    with pytest.raises(UnknownPixelsError, match="stores neither B10"):
        find_pixel_kind(kilns, ("02 - Blue", "04 - Red"), UINT16)
    with pytest.raises(UnknownPixelsError, match="TrueColourPicture"):
        find_pixel_kind(kilns, ("02 - Blue", "12 - SWIR"), UINT16)
    write_thirteen_bands(tmp_path / "other", "m-eurosat")
    assert find_pixel_kind(read_dataset(tmp_path / "other", "m-eurosat"), ("12 - SWIR",), UINT16) is (
        PixelKind.SENTINEL2_L1C
    )

"""Units between a dataset and a backbone: converted, or refused in one line; and values that a unit cannot have."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from baselines.bands import BandInfo, Unit
from baselines.contract import InputSpec
from baselines.facts import UNKNOWN, Fact
from baselines.inputs import Moments
from baselines.units import Curve
from geobench_files import BLUE, RED, read_dataset, write_dataset
from harness.errors import DoesNotApplyError, UserError
from harness.extraction.batches import read_circumstances
from harness.extraction.known_bands import check_circumstances, check_values, describe_bands, identifying_facts
from harness.extraction.normalisation import (
    UnfitStatisticsError,
    check_statistics,
    choose_normalisation,
    choose_size,
    default_policy,
    identifying_statistics,
)
from harness.records.run import NormalisationPolicy

DATASET, PRETRAINING, NONE = NormalisationPolicy.DATASET, NormalisationPolicy.PRETRAINING, NormalisationPolicy.NONE
SOURCES = [RED.name, None, BLUE.name]
REFLECTANCE = InputSpec(
    bands=("B4", "B8", "B2"), unit=Unit.REFLECTANCE, moments={"B2": Moments(0.1, 0.05), "B4": Moments(0.2, 0.08)}
)
RAW_DN = InputSpec(bands=("B4", "B8", "B2"), unit=Unit.DN_10000)
RAW = InputSpec(bands=None, standardised=False)
SCALE = {"B4": Moments(0.0, 8160.0)}
RADAR_BESIDE_LIGHT = InputSpec(
    bands=("B4", "B2"),
    unit=Unit.DN_10000,
    units={"B2": Unit.DECIBEL},
    moments={"B4": Moments(1000.0, 500.0), "B2": Moments(-12.0, 5.0)},
)
DECIBELS = InputSpec(bands=("B4",), unit=Unit.DECIBEL, moments={"B4": Moments(-12.0, 5.0)})


@pytest.fixture
def stored_in(tmp_path):
    """The toy dataset of blue and red, whose source says that its values are in a unit."""
    write_dataset(tmp_path)
    found = read_dataset(tmp_path)

    def declare(unit):
        return dataclasses.replace(found, bands=tuple(dataclasses.replace(band, unit=unit) for band in found.bands))

    return declare


def choose(dataset, inputs, policy=PRETRAINING, sources=SOURCES):
    check_statistics(policy, dataset, sources, "mine", inputs)
    return choose_normalisation(policy, dataset, sources, np.dtype(np.uint16), "mine", inputs)


def test_moments_of_reflectance_fit_digital_numbers(stored_in):
    chosen = choose(stored_in(Unit.DN_10000), REFLECTANCE)
    np.testing.assert_allclose(chosen.mean, [2000.0, 0.0, 1000.0], rtol=1e-6)
    np.testing.assert_allclose(chosen.std, [800.0, 1.0, 500.0], rtol=1e-6)
    assert chosen.curves == ()
    assert set(identifying_statistics(chosen)) == {"mean", "std"}


def test_values_that_are_in_the_unit_already_are_left_alone(stored_in):
    np.testing.assert_allclose(choose(stored_in(Unit.REFLECTANCE), REFLECTANCE).mean, [0.2, 0.0, 0.1])


def test_a_network_that_standardises_by_itself_gets_its_unit(stored_in):
    chosen = choose(stored_in(Unit.REFLECTANCE), RAW_DN)
    np.testing.assert_allclose(chosen.std, [1e-4, 1.0, 1e-4])
    assert not chosen.mean.any()
    with pytest.raises(UnfitStatisticsError, match=r"mine standardises by itself .* Pass --normalisation pretraining"):
        choose(stored_in(Unit.REFLECTANCE), RAW_DN, DATASET)


def test_without_normalisation_values_are_in_the_unit_that_was_declared(stored_in):
    np.testing.assert_allclose(choose(stored_in(Unit.DN_10000), REFLECTANCE, NONE).std, [1e4, 1.0, 1e4])
    np.testing.assert_allclose(choose(stored_in(Unit.DN_10000), InputSpec(bands=None), NONE).std, np.ones(3))


def test_power_is_turned_into_decibels_and_the_identity_says_so(stored_in):
    chosen = choose(stored_in(Unit.LINEAR_POWER), DECIBELS, sources=[RED.name])
    assert (chosen.mean.item(), chosen.std.item(), chosen.curves) == (-12.0, 5.0, (Curve.TO_DECIBEL,))
    assert identifying_statistics(chosen) == {"mean": [-12.0], "std": [5.0], "curves": ["10 log10 x"]}


def test_bands_of_different_units_are_each_converted_to_their_own(stored_in):
    """Reflectance becomes digital numbers and power decibels: (1000 / 10,000, 500 / 10,000) and (-12, 5)."""
    toy = stored_in(Unit.REFLECTANCE)
    radar = dataclasses.replace(toy.bands[0], unit=Unit.LINEAR_POWER)
    mixed = dataclasses.replace(toy, bands=(radar, toy.bands[1]))
    chosen = choose(mixed, RADAR_BESIDE_LIGHT, sources=[RED.name, BLUE.name])
    np.testing.assert_allclose(chosen.mean, [0.1, -12.0])
    np.testing.assert_allclose(chosen.std, [0.05, 5.0])
    assert chosen.curves == (None, Curve.TO_DECIBEL)
    with pytest.raises(UnfitStatisticsError, match=r"mine wants dB, the statistics of .* 02 - Blue are of linear"):
        choose(mixed, RADAR_BESIDE_LIGHT, DATASET, sources=[RED.name, BLUE.name])
    with pytest.raises(UnfitStatisticsError, match="mine wants dB, toy stores 02 - Blue as reflectance, and nothing"):
        choose(toy, RADAR_BESIDE_LIGHT, sources=[RED.name, BLUE.name])


@pytest.mark.parametrize("unit", [None, Unit.DECIBEL, Unit.DN_10000])
def test_values_that_are_wanted_as_stored_are_left_alone_whatever_they_mean(stored_in, unit):
    chosen = choose(stored_in(unit), RAW, NONE)
    assert (chosen.mean.tolist(), chosen.std.tolist(), chosen.curves) == ([0.0] * 3, [1.0] * 3, ())
    with pytest.raises(UnfitStatisticsError, match=r"wants values as they are stored. Pass --normalisation none"):
        choose(stored_in(unit), RAW, DATASET)
    with pytest.raises(UnfitStatisticsError, match="mine was not pretrained"):
        choose(stored_in(unit), RAW, PRETRAINING)


def test_a_scale_of_its_own_is_the_only_one_it_takes(stored_in):
    """Reflectance 0.816 is the digital number 8160, which is 1 where these are divided by 8160."""
    inputs = InputSpec(
        bands=("B4",), unit=Unit.DN_10000, moments={"B4": Moments(0.0, 8160.0)}, standardised=False, limits=(0.0, 1.0)
    )
    chosen = choose(stored_in(Unit.REFLECTANCE), inputs, default_policy(inputs), sources=[RED.name])
    np.testing.assert_allclose(chosen.std, [0.816])
    with pytest.raises(UnfitStatisticsError, match=r"mine scales by itself .* Pass --normalisation pretraining"):
        choose(stored_in(Unit.REFLECTANCE), inputs, DATASET, sources=[RED.name])


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"moments": SCALE, "standardised": False, "limits": (0.0, 1.0)}, "clips to 0..1 what was"),
        ({"moments": SCALE, "standardised": False}, "takes only what is"),
        ({"standardised": True, "limits": (-2.0, 2.0)}, "clips to -2..2 what was"),
    ],
)
def test_values_that_nothing_scaled_are_not_cut_at_limits_of_scaled_ones(stored_in, declared, told):
    """Digital numbers of hundreds, cut at 2, would all be 2."""
    inputs = InputSpec(bands=("B4",), unit=Unit.DN_10000, **declared)
    found, sources = stored_in(Unit.DN_10000), [RED.name]
    message = f"none: mine {told} scaled. Pass --normalisation {default_policy(inputs)}"
    with pytest.raises(UnfitStatisticsError, match=message):
        choose(found, inputs, NONE, sources=sources)
    with pytest.raises(UnfitStatisticsError, match=message):
        check_statistics(NONE, found, sources, "mine", inputs)
    as_declared = InputSpec(bands=("B4",), unit=Unit.DN_10000, limits=(0.0, 1.0))
    assert choose(found, as_declared, NONE, sources=sources).std == [1.0]


@pytest.mark.parametrize(
    ("inputs", "policy"),
    [
        (InputSpec(bands=None), DATASET),
        (REFLECTANCE, DATASET),
        (dataclasses.replace(REFLECTANCE, as_trained=True), PRETRAINING),
        (RAW_DN, PRETRAINING),
        (RAW, NONE),
        (InputSpec(bands=("B4",), unit=Unit.DECIBEL, standardised=True), DATASET),
    ],
)
def test_what_a_backbone_is_fed_where_nobody_says_follows_from_what_it_declares(inputs, policy):
    assert default_policy(inputs) is policy


def test_a_unit_beside_the_datasets_own_statistics_is_only_checked(stored_in):
    inputs = InputSpec(bands=("B4",), unit=Unit.DECIBEL, standardised=True)
    assert choose(stored_in(Unit.DECIBEL), inputs, DATASET, sources=[RED.name]).curves == ()
    with pytest.raises(UnfitStatisticsError, match=r"mine wants dB, the statistics .* power. Choose another backbone$"):
        choose(stored_in(Unit.LINEAR_POWER), inputs, DATASET, sources=[RED.name])
    with pytest.raises(UnfitStatisticsError, match="its weights come without the statistics"):
        choose(stored_in(Unit.DECIBEL), inputs, PRETRAINING, sources=[RED.name])


def test_statistics_that_are_still_to_be_computed_need_no_unit_either(stored_in, monkeypatch):
    found = stored_in(None)
    monkeypatch.setattr(type(found), "read_statistics", lambda self: None)
    assert found.statistics is None
    check_statistics(DATASET, found, SOURCES, "mine", REFLECTANCE)
    with pytest.raises(UnfitStatisticsError, match="standardises by itself"):
        check_statistics(DATASET, found, SOURCES, "mine", RAW_DN)


def test_what_cannot_be_converted_is_refused_in_one_line(stored_in):
    with pytest.raises(
        UnfitStatisticsError, match="mine wants reflectance, toy stores 04 - Red as dB, and nothing"
    ) as e:
        choose(stored_in(Unit.DECIBEL), REFLECTANCE)
    assert "\n" not in str(e.value)


def test_a_unit_that_nobody_declared_is_not_guessed(stored_in):
    with pytest.raises(UnfitStatisticsError, match=r"nothing says in which unit toy stores 04 - Red. Declare the unit"):
        choose(stored_in(None), REFLECTANCE)


def test_the_datasets_own_statistics_need_no_unit_but_are_not_taken_for_those_of_another_quantity(stored_in):
    for unit in (None, Unit.DN_10000, Unit.UINT8):
        choose(stored_in(unit), REFLECTANCE, DATASET)
    for unit, inputs in ((Unit.DECIBEL, REFLECTANCE), (Unit.LINEAR_POWER, DECIBELS)):
        with pytest.raises(UnfitStatisticsError, match=f"wants {inputs.unit}, the statistics of toy's band .* {unit}"):
            choose(stored_in(unit), inputs, DATASET)


@pytest.mark.parametrize(
    ("unit", "value"),
    [(Unit.REFLECTANCE, 5000.0), (Unit.DECIBEL, 1e6), (Unit.UINT8, 256.0), (Unit.DN_10000, -9999.0)],
)
@pytest.mark.parametrize("no_data", [np.nan, np.inf, -np.inf])
def test_values_that_a_unit_cannot_have_are_refused(unit, value, no_data):
    pixels = np.full((2, 2, 3, 3), 0.3, np.float32)
    pixels[1, 0, 2, 2], pixels[0, 0, 0, :2] = value, (np.nan, no_data)
    known = (BandInfo(name="x", unit=unit), BandInfo(name="y"))
    with pytest.raises(UserError, match=rf"band x is declared as {unit} and has the value .*Correct the unit"):
        check_values(pixels, known)
    assert check_values(pixels[:1], known) is not None
    check_values(pixels, (BandInfo(name="x"), BandInfo(name="y")))


def test_what_is_known_of_bands_is_of_those_that_feed(tmp_path):
    write_dataset(tmp_path)
    known = describe_bands(read_dataset(tmp_path), ["B4", "B8", "B3"], SOURCES)
    assert [info.name for info in known] == ["B4", "B8", "B2"], "of zeros the name that was asked for"
    assert (known[0].sensor, known[0].wavelength_um) == ("Sentinel-2", RED.wavelength)
    assert known[1] == BandInfo(name="B8")


def test_facts_that_are_told_are_part_of_the_identity_and_never_made_up():
    known = (BandInfo(name="B4", wavelength_um=0.665), BandInfo(name="VV"))
    assert identifying_facts(frozenset(), known, "toy", "mine") == {}
    told = identifying_facts({Fact.WAVELENGTH}, known[:1], "toy", "mine")
    assert told == {"wavelength_um": [0.665], "name": ["B4"]}
    with pytest.raises(DoesNotApplyError, match="mine uses wavelength_um, which toy does not say of VV"):
        identifying_facts({Fact.WAVELENGTH}, known, "toy", "mine")


def test_when_and_where_images_were_taken_is_told_row_by_row_or_refused():
    arrays = SimpleNamespace(days=np.array([1.0, np.nan, 3.0]), places=None)
    check_circumstances({Fact.DAY, Fact.WAVELENGTH}, arrays, "toy", "mine")
    told = read_circumstances(arrays, slice(1, 3), {Fact.DAY}, torch.device("cpu"))
    assert told.place is None
    np.testing.assert_array_equal(told.day, [np.nan, 3.0])
    assert read_circumstances(None, slice(1, 3), {Fact.GSD}, torch.device("cpu")) == UNKNOWN
    with pytest.raises(DoesNotApplyError, match="mine uses the place of images, which toy does not say"):
        check_circumstances({Fact.PLACE}, arrays, "toy", "mine")


def test_the_native_size_is_the_backbones():
    free, fixed = (InputSpec(bands=None, native_size_px=224, fixed_size=fixed) for fixed in (False, True))
    assert choose_size("native", (64, 64), "mine", free) == 224
    assert choose_size("native", (224, 224), "mine", fixed) is None
    assert choose_size(None, (64, 64), "mine", free) is None
    with pytest.raises(DoesNotApplyError, match=r"224 pixels a side alone. Pass --input-size native"):
        choose_size(None, (64, 64), "mine", fixed)
    with pytest.raises(DoesNotApplyError, match="mine does not say at what size it was trained"):
        choose_size("native", (64, 64), "mine", InputSpec(bands=None))

"""Units of pixels and facts about them: what is known of a channel, how it is converted, who is told."""

import pickle

import pytest
import torch

from baselines.bands import BandInfo, Unit
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.facts import NOTHING, Circumstances, Fact
from baselines.inputs import Moments, Preparation, convert, prepare
from baselines.units import LIMITS, Conversion, Curve, find_conversion, standardised_alike

RED = BandInfo(name="B4", wavelength_um=0.665, unit=Unit.DN_10000, sensor="Sentinel-2", gsd_m=10.0)
NIR = BandInfo(name="B8", wavelength_um=0.842, unit=Unit.DN_10000, sensor="Sentinel-2", gsd_m=10.0)


def test_what_is_known_of_a_band_is_a_plain_value():
    """Jobs and caches hold it: equal if it says the same, and at home in another process."""
    assert pickle.loads(pickle.dumps(RED)) == RED
    assert BandInfo(name="VV").unit is None
    assert Unit("dB") is Unit.DECIBEL


def test_reflectance_and_digital_numbers_differ_by_ten_thousand():
    assert find_conversion(Unit.DN_10000, Unit.REFLECTANCE) == Conversion(factor=1e-4)
    assert find_conversion(Unit.REFLECTANCE, Unit.DN_10000) == Conversion(factor=1e4)
    assert find_conversion(Unit.UINT8, Unit.UINT8) == Conversion()


def test_power_becomes_decibels_and_back():
    power = torch.tensor([[[[1.0, 100.0, 0.001, 0.0]]]])
    to_db = find_conversion(Unit.LINEAR_POWER, Unit.DECIBEL)
    to_power = find_conversion(Unit.DECIBEL, Unit.LINEAR_POWER)
    decibels = convert(power, (to_db.curve,))
    torch.testing.assert_close(decibels[0, 0, 0, :3], torch.tensor([0.0, 20.0, -30.0]))
    assert torch.isinf(decibels[0, 0, 0, 3]), "no power has no decibels: no data"
    torch.testing.assert_close(convert(decibels, (to_power.curve,)), power)


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        (Unit.DECIBEL, Unit.REFLECTANCE),
        (Unit.UINT8, Unit.REFLECTANCE),
        (Unit.DN_10000, Unit.UINT8),
        (Unit.METRE, Unit.KELVIN),
    ],
)
def test_what_cannot_be_converted_is_not(stored, wanted):
    assert find_conversion(stored, wanted) is None


def test_standardising_makes_tones_and_reflectance_alike_but_not_decibels_and_power():
    assert standardised_alike(Unit.DN_10000, Unit.UINT8)
    assert not standardised_alike(Unit.LINEAR_POWER, Unit.DECIBEL)
    assert not standardised_alike(Unit.DECIBEL, Unit.DN_10000)


def test_every_unit_has_limits():
    assert set(LIMITS) == set(Unit)


def test_a_band_is_converted_before_it_is_standardised_and_others_stay_as_they_are():
    pixels = torch.tensor([100.0, 7.0, 0.0]).reshape(1, 3, 1, 1)
    asked = Preparation(
        mean=torch.tensor([10.0, 5.0, 0.0]),
        std=torch.tensor([5.0, 2.0, 1.0]),
        curves=(Curve.TO_DECIBEL, None, Curve.TO_DECIBEL),
    )
    assert prepare(pixels, asked).flatten().tolist() == [2.0, 1.0, 0.0], "(20 - 10) / 5, (7 - 5) / 2, no data"


class Listener(Backbone):
    """Keeps what it is told."""

    def embed(self, x, facts):
        self.told = facts
        return Features(vector=x.mean(dim=(2, 3)), maps=())


def listen(uses, bands=(), circumstances=None):
    backbone = Listener(
        inputs=InputSpec(bands=None, uses=frozenset(uses)),
        origin=Origin(weights_sha256="0" * 64, description="for tests"),
        pyramid=(),
    )
    asked = Preparation(torch.zeros(2), torch.ones(2), bands=bands)
    backbone(torch.zeros(3, 2, 4, 4), asked, *([circumstances] if circumstances else []))
    return backbone.told


def test_a_backbone_is_told_what_it_uses_and_nothing_else():
    told = listen({Fact.WAVELENGTH}, (RED, NIR), Circumstances(day=torch.zeros(3)))
    assert told.bands == (BandInfo(name="B4", wavelength_um=0.665), BandInfo(name="B8", wavelength_um=0.842))
    assert told.circumstances.day is None
    assert listen({}, (RED, NIR)) == NOTHING
    place = torch.tensor([[9.5, 47.1]] * 3)
    assert listen({Fact.PLACE}, (), Circumstances(place=place)).circumstances.place is place


def test_a_fact_that_is_not_known_is_never_made_up():
    with pytest.raises(ValueError, match="was not told: wavelength_um of VV"):
        listen({Fact.WAVELENGTH}, (RED, BandInfo(name="VV")))
    with pytest.raises(ValueError, match="was not told: day, wavelength_um"):
        listen({Fact.WAVELENGTH, Fact.DAY})


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"moments": {"B4": Moments(0.1, 0.1)}}, "Declare `unit`"),
        ({"units": {"B4": Unit.DECIBEL}}, "Declare `unit`, which the others have"),
        ({"unit": Unit.DN_10000, "units": {"VV": Unit.DECIBEL}}, "`units` of VV, which `bands` does not name"),
        ({"unit": Unit.UINT8, "as_trained": True}, "Declare `moments` or `pretraining`"),
        ({"limits": (1.0, 0.0)}, r"Declare \(least, greatest\)"),
        ({"fixed_size": True}, "Declare `native_size_px`"),
    ],
)
def test_an_input_that_contradicts_itself_cannot_be_declared(declared, told):
    with pytest.raises(ValueError, match=told):
        InputSpec(bands=("B4",), **declared)


def test_what_wants_raw_values_follows_from_the_declaration():
    wants = [
        InputSpec(bands=None, **declared).wants_raw_values
        for declared in (
            {"standardised": False},
            {"unit": Unit.DECIBEL},
            {"unit": Unit.DECIBEL, "standardised": True},
            {"unit": Unit.DECIBEL, "moments": {"VV": Moments(-12.0, 5.0)}},
            {"unit": Unit.UINT8, "moments": {"B4": Moments(0.0, 255.0)}, "standardised": False},
            {},
        )
    ]
    assert wants == [True, True, False, False, True, False]


def test_a_band_has_its_own_unit_or_that_of_all():
    inputs = InputSpec(bands=("B4", "VV"), unit=Unit.DN_10000, units={"VV": Unit.DECIBEL})
    assert [inputs.unit_of(0), inputs.unit_of(1)] == [Unit.DN_10000, Unit.DECIBEL]
    assert InputSpec(bands=None, unit=Unit.UINT8).unit_of(7) is Unit.UINT8


def test_values_are_clipped_once_they_are_standardised():
    """Sentinel-2's digital numbers as SatlasNet gets them: divided by 8160 and clipped to 0..1."""
    pixels = torch.tensor([-81.6, 4080.0, 16320.0]).reshape(1, 1, 1, 3)
    backbone = Listener(
        inputs=InputSpec(
            bands=("B5",), unit=Unit.DN_10000, moments={"B5": Moments(0.0, 8160.0)}, limits=(0.0, 1.0), size_multiple=2
        ),
        origin=Origin(weights_sha256="0" * 64, description="for tests"),
        pyramid=(),
    )
    entered = []
    backbone.entrance.register_forward_pre_hook(lambda module, arguments: entered.append(arguments[0]))
    backbone(pixels, Preparation(torch.zeros(1), torch.full((1,), 8160.0)))
    assert entered[0].tolist() == [[[[0.0, 0.5, 1.0, 1.0]] * 2]]

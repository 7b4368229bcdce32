"""What enters terratorch's models from bands of known values, and what they are told: no library is needed for that."""

import math
from types import SimpleNamespace

import pytest
import timm
import torch
from timm.models import group_parameters

from baselines.bands import RGB, Unit
from baselines.contract import InputSpec
from baselines.entry import Kind
from baselines.facts import UNKNOWN, Circumstances, Fact
from baselines.foundation.terratorch_models import find_entry, tell
from baselines.foundation.terratorch_models.families import LayeredBackbone, clay_datacube, prithvi_tokens
from baselines.foundation.terratorch_models.records import CLAY_GSD_M, ELSEWHERE, RECORDS
from baselines.registry import check_name, find_backbone
from baselines.timm_models.first_layer import learnt_from
from harness.extraction.normalisation import UnfitStatisticsError
from mp_mae.errors import UserError
from scene_of_numbers import LIGHT, PICTURE, RADAR, numbers_that_enter

PRITHVI_1 = [0.2535, 0.0937, 0.0508, -0.5095, -0.1579, 0.4234]  # B2 is (1100 - 775) / 1282, B8A (1800 - 2497) / 1368
PRITHVI_2 = [0.0058, -0.0652, -0.0611, -0.5049, 0.0338, 0.7026]
CLAY = [-0.0028, -0.0882, -0.1335, -0.2604, -0.5323, -0.607, -0.5987, -0.5977, -0.2639, 0.1922]
L2A = [-0.1853, -0.1884, -0.2541, -0.2595, -0.3832, -0.6773, -0.762, -0.7389, -0.7596, -0.7027, -0.2962, 0.1816]
L1C = [-0.8353, -0.619, -0.5256, -0.427, -0.4911, -0.7812, -0.8792, -0.7981, -0.8722, 0.4159, 3.2656, -0.3551, 0.225]
GRD, RTC = [0.5003, 0.8986], [0.2118, 0.5223]
ENTERING = {
    "HLS": PRITHVI_2,
    "S2L2A": L2A,
    "S2L1C": L1C,
    "RGB": [0.2166, 0.6099, 1.251],
    "S1GRD": GRD,
    "S1RTC": RTC,
    "S2L2A+S1GRD": L2A + GRD,
    "S2L2A+S1RTC": L2A + RTC,
    "S2L1C+S1GRD": L1C + GRD,
    "S2L1C+S1RTC": L1C + RTC,
}
"""Computed by hand from the published means and standard deviations, in the published order of channels."""
OF_ITS_OWN = {"prithvi_eo_v1_100": PRITHVI_1, "clay_v1_base": CLAY, "clay_v1_5": CLAY}
SCENE = (Unit.DN_10000, LIGHT), (Unit.DECIBEL, RADAR), (Unit.UINT8, PICTURE)


@pytest.mark.parametrize(
    ("name", "modality"), [(name, one) for name, record in RECORDS.items() for one in record.inputs]
)
def test_each_band_enters_its_channel_in_the_unit_and_by_the_statistics_of_the_training(name, modality):
    entering = numbers_that_enter(RECORDS[name].inputs[modality], *SCENE)
    assert entering == OF_ITS_OWN.get(name, ENTERING[modality])


def test_reflectance_of_0_to_1_is_converted_and_pictures_are_refused():
    inputs = RECORDS["prithvi_eo_v2_300"].inputs["HLS"]
    reflectance = {band: value / 10_000 for band, value in LIGHT.items()}
    assert numbers_that_enter(inputs, (Unit.REFLECTANCE, reflectance)) == PRITHVI_2
    with pytest.raises(UnfitStatisticsError, match="nothing converts one into the other"):
        numbers_that_enter(inputs, (Unit.UINT8, LIGHT))


def test_power_of_radar_becomes_decibels():
    inputs = RECORDS["terramind_v1_tiny"].inputs["S1GRD"]
    assert numbers_that_enter(inputs, (Unit.LINEAR_POWER, {"VH": 10**-1.5, "VV": 0.1})) == GRD


def test_an_entry_says_what_a_list_shows_of_it():
    entry = find_backbone("terratorch:terramind_v1_base?modality=S2L2A+S1GRD")
    assert entry.bands == "B1, B2, B3, B4, B5, B6, B7, B8, B8A, B9, B11, B12, VV, VH"
    assert entry.unit == "reflectance x 10,000 and dB"
    assert (entry.licence, entry.library, entry.size_px, entry.kind) == (
        "Apache-2.0",
        "terratorch",
        224,
        Kind.PRETRAINED,
    )
    assert entry.source == "https://huggingface.co/ibm-esa-geospatial/TerraMind-1.0-base"
    assert entry.settings == {"model": "terramind_v1_base", "modality": "S2L2A+S1GRD"}
    same = find_backbone("terratorch:terramind_v1_base?modality=S2L2A")
    assert same.settings == find_backbone("terratorch:terramind_v1_base").settings


def test_an_untrained_network_is_a_wish_and_never_a_fallback():
    entry = find_entry("prithvi_eo_v2_tiny_tl?random")
    assert (entry.kind, entry.seeded, entry.weights) == (Kind.UNTRAINED, True, "none")
    assert not find_entry("prithvi_eo_v2_tiny_tl").seeded


def test_day_and_place_are_told_by_wish_where_a_model_can_be_told():
    told = tell(RECORDS["clay_v1_base"].inputs["S2L2A"], metadata=True)
    assert told.uses == {Fact.DAY, Fact.PLACE}
    assert find_entry("prithvi_eo_v2_300_tl?metadata").settings["metadata"] is True
    with pytest.raises(UserError, match=r"found the wish 'metadata'; there is `terratorch:prithvi_eo_v2_300\?random`"):
        find_entry("prithvi_eo_v2_300?metadata")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("prithvi_eo_v2_30", "Did you mean prithvi_eo_v2_300"),
        ("terramind_v1_base?modality=S2", "S2L2A|S2L1C|RGB"),
        ("dinov3_vitl16", "Choose timm:vit_large_patch16_dinov3"),
        ("dofa_base_patch16_224", "Choose torchgeo:DOFABase16_Weights.DOFA_MAE"),
    ],
)
def test_a_name_that_is_none_is_answered_with_one_that_is(name, told):
    with pytest.raises(UserError) as refused:
        check_name(f"terratorch:{name}")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_terratorch_borrows_is_found_by_the_name_that_is_told():
    for name in ELSEWHERE.values():
        check_name(name)


def test_dinov3_of_satellites_is_fed_tones_by_its_own_statistics():
    satellite = InputSpec(
        bands=RGB, as_trained=True, **learnt_from(RGB, timm.get_pretrained_cfg("vit_large_patch16_dinov3.sat493m"))
    )
    # tones of 100, 110, 120 of 255; mean .430, .411, .296 and standard deviation .213, .156, .143
    assert numbers_that_enter(satellite, *SCENE) == [-0.1777, 0.1306, 1.2209]


class Overheard:
    """A network that keeps what it is called with."""

    def __init__(self):
        self.calls = []

    def forward_features(self, x, temporal_coords, location_coords):
        self.calls.append((len(x), temporal_coords, location_coords))
        return [x.flatten(2).transpose(1, 2)]


TAKEN = Circumstances(
    day=torch.tensor([18_000.0, math.nan], dtype=torch.float64),  # 14 April 2019, a Sunday: day 104, week 15
    place=torch.tensor([[9.0, 47.5], [-60.0, -30.0]], dtype=torch.float64),
)


def test_prithvi_is_told_year_day_latitude_longitude_and_nothing_that_is_not_known():
    x = torch.arange(2.0)[:, None, None, None].expand(2, 6, 4, 4)
    network = Overheard()
    tokens = prithvi_tokens(network, x, TAKEN)
    assert tokens[:, 0, 0].tolist() == [0.0, 1.0], "images come back in their order"
    (_, no_day, place), (_, day, both) = network.calls
    assert no_day is None
    assert place.tolist() == [[-30.0, -60.0]]
    assert day.tolist() == [[[2019.0, 104.0]]]
    assert both.tolist() == [[47.5, 9.0]]
    untold = Overheard()
    prithvi_tokens(untold, x, UNKNOWN)
    assert untold.calls == [(2, None, None)]


def test_clay_is_told_micrometres_ten_metres_week_and_place_or_zeros():
    told = clay_datacube(torch.zeros(2, 10, 8, 8), TAKEN, CLAY_GSD_M)
    assert CLAY_GSD_M == told["gsd"] == 10.0
    assert told["waves"].tolist() == pytest.approx([0.493, 0.56, 0.665, 0.704, 0.74, 0.783, 0.842, 0.865, 1.61, 2.19])
    week = 2 * math.pi * 15 / 52
    assert told["time"][0].tolist() == pytest.approx([math.sin(week), math.cos(week), 0.0, 0.0])
    latitude, longitude = math.radians(47.5), math.radians(9.0)
    assert told["latlon"][0].tolist() == pytest.approx(
        [math.sin(latitude), math.cos(latitude), math.sin(longitude), math.cos(longitude)]
    )
    assert not told["time"][1].any()
    assert not told["latlon"][1].any(), "of an image without a day the place is not told either"


@pytest.mark.parametrize(
    ("stem", "blocks", "norm"),
    [
        (("cls_token", "patch_embed.proj.weight", "temporal_embed_enc.scale"), "blocks", "norm"),
        (("encoder_embeddings.untok_sen2l2a@224.proj.weight",), "encoder", "encoder_norm"),
        (("cls_token", "patch_embedding.fclayer.l1.weight"), "transformer.layers", "transformer.norm"),
    ],
)
def test_fine_tuning_knows_the_layers_of_every_family(stem, blocks, norm):
    names = [*stem, f"{blocks}.0.x.weight", f"{blocks}.1.x.weight", f"{blocks}.10.x.weight", f"{norm}.weight"]
    network = SimpleNamespace(named_parameters=lambda: [(f"network.{name}", None) for name in names])
    layers = group_parameters(network, LayeredBackbone.group_matcher(None), reverse=True)
    assert [layers[f"network.{name}"] for name in names] == [0] * len(stem) + [1, 2, 3, 3]

"""What enters the network of each of torchgeo's records: numbers worked out by hand from what its authors feed it."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from baselines.bands import Unit
from baselines.facts import Fact
from baselines.foundation.torchgeo_models import RECORDS
from baselines.foundation.torchgeo_models.choice import choose
from baselines.inputs import Preparation, prepare
from baselines.registry import find_backbone
from harness.extraction.normalisation import UnfitStatisticsError, default_policy
from harness.records.run import NormalisationPolicy
from mp_mae.errors import NotHereError, UserError
from scene_of_numbers import LIGHT, PICTURE, RADAR, numbers_that_enter

S2, S1, PHOTO = (Unit.DN_10000, LIGHT), (Unit.DECIBEL, RADAR), (Unit.UINT8, PICTURE)
COLOURS = (Unit.DN_10000, {"green": 1200.0, "blue": 1100.0, "red": 1300.0})

# LIGHT in the order B1 to B8, B8A, B9 to B12, divided by 10,000.
REFLECTANCE = [0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19, 0.195, 0.2, 0.21]
# VV (-10 + 12.59) / 5.26, VH (-15 + 20.26) / 5.91.
STANDARD_RADAR = [0.4924, 0.89]
# (1000 - 1612.9) / 791, ..., (1950 - 22) / 47.5, (2000 - 2195.2) / 1340, (2100 - 1537.4) / 1142.9
SOFTCON = [
    -0.7748, -0.3484, -0.1392, -0.0638, -0.1428, -0.5226, -0.6197, -0.4952, -0.5803, 1.8395, 40.5895, -0.1457, 0.4923
]  # fmt: skip

# Colours / 255, then B5 to B8, B11 and B12 / 8160.
SATLAS_MS = [0.3922, 0.4314, 0.4706, 0.1716, 0.1838, 0.1961, 0.2083, 0.2451, 0.2574]
OTHERS = (Unit.DN_10000, {name: value for name, value in LIGHT.items() if name not in ("B2", "B3", "B4")})
TONES = [0.3922, 0.4314, 0.4706]
# In the order B1 to B8, B8A, B9, B11, B12: (1000 - 1353.7) / 897.3, ..., (2100 - 1118.2) / 736.7
COPERNICUS = [-0.3942, -0.0234, 0.231, 0.5702, 0.2537, -0.375, -0.4851, -0.389, -0.4569, 2.4582, 0.1475, 1.3327]
# In the order B2, B3, B4, B8, B5, B6, B7, B8A, B11, B12, B1, B9: (1100 - 1188.941) / 1859.192, ...
OLMO = [-0.0478, -0.1203, -0.1224, -0.6547, -0.2798, -0.6065, -0.6923, -0.6737, -0.3905, 0.1399, -0.0592, -0.5167]
OLMO_RADAR = [0.1521, 0.2687]  # VV (-10 + 11.649) / 10.8404, VH (-15 + 17.7454) / 10.2163
LANDSAT = {
    "tirs2": 9999.0, "coastal aerosol": 4000.0, "blue": 5632.0, "green": 7264.0, "red": 8896.0, "nir": 10528.0,
    "swir1": 12160.0, "swir2": 13792.0, "panchromatic": 15424.0, "cirrus": 3000.0, "tirs1": 30000.0,
}  # fmt: skip
# (x - 4000) / 16320, clipped to 0..1
SATLAS_LANDSAT = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.0, 1.0, 0.3676]

ENTERS = {
    "LANDSAT_": ([(Unit.LANDSAT_DN, LANDSAT)], SATLAS_LANDSAT),
    "_MS_SATLAS": ([PHOTO, OTHERS], SATLAS_MS),
    "_RGB_SATLAS": ([PHOTO], TONES),
    "NAIP_RGB_": ([PHOTO], TONES),
    "SENTINEL1_SI_": ([(Unit.UINT8, {"VV": 102.0, "VH": 51.0})], [0.2, 0.4]),
    "SENTINEL1_MI_": ([(Unit.UINT8, {"VV": 102.0, "VH": 51.0})], [0.2, 0.4]),
    "_ALL_SOFTCON": ([S2], SOFTCON),
    "SENTINEL2_ALL_": ([S2], REFLECTANCE),
    "SENTINEL2_RGB_MOCO": ([COLOURS], [0.13, 0.12, 0.11]),
    "SENTINEL1_GRD_": ([S1], STANDARD_RADAR),
    "CopernicusFM": ([S2], COPERNICUS),
    "OlmoEarthV1": ([S2], OLMO),
}
"""Part of the record's name, the first that fits -> what is stored, and what enters where nobody says how."""


def test_each_band_enters_its_channel_in_the_unit_of_the_training():
    for name, record in RECORDS.items():
        found = [expected for part, expected in ENTERS.items() if part in name]
        if not found:
            assert name in BY_THE_DATASET or name in STANDARDISED, f"{name}: nothing here says what enters"
            continue
        stored, enters = found[0]
        assert numbers_that_enter(next(iter(record.inputs.values())), *stored) == enters, name


BY_THE_DATASET = {
    # (100 / 255 - 0.485) / 0.229, (110 / 255 - 0.456) / 0.224, (120 / 255 - 0.406) / 0.225
    "ResNet50_Weights.FMOW_RGB_GASSL": [-0.4054, -0.1099, 0.2871],
    # (100 / 129 - 0.485) / 0.229, ((110 - 2) / 101 - 0.456) / 0.224, ((120 - 3) / 85 - 0.406) / 0.225: the authors'
    # own 0 to 129 is of B4, and 3 to 88 of B2, whatever torchgeo's transform does.
    "ResNet18_Weights.SENTINEL2_RGB_SECO": [1.2672, 2.738, 4.3132],
    "ResNet50_Weights.SENTINEL2_RGB_SECO": [1.2672, 2.738, 4.3132],
    "ScaleMAELarge16_Weights.FMOW_RGB": [-0.4054, -0.1099, 0.2871],
}
"""Models of colours, which a dataset's statistics standardise -> what enters of a picture, as they were trained."""


@pytest.mark.parametrize("name", BY_THE_DATASET)
def test_colours_enter_as_in_training_where_that_is_wished_for(name):
    (inputs,) = RECORDS[name].inputs.values()

    assert numbers_that_enter(replace(inputs, as_trained=True), PHOTO) == BY_THE_DATASET[name]
    assert not inputs.as_trained


def test_what_a_list_shows_is_the_records():
    entry = find_backbone("torchgeo:ResNet50_Weights.SENTINEL1_GRD_MOCO")
    assert (entry.bands, entry.unit, entry.size_px, entry.library) == ("VV, VH", "dB", 224, "torchgeo")
    assert (entry.licence, entry.parameters) == ("not stated", 23_504_896)
    assert entry.source == "https://huggingface.co/torchgeo/resnet50_sentinel1_all_moco"


@pytest.mark.parametrize("method", ["MOCO", "DECUR"])
def test_weights_that_torchgeo_has_under_two_names_are_one_network(method):
    by_sensor, by_product = (
        find_backbone(f"torchgeo:ResNet50_Weights.SENTINEL1_{bands}_{method}") for bands in ("ALL", "GRD")
    )
    assert by_sensor.settings == by_product.settings == {"model": f"ResNet50_Weights.SENTINEL1_GRD_{method}"}
    assert by_sensor.name == f"torchgeo:ResNet50_Weights.SENTINEL1_ALL_{method}"


def test_what_is_wished_for_is_part_of_the_identity_where_it_makes_another_network():
    plain, same, sar = (
        find_backbone(f"torchgeo:CROMABase_Weights.CROMA_VIT{wish}")
        for wish in ("", "?modality=optical", "?modality=sar")
    )
    assert plain.settings == same.settings == {"model": "CROMABase_Weights.CROMA_VIT"}
    assert sar.settings["modality"] == "sar"
    assert (sar.bands, sar.unit, sar.parameters) == ("VV, VH", "dB", None)
    stretched = find_backbone("torchgeo:Swin_V2_B_Weights.SENTINEL2_SI_RGB_SATLAS?stretch=3558")
    assert stretched.settings == {"model": "Swin_V2_B_Weights.SENTINEL2_SI_RGB_SATLAS"}
    assert stretched.requires["stretch"] == "3558"


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"Did you mean ResNet50_Weights\.SENTINEL2_ALL_MOCO") as said:
        find_backbone("torchgeo:ResNet50_Weights.SENTINEL2_ALL_MOC")
    assert "\n" not in str(said.value)


# Band by band 1 deviation above the mean but B8, 3 above it, and B12, 1 below.
PLACE = dict.fromkeys(LIGHT, 1.0) | {"B8": 3.0, "B12": -1.0}
STANDARDISED = {
    "DOFABase16_Weights.DOFA_MAE": None,
    "DOFALarge16_Weights.DOFA_MAE": None,
    "Panopticon_Weights.VIT_BASE14": None,
    "CROMABase_Weights.CROMA_VIT": [1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, -1],
    "CROMALarge_Weights.CROMA_VIT": [1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, -1],
    "DEO_Weights.DEO_SWIN": [1, 1, 1, 1, 1, 1, 3, 1, 1, -1],
}
"""Models that get a dataset's own statistics and nothing else -> what enters of PLACE; None: every band as it comes."""


@pytest.mark.parametrize("name", STANDARDISED)
def test_a_datasets_statistics_standardise_what_has_none_of_its_own(name):
    inputs = next(iter(RECORDS[name].inputs.values()))
    assert default_policy(inputs) is NormalisationPolicy.DATASET
    names = inputs.bands or tuple(LIGHT)
    pixels = torch.tensor([LIGHT[band] + 50 * PLACE[band] for band in names])[None, :, None, None]
    asked = Preparation(torch.tensor([LIGHT[band] for band in names]), torch.full((len(names),), 50.0))
    entered = prepare(pixels, asked, inputs.limits).flatten().tolist()
    assert entered == (STANDARDISED[name] or [PLACE[band] for band in names])


def test_radar_of_croma_comes_first_and_must_be_in_decibels():
    inputs = RECORDS["CROMABase_Weights.CROMA_VIT"].inputs
    assert inputs["joint"].bands[:3] == ("VV", "VH", "B1")
    assert [inputs["joint"].unit_of(channel) for channel in (0, 1, 2)] == [Unit.DECIBEL, Unit.DECIBEL, Unit.DN_10000]
    assert inputs["sar"].unit is Unit.DECIBEL


def test_each_model_is_told_bands_in_the_numbers_it_was_trained_with():
    """Micrometres, nanometres, and what stands for radar: one for the other would be another light."""
    dofa, panopticon, copernicus = (
        RECORDS[name].arguments
        for name in (
            "DOFABase16_Weights.DOFA_MAE",
            "Panopticon_Weights.VIT_BASE14",
            "CopernicusFM_Base_Weights.CopernicusFM_ViT",
        )
    )
    assert (dofa["channels"]["B4"], dofa["channels"]["VV"], dofa["per_um"]) == (0.665, 3.75, 1.0)
    assert (panopticon["channels"]["B4"], panopticon["channels"]["VV"], panopticon["channels"]["VH"]) == (665, -1, -2)
    assert panopticon["per_um"] == 1000.0
    assert (copernicus["channels"]["B4"], copernicus["channels"]["B12"]) == (665, 2190)


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("CROMABase_Weights.CROMA_VIT?modality=radar", "no modality 'radar', but optical, sar, joint"),
        ("DOFABase16_Weights.DOFA_MAE?bands=B4,nir", "wanted different bands of B1, B2, .*found 'B4,nir'"),
        ("CROMABase_Weights.CROMA_VIT?bands=B4", "its bands are B1, .* and no others. Leave out `bands`"),
        ("DOFABase16_Weights.DOFA_MAE?stretch=3000", "it reads no 8-bit tones. Leave out `stretch`"),
        ("Swin_V2_B_Weights.SENTINEL2_SI_RGB_SATLAS?stretch=much", "wanted a positive number as stretch, found 'much'"),
        ("DEO_Weights.DEO_SWIN?gsd=10", "does not want to know how wide a pixel is. Leave out `gsd`"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_by_name(rest, told):
    with pytest.raises(UserError, match=f"torchgeo:{rest.partition('?')[0]}: .*{told}") as said:
        find_backbone(f"torchgeo:{rest}")
    assert "\n" not in str(said.value)


def test_digital_numbers_become_tones_by_explicit_wish_alone():
    """1300 of 3558 is the tone 93.17, and 93.17 / 255 = 1300 / 3558; brighter than 3558 is white."""
    record = RECORDS["Swin_V2_B_Weights.SENTINEL2_SI_MS_SATLAS"]
    stored = [(Unit.DN_10000, {**COLOURS[1], "green": 9000.0}), OTHERS]
    with pytest.raises(UnfitStatisticsError, match="wants 8-bit, scene stores red as reflectance x 10,000"):
        numbers_that_enter(record.inputs["default"], *stored)
    inputs = choose(record, {"stretch": "3558"}).inputs
    assert numbers_that_enter(inputs, *stored) == [0.3654, 1.0, 0.3092, *SATLAS_MS[3:]]


def test_named_bands_of_a_model_for_any_sensor_need_no_wavelength_of_a_dataset():
    record = RECORDS["Panopticon_Weights.VIT_BASE14"]
    assert record.inputs["default"].uses == {Fact.WAVELENGTH}
    inputs = choose(record, {"bands": "VV,B4"}).inputs
    assert (inputs.bands, inputs.uses) == (("VV", "B4"), frozenset())
    entry = find_backbone("torchgeo:Panopticon_Weights.VIT_BASE14?bands=VV,B4")
    assert (entry.settings["bands"], entry.bands) == ("VV,B4", "VV, B4")


def test_metres_a_pixel_come_from_the_dataset_or_from_a_wish():
    record = RECORDS["ScaleMAELarge16_Weights.FMOW_RGB"]
    assert choose(record, {}).inputs.uses == {Fact.GSD}
    wished = choose(record, {"gsd": "2.86"})
    assert (wished.gsd_m, wished.inputs.uses) == (2.86, frozenset())


@pytest.mark.parametrize("name", ["DOFABase16_Weights.DOFA_MAE", "DEO_Weights.DEO_SWIN", "CROMABase_Weights.CROMA_VIT"])
def test_without_the_library_one_line_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchgeo", None)
    monkeypatch.setitem(sys.modules, "torchgeo.models", None)
    with pytest.raises(NotHereError, match=r"torchgeo, which is not installed.*pip install 'mp-mae-bench\[torchgeo\]'"):
        find_backbone(f"torchgeo:{name}?random").build(None, 0)


def test_an_older_library_that_lacks_a_network_is_told_from_an_absent_one(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchgeo", SimpleNamespace(__version__="0.9.0"))
    monkeypatch.setitem(sys.modules, "torchgeo.models", SimpleNamespace())
    with pytest.raises(NotHereError, match=r"deo_base is not in torchgeo 0\.9\.0, .*'torchgeo>=0\.10'"):
        find_backbone("torchgeo:DEO_Weights.DEO_SWIN?random").build(None, 0)


def test_without_its_package_olmo_earth_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "olmoearth_pretrain_minimal", None)
    with pytest.raises(NotHereError, match=r"pip install 'mp-mae-bench\[olmoearth\]'"):
        find_backbone("torchgeo:OlmoEarthV1_Weights.NANO?random").build(None, 0)


def test_every_record_says_its_licence_its_file_and_what_others_did_wrong():
    for name, record in RECORDS.items():
        assert all((record.licence, record.pitfall, record.parameters > 1e6)), name
        assert record.file.endswith((".pth", ".pt")), name
        assert record.repository.count("/") == 1, name
        for inputs in record.inputs.values():
            assert not inputs.moments or set(inputs.moments) == set(inputs.bands), name

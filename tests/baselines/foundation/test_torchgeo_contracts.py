"""What enters the network of each of torchgeo's records: numbers worked out by hand from what its authors feed it."""

from dataclasses import replace

import pytest

from baselines.bands import Unit
from baselines.foundation.torchgeo_models import RECORDS
from baselines.registry import find_backbone
from mp_mae.errors import UserError
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

ENTERS = {
    "_ALL_SOFTCON": ([S2], SOFTCON),
    "SENTINEL2_ALL_": ([S2], REFLECTANCE),
    "SENTINEL2_RGB_MOCO": ([COLOURS], [0.13, 0.12, 0.11]),
    "SENTINEL1_GRD_": ([S1], STANDARD_RADAR),
}
"""Part of the record's name, the first that fits -> what is stored, and what enters where nobody says how."""


def test_each_band_enters_its_channel_in_the_unit_of_the_training():
    for name, record in RECORDS.items():
        found = [expected for part, expected in ENTERS.items() if part in name]
        if not found:
            assert name in BY_THE_DATASET, f"{name}: nothing here says what enters"
            continue
        stored, enters = found[0]
        assert numbers_that_enter(next(iter(record.inputs.values())), *stored) == enters, name


BY_THE_DATASET = {
    # (100 / 255 - 0.485) / 0.229, (110 / 255 - 0.456) / 0.224, (120 / 255 - 0.406) / 0.225
    "ResNet50_Weights.FMOW_RGB_GASSL": [-0.4054, -0.1099, 0.2871],
    # ((100 - 3) / 85 - 0.485) / 0.229, ((110 - 2) / 101 - 0.456) / 0.224, (120 / 129 - 0.406) / 0.225
    "ResNet18_Weights.SENTINEL2_RGB_SECO": [2.8654, 2.738, 2.3299],
    "ResNet50_Weights.SENTINEL2_RGB_SECO": [2.8654, 2.738, 2.3299],
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


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"Did you mean ResNet50_Weights\.SENTINEL2_ALL_MOCO") as said:
        find_backbone("torchgeo:ResNet50_Weights.SENTINEL2_ALL_MOC")
    assert "\n" not in str(said.value)

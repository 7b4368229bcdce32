"""The backbone `clip` takes whichever of its modalities and channels a dataset has, by name."""

import pytest
import torch

from baselines.bands import BandInfo, Unit
from baselines.conformance import check_backbone
from baselines.contrastive.embeddings import average, fuse
from baselines.contrastive.files import ContrastiveSummary, save_model
from baselines.contrastive.matching import Match, match_bands
from baselines.inputs import PixelKind, Preparation
from baselines.registry import find_backbone
from contrastive_models import MODALITIES, RADAR, RGB, config, model, noise
from mp_mae.errors import UserError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights") / "clip"
    save_model(folder, model().state_dict(), config(), ContrastiveSummary())
    return folder


def build(weights, embedding=None):
    return find_backbone(f"clip?embedding={embedding}" if embedding else "clip").build(weights, 0)


def bands_named(*names):
    return tuple(BandInfo(name=name) for name in names)


@torch.inference_mode()
def embed(backbone, pixels, bands):
    n = pixels.shape[1]
    return backbone(pixels, Preparation(torch.zeros(n), torch.ones(n), bands=bands)).vector


# --- bands by name ---


def matched(*names, **lights):
    bands = (*bands_named(*names), *(BandInfo(name=name, common_name=light) for name, light in lights.items()))
    return match_bands(MODALITIES, bands)


def test_bands_of_sentinel_2_are_found_by_their_canonical_names_in_the_order_of_the_model():
    assert matched("B1", "B2", "B3", "B4", "B8") == {"sentinel2": Match((3, 2, 1), ("B4", "B3", "B2"))}


def test_bands_of_another_sensor_are_found_by_their_common_names_and_canonical_ones_go_first():
    assert matched(r="red", n="nir") == {"sentinel2": Match((0,), ("B4",))}
    assert matched("B4", a="red", b="blue") == {"sentinel2": Match((0, 2), ("B4", "B2"))}


def test_radar_is_found_by_polarisation_and_orbit_and_is_ascending_where_no_orbit_is_named():
    assert matched("VV", "VH") == {"sentinel1": Match((0, 1), ("asc VV", "asc VH"))}
    assert matched("VH desc", "Ascending_VV", "des-HV") == {
        "sentinel1": Match((1, 0, 2), ("asc VV", "desc VH", "desc HV"))
    }
    assert matched("VV", "S1 VV asc") == {"sentinel1": Match((1,), ("asc VV",))}


def test_parts_and_ratios_of_radar_are_no_amplitude():
    assert matched("VV.Real", "VH.LEE Filtered", "VV/VH", "asc desc VV") == {}


def test_radar_in_linear_power_is_not_taken_for_decibels():
    def of(unit):
        return match_bands(MODALITIES, [BandInfo(name="VV", unit=unit), BandInfo(name="12 days", unit=unit)])

    assert of(Unit.LINEAR_POWER) == {}
    assert of(Unit.DECIBEL) == {"sentinel1": Match((0,), ("asc VV",))}
    assert of(Unit.COHERENCE) == {"coherence": Match((1,), ("12 days",))}
    assert list(of(None)) == ["sentinel1", "coherence"]


@pytest.mark.parametrize("name", ["12 days", "coherence 12", "Coherence VV 12 days"])
def test_coherence_is_found_by_its_days(name):
    assert matched("VV", name)["coherence"] == Match((1,), ("12 days",))
    assert matched("12", "13 days") == {}


def test_any_other_modality_is_found_by_its_names():
    assert match_bands({"aster": ("elevation", "slope")}, bands_named("Slope", "b")) == {
        "aster": Match((0,), ("slope",))
    }


# --- embeddings ---


def test_fused_has_a_place_for_every_tower_and_zeros_where_a_modality_is_missing(weights):
    backbone, width = build(weights), model().width("sentinel2")
    radar = noise(2, 2, 24, 24)
    vector = embed(backbone, radar, bands_named("VV", "desc VH"))
    wanted = model().pooled("sentinel1", radar, ("asc VV", "desc VH"))
    assert vector.shape == (2, 3 * width)
    torch.testing.assert_close(vector[:, width : 2 * width], wanted, rtol=1e-4, atol=1e-5)
    assert not vector[:, :width].any()
    assert not vector[:, 2 * width :].any()


def test_average_is_the_mean_direction_of_what_an_image_has(weights):
    backbone, reference = build(weights, "average"), model()
    pixels = noise(2, 2, 24, 24)
    pixels[1, 1] = float("nan")  # the second image has no radar
    vector = embed(backbone, pixels, bands_named("B3", "VV"))
    optical = reference.project("sentinel2", reference.pooled("sentinel2", pixels[:, :1], ("B3",)))
    radar = reference.project("sentinel1", reference.pooled("sentinel1", pixels[:1, 1:], ("asc VV",)))
    both = (optical[0] + radar[0]) / (optical[0] + radar[0]).norm()
    torch.testing.assert_close(vector, torch.stack([both, optical[1]]), rtol=1e-4, atol=1e-5)


def test_a_modality_alone_reads_its_own_bands_and_has_its_own_tower_alone(weights):
    backbone = build(weights, "sentinel1")
    bands = bands_named("B4", "asc VV")
    assert backbone.reads(bands) == [1]
    assert list(backbone.model.towers) == ["sentinel1"]
    pixels = noise(2, 1, 24, 24)
    wanted = model().pooled("sentinel1", pixels, ("asc VV",))
    torch.testing.assert_close(embed(backbone, pixels, bands[1:]), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("embedding", ["fused", "average"])
def test_a_channel_that_is_zero_all_over_counts_as_missing(weights, embedding):
    backbone, pixels = build(weights, embedding), noise(2, 3, 24, 24)
    pixels[:, 1] = 0
    bands = bands_named("B4", "asc VV", "asc VH")
    without = embed(backbone, pixels[:, [0, 2]], (bands[0], bands[2]))
    torch.testing.assert_close(embed(backbone, pixels, bands), without, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("embedding", ["fused", "average"])
def test_images_without_any_modality_give_zeros(weights, embedding):
    assert not embed(build(weights, embedding), torch.zeros(2, 1, 24, 24), bands_named("B4")).any()


def test_combining_by_hand():
    there = {"a": torch.tensor([True, False]), "b": torch.tensor([True, True])}
    vectors = {"a": torch.tensor([[1.0, 0.0], [1.0, 0.0]]), "b": torch.tensor([[0.0, 1.0], [0.0, 1.0]])}
    assert fuse(vectors, there, {"c": 1, "b": 2, "a": 2}).tolist() == [[0, 0, 1, 1, 0], [0, 0, 1, 0, 0]]
    torch.testing.assert_close(average(vectors, there), torch.tensor([[0.5**0.5, 0.5**0.5], [0.0, 1.0]]))


# --- the contract ---


@pytest.mark.parametrize("embedding", ["fused", "average", "sentinel2"])
def test_it_keeps_the_contract(weights, embedding):
    failed = [
        (verdict.check, verdict.detail)
        for verdict in check_backbone(find_backbone(f"clip?embedding={embedding}"), weights)
        if verdict.passed is False
    ]
    assert failed == []


def test_wishes_are_settings_and_fused_is_what_no_wish_gives(weights):
    assert find_backbone("clip").settings == find_backbone("clip?embedding=fused").settings == {"embedding": "fused"}
    with pytest.raises(UserError, match=r"found the wish 'embeding=average'; there is `clip\?embedding=fused\|average"):
        find_backbone("clip?embeding=average")
    with pytest.raises(UserError, match=r"found the wish 'embedding=fusedd'; there is `clip\?embedding=fused\|average"):
        find_backbone("clip?embedding=fusedd")  # before any data are touched
    with pytest.raises(UserError, match="there is none"):
        find_backbone("image_statistics?embedding=average")
    with pytest.raises(UserError, match="wanted the embedding aster; there are fused, average, sentinel2, sentinel1, "):
        build(weights, "aster")
    with pytest.raises(UserError, match="Pass --weights DIR"):
        build(None)


def test_radar_of_both_orbits_is_eight_channels(weights):
    assert build(weights).reads(bands_named("B8", *RADAR)) == list(range(1, 9))


# --- what its input was standardised with ---


def test_its_statistics_are_those_its_weights_hold_of_each_modality(tmp_path):
    held = {
        "sentinel2": {
            "bands": list(RGB),
            "l1c": {"mean": [1850.0, 1950.0, 1900.0], "std": [1800.0, 1700.0, 1600.0]},
            "l2a": {"mean": [0.0] * 3, "std": [1.0] * 3},  # of a level without tiles
        },
        "sentinel1": {"bands": ["asc VV", "asc HH"], "mean": [-12.5, 0.0], "std": [4.5, 1.0]},
        "coherence": {"bands": ["12 days"], "mean": [0.4], "std": [0.25]},
    }
    folder = tmp_path / "clip"
    save_model(folder, model().state_dict(), config(), ContrastiveSummary(normalisation=held))
    inputs = build(folder).inputs
    assert inputs.pretraining == {
        PixelKind.SENTINEL2_L1C: {"B4": (1850.0, 1800.0), "B3": (1950.0, 1700.0), "B2": (1900.0, 1600.0)},
        PixelKind.SENTINEL1: {"asc VV": (-12.5, 4.5)},
        PixelKind.COHERENCE: {"12 days": (0.4, 0.25)},
    }
    assert not inputs.as_trained
    assert not inputs.wants_raw_values  # so by default the dataset's own standardise it
    assert inputs.names_channels(bands_named("x", "VV", "coherence 12", "B4")) == [None, "asc VV", "12 days", "B4"]


def test_statistics_that_are_none_are_refused_with_the_file(tmp_path):
    folder = tmp_path / "clip"
    held = {"sentinel1": {"bands": ["asc VV"], "mean": [-12.5]}}
    save_model(folder, model().state_dict(), config(), ContrastiveSummary(normalisation=held))
    with pytest.raises(UserError, match=r"clip: wanted the statistics .*std.* Export the checkpoint again"):
        build(folder)

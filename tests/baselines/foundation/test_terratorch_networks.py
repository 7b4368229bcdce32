"""terratorch's own networks: weights in the layout they are published in, and the library's own answer to known pixels.

Needs Python 3.12 and the extra `terratorch`; weights are drawn, none are fetched.
"""

from dataclasses import replace

import pytest
import torch
from timm.models import group_parameters

from baselines.conformance import check_backbone
from baselines.facts import UNKNOWN, Circumstances
from baselines.foundation.terratorch_models import find_entry
from baselines.foundation.terratorch_models.records import RECORDS
from baselines.inputs import Preparation
from mp_mae.errors import UserError
from scene_of_numbers import LIGHT, RADAR

pytest.importorskip("terratorch", reason="the extra terratorch is not installed (it needs Python 3.12)")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def registry():
    from terratorch.registry import TERRATORCH_BACKBONE_REGISTRY

    return TERRATORCH_BACKBONE_REGISTRY


@pytest.fixture
def shallow(monkeypatch):
    """Replace what a record's builder is told, so that a large architecture has two blocks."""

    def make(name, **arguments):
        record = RECORDS[name]
        monkeypatch.setitem(RECORDS, name, replace(record, arguments={**record.arguments, **arguments}))

    return make


def save_prithvi(path, name, frames, prefixed, **arguments):
    """The published file: encoder and decoder, positions of several frames; Prithvi 1 without prefixes."""
    from terratorch.registry import TERRATORCH_FULL_MODEL_REGISTRY

    torch.manual_seed(1)
    model = TERRATORCH_FULL_MODEL_REGISTRY.build(f"{name}_mae", num_frames=frames, decoder_depth=1, **arguments)
    state = model.state_dict()
    bare = {key.removeprefix("encoder.").removeprefix("decoder."): value for key, value in state.items()}
    torch.save(state if prefixed else bare, path)


def save_terramind(path, name):
    """The published file: embeddings of all modalities, the encoder, and a decoder."""
    torch.manual_seed(1)
    every = ["S2L2A", "S2L1C", "RGB", "S1GRD", "S1RTC", "DEM"]
    state = registry().build(name, modalities=every).state_dict()
    torch.save({**state, "decoder.0.norm1.weight": torch.ones(3), "mask_token": torch.ones(1, 1, 3)}, path)


def scene(bands, side):
    """(1, C, side, side) stored values that differ from place to place and from band to band."""
    values = torch.tensor([{**LIGHT, **RADAR}[band] for band in bands])[None, :, None, None]
    waves = torch.sin(torch.arange(side * side).view(side, side) / 5.0)
    return values * (1 + 0.3 * waves)


def answer(name, path, pixels, known=UNKNOWN):
    """Features of stored values, standardised by the declared moments."""
    backbone = find_entry(name).build(path, 0)
    moments = [backbone.inputs.moments[band] for band in backbone.inputs.bands]
    mean, std = torch.tensor(moments).unbind(1)
    with torch.inference_mode():
        return backbone(pixels, Preparation(mean, std), known)


HLS_MEAN = torch.tensor([1087.0, 1342.0, 1433.0, 2734.0, 1958.0, 1363.0])[:, None, None]
HLS_STD = torch.tensor([2248.0, 2179.0, 2178.0, 1850.0, 1242.0, 1049.0])[:, None, None]
HLS = ("B2", "B3", "B4", "B8A", "B11", "B12")


def test_prithvi_2_gives_what_terratorch_gives_with_and_without_day_and_place(tmp_path):
    path = tmp_path / "Prithvi_EO_V2_tiny_TL.pt"
    save_prithvi(path, "prithvi_eo_v2_tiny_tl", frames=4, prefixed=True)
    theirs = registry().build("prithvi_eo_v2_tiny_tl", pretrained=True, ckpt_path=str(path)).eval()
    pixels = scene(HLS, 64)
    x = (pixels - HLS_MEAN) / HLS_STD
    with torch.inference_mode():
        alone = theirs(x)[-1][:, 1:]
        told = theirs(x, torch.tensor([[[2019.0, 104.0]]]), torch.tensor([[47.5, 9.0]]))[-1][:, 1:]
    ours = answer("prithvi_eo_v2_tiny_tl", path, pixels)
    torch.testing.assert_close(ours.vector, alone.mean(1))
    torch.testing.assert_close(ours.maps[0].flatten(2).transpose(1, 2), alone)
    known = Circumstances(
        day=torch.tensor([18_000.0], dtype=torch.float64), place=torch.tensor([[9.0, 47.5]], dtype=torch.float64)
    )
    with_metadata = answer("prithvi_eo_v2_tiny_tl?metadata", path, pixels, known)
    torch.testing.assert_close(with_metadata.vector, told.mean(1))
    assert not torch.allclose(alone.mean(1), told.mean(1))


def test_prithvi_1_of_three_frames_embeds_one(tmp_path, shallow):
    shallow("prithvi_eo_v1_100", depth=2)
    path = tmp_path / "Prithvi_EO_V1_100M.pt"
    save_prithvi(path, "prithvi_eo_v1_100", frames=3, prefixed=False, depth=2)
    theirs = registry().build("prithvi_eo_v1_100", pretrained=True, ckpt_path=str(path), depth=2).eval()
    mean = torch.tensor([775.0, 1081.0, 1229.0, 2497.0, 2204.0, 1611.0])[:, None, None]
    std = torch.tensor([1282.0, 1270.0, 1399.0, 1368.0, 1292.0, 1155.0])[:, None, None]
    pixels = scene(HLS, 64)
    with torch.inference_mode():
        expected = theirs((pixels - mean) / std)[-1][:, 1:].mean(1)
    torch.testing.assert_close(answer("prithvi_eo_v1_100", path, pixels).vector, expected)


@pytest.mark.parametrize("modality", ["S2L2A", "S1GRD", "S2L2A+S1GRD"])
def test_terramind_gives_what_terratorch_gives(tmp_path, modality):
    path = tmp_path / "TerraMind_v1_tiny.pt"
    save_terramind(path, "terramind_v1_tiny")
    modalities = modality.split("+")
    theirs = registry().build("terramind_v1_tiny", modalities=modalities, ckpt_path=str(path)).eval()
    from terratorch.models.backbones.terramind.model import terramind_register as register

    keys = {"S2L2A": "untok_sen2l2a@224", "S1GRD": "untok_sen1grd@224"}
    own, x = {}, []
    for one in modalities:
        pixels = scene(RECORDS["terramind_v1_tiny"].inputs[one].bands, 48)
        mean = torch.tensor(register.v1_pretraining_mean[keys[one]])[:, None, None]
        std = torch.tensor(register.v1_pretraining_std[keys[one]])[:, None, None]
        own[one] = (pixels - mean) / std
        x.append(pixels)
    with torch.inference_mode():
        expected = theirs(own)[-1].mean(1)
    ours = answer(f"terramind_v1_tiny?modality={modality}", path, torch.cat(x, dim=1))
    torch.testing.assert_close(ours.vector, expected, rtol=1e-4, atol=1e-5)


CLAY = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
CLAY_MEAN = torch.tensor([1105.0, 1355, 1552, 1887, 2422, 2630, 2743, 2785, 2388, 1835])[:, None, None]
CLAY_STD = torch.tensor([1809.0, 1757, 1888, 1870, 1732, 1697, 1742, 1648, 1470, 1379])[:, None, None]
CLAY_BANDS = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir16", "swir22")


def test_clay_1_gives_what_terratorch_gives_when_it_is_told_ten_metres(tmp_path):
    from terratorch.models.backbones.clay_v1.embedder import Embedder

    torch.manual_seed(1)
    theirs = Embedder(bands=CLAY_BANDS).eval()
    named = {f"model.encoder.{key}": value for key, value in theirs.clay_encoder.state_dict().items()}
    path = tmp_path / "clay-v1-base.ckpt"
    torch.save({"state_dict": {**named, "model.decoder.enc_to_dec.weight": torch.ones(3)}, "epoch": 3}, path)
    pixels = scene(CLAY, 256)
    with torch.inference_mode():
        expected = theirs.forward_features((pixels - CLAY_MEAN) / CLAY_STD, gsd=10.0)[-1][:, 0]
    torch.testing.assert_close(answer("clay_v1_base", path, pixels).vector, expected, rtol=1e-4, atol=1e-5)


def test_clay_1_5_gives_the_map_that_terratorch_gives(tmp_path, shallow):
    from box import Box
    from terratorch.models.backbones.clay_v15.model import Encoder
    from terratorch.models.clay1_5_model_factory import ClayMAEBackbone

    shallow("clay_v1_5", dim=64, depth=2, heads=2)
    torch.manual_seed(1)
    encoder = Encoder(
        mask_ratio=0.75, patch_size=8, shuffle=True, dim=64, depth=2, heads=2, dim_head=64, mlp_ratio=4
    ).eval()
    path = tmp_path / "clay-v1.5.ckpt"
    torch.save({"state_dict": {f"model.encoder.{key}": value for key, value in encoder.state_dict().items()}}, path)
    waves = (0.493, 0.56, 0.665, 0.704, 0.74, 0.783, 0.842, 0.865, 1.61, 2.19)
    metadata = {"s2": {"gsd": 10.0, "bands": {"wavelength": dict(zip(CLAY_BANDS, waves, strict=True))}}}
    pixels = scene(CLAY, 256)
    with torch.inference_mode():
        (expected,) = ClayMAEBackbone(encoder, "s2", Box(metadata))((pixels - CLAY_MEAN) / CLAY_STD)
    torch.testing.assert_close(answer("clay_v1_5", path, pixels).maps[0], expected, rtol=1e-4, atol=1e-5)


def test_the_file_of_another_size_is_refused_by_name(tmp_path):
    path = tmp_path / "TerraMind_v1_tiny.pt"
    save_terramind(path, "terramind_v1_tiny")
    with pytest.raises(UserError, match=r"not the weights of terratorch:terramind_v1_small: .*Pass TerraMind_v1_small"):
        find_entry("terramind_v1_small").build(path, 0)


@pytest.mark.parametrize(
    "name",
    [
        "prithvi_eo_v2_tiny_tl?random",
        "prithvi_eo_v2_tiny_tl?metadata&random",
        "terramind_v1_tiny?random",
        "terramind_v1_tiny?random&modality=RGB",
        "terramind_v1_tiny?random&modality=S2L2A+S1GRD",
        "clay_v1_5?random&metadata",
    ],
)
def test_it_keeps_every_promise_of_the_contract(name, shallow):
    shallow("clay_v1_5", dim=64, depth=2, heads=2)
    broken = [verdict for verdict in check_backbone(find_entry(name), None) if verdict.passed is False]
    assert not broken


def test_published_weights_are_held_to_the_contract_too(tmp_path):
    path = tmp_path / "Prithvi_EO_V2_tiny_TL.pt"
    save_prithvi(path, "prithvi_eo_v2_tiny_tl", frames=4, prefixed=True)
    broken = [
        verdict for verdict in check_backbone(find_entry("prithvi_eo_v2_tiny_tl"), path) if verdict.passed is False
    ]
    assert not broken


def test_building_clay_leaves_the_precision_of_products_alone():
    before = torch.get_float32_matmul_precision()
    find_entry("clay_v1_base?random").build(None, 0)
    assert torch.get_float32_matmul_precision() == before


@pytest.mark.parametrize(
    "name", ["prithvi_eo_v1_100", "prithvi_eo_v2_tiny_tl", "terramind_v1_tiny", "terramind_v1_base"]
)
def test_a_record_has_the_parameters_of_its_network(name):
    backbone = find_entry(f"{name}?random").build(None, 0)
    assert RECORDS[name].parameters == sum(parameter.numel() for parameter in backbone.parameters())


@pytest.mark.parametrize(
    ("name", "layers"),
    [("prithvi_eo_v2_tiny_tl?random", 13), ("terramind_v1_tiny?random", 13), ("clay_v1_5?random", 3)],
)
def test_its_layers_are_told_apart(name, layers, shallow):
    shallow("clay_v1_5", dim=64, depth=2, heads=2)
    backbone = find_entry(name).build(None, 0)
    grouped = group_parameters(backbone, backbone.group_matcher(), reverse=True)
    assert set(grouped.values()) == set(range(layers)), "the stem and each block"

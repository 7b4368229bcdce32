"""Records of torchgeo against torchgeo itself: its network, its transform, its order of bands, weights in its layout.

A unit or an order that the record has wrong gives another answer here. Runs where torchgeo is installed.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from baselines.bands import Unit
from baselines.conformance import check_backbone
from baselines.foundation.torchgeo_models import RECORDS
from baselines.registry import find_backbone
from harness.data.band_statistics import MeanAndStd, Statistics
from harness.data.description import Band
from harness.extraction.known_bands import describe_bands
from harness.extraction.normalisation import build_preparation, choose_normalisation, default_policy

models = pytest.importorskip("torchgeo.models")

_RANGES = {Unit.DN_10000: (0, 4000), Unit.UINT8: (0, 255), Unit.DECIBEL: (-25, 0), Unit.REFLECTANCE: (0, 0.4)}
_KINDS = {Unit.DECIBEL: "Sentinel1", Unit.UINT8: "SpectralBand"}
_SAME = {"R": "red", "G": "green", "B": "blue"}


class Scene:
    """Images of noise by the band's name, in units as datasets store them, and their means and deviations."""

    def __init__(self, inputs, side, bands=("B2", "B3", "B4", "B8A")):
        names = inputs.bands or bands
        units = [inputs.unit_of(channel) or Unit.DN_10000 for channel in range(len(names))]
        units = [Unit.DN_10000 if unit is Unit.REFLECTANCE else unit for unit in units]
        drawn = torch.rand(2, len(names), side, side, generator=torch.Generator().manual_seed(2))
        self.pixels, self.names = {}, names
        for channel, (name, unit) in enumerate(zip(names, units, strict=True)):
            low, high = _RANGES[unit]
            self.pixels[name] = low + (high - low) * drawn[:, channel]
        self.bands = tuple(
            Band(name, _KINDS.get(unit, "Sentinel2"), unit=unit, wavelength_um=0.4 + 0.1 * place, gsd_m=10.0)
            for place, (name, unit) in enumerate(zip(names, units, strict=True))
        )

    def stacked(self, names):
        """(2, C, side, side) in this order, as the library spells the names."""
        return torch.stack([self.pixels[_plain(name, self.pixels)] for name in names], dim=1)

    def standardised(self, names):
        x = self.stacked(names)
        return (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True)


def _plain(name, known):
    number = name.upper().removeprefix("B").lstrip("0")
    found = _SAME.get(name) or (f"B{number}" if f"B{number}" in known else None)
    return found or {"B4": "red", "B3": "green", "B2": "blue"}.get(f"B{number}", name)


def ours(backbone, scene):
    """What comes out of the whole chain: default policy, units, facts, the network."""
    measured = {name: MeanAndStd(pixels.mean().item(), pixels.std().item()) for name, pixels in scene.pixels.items()}
    dataset = SimpleNamespace(name="scene", bands=scene.bands, statistics=Statistics(measured, "scene"))
    inputs, sources = backbone.inputs, list(scene.names)
    chosen = choose_normalisation(default_policy(inputs), dataset, sources, np.dtype(np.float32), "it", inputs)
    known = describe_bands(dataset, scene.names, sources)
    with torch.inference_mode():
        return backbone(scene.stacked(scene.names), build_preparation(chosen, None, known))


def transform(weights):
    """The library's own, without what resizes and crops."""
    chain = weights.transforms
    steps = chain if isinstance(chain, nn.Sequential) else [chain]
    return nn.Sequential(*(step for step in steps if type(step).__name__ in {"Normalize", "Identity"}))


def weights_of(name):
    enumeration, member = name.split(".")
    return getattr(getattr(models, enumeration), member)


def timm_network(builder):
    def make(weights, scene):
        network = getattr(models, builder)(in_chans=weights.meta["in_chans"], **_sized(weights)).eval()
        x = transform(weights)(scene.stacked(weights.meta["bands"]))
        return network, lambda: network.forward_head(network.forward_features(x), pre_logits=True)

    return make


def _sized(weights):
    return {"img_size": weights.meta["img_size"]} if "img_size" in weights.meta else {}


def swin(weights, scene):
    network = models.swin_v2_t()
    network.features[0][0] = nn.Conv2d(weights.meta["in_chans"], 96, 4, 4)
    network.eval()
    x = transform(weights)(scene.stacked(weights.meta["bands"]))
    return network, lambda: network.avgpool(network.permute(network.norm(network.features(x)))).flatten(1)


def dofa(weights, scene):
    network = models.dofa_base_patch16_224().eval()
    wavelengths = [0.4, 0.5, 0.6, 0.7]
    return network, lambda: network.forward_features(scene.standardised(scene.names), wavelengths)


def panopticon(weights, scene):
    network = models.panopticon_vitb14().eval()
    told = {"imgs": scene.standardised(scene.names), "chn_ids": torch.tensor([[400.0, 500.0, 600.0, 700.0]] * 2)}
    return network, lambda: network({**told, "chn_ids": told["chn_ids"].clone()})


def copernicus(weights, scene):
    network = models.copernicusfm_base().eval()
    mean = [1353.7, 1117.2, 1041.8, 946.5, 1199.1, 2003.0, 2374.0, 2301.2, 2599.7, 732.1, 1820.6, 1118.2]
    std = [897.3, 736.0, 684.8, 620.0, 791.9, 1341.3, 1595.4, 1545.5, 1750.1, 475.1, 1216.5, 736.7]
    order = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]
    x = (scene.stacked(order) - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    wavelengths = [443, 490, 560, 665, 705, 740, 783, 842, 865, 945, 1610, 2190]
    bandwidths = [20, 65, 35, 30, 15, 15, 20, 115, 20, 20, 90, 180]
    unknown = torch.full((2, 4), torch.nan)
    return network, lambda: network.forward_features(x, unknown, wavelengths, bandwidths)


def croma(modality):
    def make(weights, scene):
        network = models.croma_base(modalities=["sar", "optical"], image_size=120).eval()
        order = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12"]

        def scaled(names):
            return (scene.standardised(names) / 4 + 0.5).clamp(0, 1) if names[0] in scene.pixels else None

        def answer():
            radar, light = scaled(["VV", "VH"]), scaled(order)
            network.modalities = [name for name, x in (("sar", radar), ("optical", light)) if x is not None]
            return network(x_sar=radar, x_optical=light)[f"{modality}_GAP"]

        return network, answer

    return make


def deo(weights, scene):
    network = models.deo_base().eval()
    return network, lambda: network(scene.standardised(weights.meta["bands"])).mean(dim=(1, 2))


def scale_mae(weights, scene):
    network = models.scalemae_large_patch16(res=10.0, img_size=224).eval()
    x = scene.standardised(["red", "green", "blue"])
    return network, lambda: network.forward_head(network.forward_features(x), pre_logits=True)


def as_published(network, name):
    """The tensors as the published file has them."""
    state = network.state_dict()
    if name.startswith("CROMA"):
        parts = ("s1_encoder", "s1_GAP_FFN", "s2_encoder", "s2_GAP_FFN", "joint_encoder")
        return {part: getattr(network, part).state_dict() for part in parts}
    if name.startswith("Panopticon"):
        return {
            **{key.removeprefix("model."): value for key, value in state.items()},
            "mask_token": torch.zeros(1, 768),
        }
    return state


CASES = {
    "ResNet18_Weights.SENTINEL2_ALL_MOCO": timm_network("resnet18"),
    "ResNet18_Weights.SENTINEL2_RGB_MOCO": timm_network("resnet18"),
    "ResNet50_Weights.SENTINEL2_ALL_SOFTCON": timm_network("resnet50"),
    "ResNet50_Weights.SENTINEL1_GRD_MOCO": timm_network("resnet50"),
    "ResNet50_Weights.SENTINEL2_SI_MS_SATLAS": timm_network("resnet50"),
    "ViTSmall16_Weights.SENTINEL1_GRD_MAE": timm_network("vit_small_patch16_224"),
    "ViTSmall14_DINOv2_Weights.SENTINEL2_ALL_SOFTCON": timm_network("vit_small_patch14_dinov2"),
    "Swin_V2_T_Weights.SENTINEL2_SI_MS_SATLAS": swin,
    "Swin_V2_T_Weights.SENTINEL2_SI_RGB_SATLAS": swin,
    "DOFABase16_Weights.DOFA_MAE": dofa,
    "Panopticon_Weights.VIT_BASE14": panopticon,
    "CopernicusFM_Base_Weights.CopernicusFM_ViT": copernicus,
    "CROMABase_Weights.CROMA_VIT?modality=optical": croma("optical"),
    "CROMABase_Weights.CROMA_VIT?modality=sar": croma("sar"),
    "CROMABase_Weights.CROMA_VIT?modality=joint": croma("joint"),
    "DEO_Weights.DEO_SWIN": deo,
    "ScaleMAELarge16_Weights.FMOW_RGB": scale_mae,
}
"""Name -> what makes torchgeo's own network, and what that answers to a scene."""


@pytest.fixture
def published(request, tmp_path):
    """The scene of a case, torchgeo's answer to it, and a file with the weights that gave it, as published ones are."""
    rest = request.param
    name, _, wish = rest.partition("?modality=")
    if not hasattr(models, name.partition(".")[0]):
        pytest.skip("this torchgeo has no such model yet")
    inputs = RECORDS[name].inputs[wish or next(iter(RECORDS[name].inputs))]
    scene = Scene(inputs, inputs.native_size_px)
    torch.manual_seed(1)
    network, answer = CASES[rest](weights_of(name), scene)
    for label, parameter in network.named_parameters():  # no norm is as built, and every block has a say
        parameter.data += 0.5 if label.endswith(".gamma") else 0.01 * torch.randn_like(parameter)
    stored = as_published(network, name)
    if name.startswith("Panopticon"):
        stored["pos_embed"] = torch.randn(1, 1 + 37 * 37, 768)
        from torchgeo.models.copernicusfm import resize_abs_pos_embed

        network.model.pos_embed.data = resize_abs_pos_embed(stored["pos_embed"], 16, 37)
    torch.save(stored, tmp_path / "published.pth")
    with torch.inference_mode():
        return find_backbone(f"torchgeo:{rest}"), tmp_path / "published.pth", scene, answer()


@pytest.mark.slow
@pytest.mark.parametrize("published", CASES, indirect=True)
def test_a_record_gives_what_the_library_gives(published):
    entry, path, scene, answer = published
    backbone = entry.build(path, 0)
    torch.testing.assert_close(ours(backbone, scene).vector, answer, atol=2e-3, rtol=2e-3)
    assert backbone.origin.settings == {}
    turned = dict(zip(scene.names, [*list(scene.pixels.values())[1:], scene.pixels[scene.names[0]]], strict=True))
    scene.pixels = turned
    assert not torch.allclose(ours(backbone, scene).vector, answer, atol=2e-3, rtol=2e-3), "bands in another order"


@pytest.mark.slow
@pytest.mark.parametrize("published", CASES, indirect=True)
def test_a_network_of_the_library_keeps_the_contract(published):
    entry, path, *_ = published
    verdicts = list(check_backbone(entry, path))
    assert [verdict for verdict in verdicts if verdict.passed is False] == []


@pytest.mark.slow
@pytest.mark.parametrize("rest", [rest for rest in CASES if "?" not in rest])
def test_the_parameters_of_a_record_are_those_that_are_built(rest):
    if not hasattr(models, rest.partition(".")[0]):
        pytest.skip("this torchgeo has no such model yet")
    backbone = find_backbone(f"torchgeo:{rest}?random").build(None, 0)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == RECORDS[rest].parameters

"""What terratorch's models eat, as data: bands in channel order, unit, statistics, size, weights, licence.

Read in terratorch 1.2.13 (Apache-2.0): `models/backbones/prithvi_vit.py`, `terramind/model/terramind_register.py`,
`clay_v1/modules.py`; Clay's statistics are of `configs/metadata.yaml` of Clay 1.5. Parameters are those of the network
as it is built here: of Prithvi one frame and no decoder, of TerraMind the modality it reads by default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from baselines.bands import RGB, S1, S2_L1C, S2_L2A, Unit
from baselines.contract import InputSpec
from baselines.foundation.record import Record
from baselines.inputs import Moments

CLAY_WAVELENGTHS_UM = (0.493, 0.56, 0.665, 0.704, 0.74, 0.783, 0.842, 0.865, 1.61, 2.19)
"""Of Clay's ten bands, in their order; in micrometres, as it was trained."""
CLAY_GSD_M = 10.0
"""Of Sentinel-2 in Clay's metadata, whatever the band. terratorch's default of 1.0 is no satellite's."""

TOGETHER = ("S2L2A+S1GRD", "S2L2A+S1RTC", "S2L1C+S1GRD", "S2L1C+S1RTC")
"""Modalities of TerraMind that it takes at once: light and radar of the same place."""


def _eats(bands: tuple[str, ...], unit: Unit, mean: Sequence[float], std: Sequence[float]) -> InputSpec:
    """Patches of 16 pixels of images of 224, fed as in training: a wrong scale makes all images alike."""
    return InputSpec(
        bands=bands,
        size_multiple=16,
        unit=unit,
        moments={band: Moments(*both) for band, *both in zip(bands, mean, std, strict=True)},
        as_trained=True,
        native_size_px=224,
    )


def _and(light: InputSpec, radar: InputSpec) -> InputSpec:
    """Both at once, one after the other."""
    assert light.bands is not None
    assert radar.bands is not None
    assert radar.unit is not None
    return replace(
        light,
        bands=light.bands + radar.bands,
        units=dict.fromkeys(radar.bands, radar.unit),
        moments={**light.moments, **radar.moments},
    )


_HLS = ("B2", "B3", "B4", "B8A", "B11", "B12")
_PRITHVI_1 = _eats(
    _HLS,
    Unit.DN_10000,
    (775.0, 1081.0, 1229.0, 2497.0, 2204.0, 1611.0),
    (1282.0, 1270.0, 1399.0, 1368.0, 1292.0, 1155.0),
)
_PRITHVI_2 = _eats(
    _HLS,
    Unit.DN_10000,
    (1087.0, 1342.0, 1433.0, 2734.0, 1958.0, 1363.0),
    (2248.0, 2179.0, 2178.0, 1850.0, 1242.0, 1049.0),
)
_CLAY = replace(
    _eats(
        ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"),
        Unit.DN_10000,
        (1105.0, 1355.0, 1552.0, 1887.0, 2422.0, 2630.0, 2743.0, 2785.0, 2388.0, 1835.0),
        (1809.0, 1757.0, 1888.0, 1870.0, 1732.0, 1697.0, 1742.0, 1648.0, 1470.0, 1379.0),
    ),
    size_multiple=8,
    native_size_px=256,
    fixed_size=True,
)
_SINGLE = {
    "S2L2A": _eats(
        S2_L2A,
        Unit.DN_10000,
        (
            *(1390.458, 1503.317, 1718.197, 1853.91, 2199.1, 2779.975),
            *(2987.011, 3083.234, 3132.22, 3162.988, 2424.884, 1857.648),
        ),
        (
            *(2106.761, 2141.107, 2038.973, 2134.138, 2085.321, 1889.926),
            *(1820.257, 1871.918, 1753.829, 1797.379, 1434.261, 1334.311),
        ),
    ),
    "S2L1C": _eats(
        S2_L1C,
        Unit.DN_10000,
        (
            *(2357.089, 2137.385, 2018.788, 2082.986, 2295.651, 2854.537, 3122.849),
            *(3040.56, 3306.481, 1473.847, 506.07, 2472.825, 1838.929),
        ),
        (
            *(1624.683, 1675.806, 1557.708, 1833.702, 1823.738, 1733.977, 1732.131),
            *(1679.732, 1727.26, 1024.687, 442.165, 1331.411, 1160.419),
        ),
    ),
    "RGB": _eats(RGB, Unit.UINT8, (87.271, 80.931, 66.667), (58.767, 47.663, 42.631)),
    "S1GRD": _eats(S1, Unit.DECIBEL, (-12.599, -20.293), (5.195, 5.890)),
    "S1RTC": _eats(S1, Unit.DECIBEL, (-10.93, -17.329), (4.391, 4.459)),
}
_TERRAMIND: Mapping[str, InputSpec] = {
    **_SINGLE,
    **{both: _and(*(_SINGLE[modality] for modality in both.split("+"))) for both in TOGETHER},
}


def _prithvi_2(size: str, parameters: int, patch_px: int = 16) -> Record:
    metadata = size.endswith("tl")
    sized = size.removesuffix("_tl")
    named = f"{sized if sized == 'tiny' else f'{sized}M'}{'-TL' if metadata else ''}"
    return Record(
        name=f"prithvi_eo_v2_{size}",
        family="prithvi",
        inputs={"HLS": replace(_PRITHVI_2, size_multiple=patch_px)},
        metadata=metadata,
        repository=f"ibm-nasa-geospatial/Prithvi-EO-2.0-{named}",
        file=f"Prithvi_EO_V2_{named.replace('-', '_')}.pt",
        licence="Apache-2.0",
        parameters=parameters,
        pitfall="reflectance of 0 to 1 instead of 0 to 10,000 makes all images alike",
    )


def _terramind(size: str, parameters: int) -> Record:
    return Record(
        name=f"terramind_v1_{size}",
        family="terramind",
        inputs=_TERRAMIND,
        repository=f"ibm-esa-geospatial/TerraMind-1.0-{size}",
        file=f"TerraMind_v1_{size}.pt",
        licence="Apache-2.0",
        parameters=parameters,
        pitfall="pictures go into the modality RGB, never as three of the twelve bands",
    )


_RECORDS = (
    Record(
        name="prithvi_eo_v1_100",
        family="prithvi",
        inputs={"HLS": _PRITHVI_1},
        repository="ibm-nasa-geospatial/Prithvi-EO-1.0-100M",
        file="Prithvi_EO_V1_100M.pt",
        licence="Apache-2.0",
        parameters=86_237_184,
        pitfall="trained on three frames; an image is one, so positions in time are not those of the file",
    ),
    _prithvi_2("tiny_tl", 5_634_050),
    _prithvi_2("100_tl", 86_237_186),
    _prithvi_2("300", 303_886_336),
    _prithvi_2("300_tl", 303_886_338),
    _prithvi_2("600", 631_188_480, patch_px=14),
    _prithvi_2("600_tl", 631_188_482, patch_px=14),
    Record(
        name="clay_v1_base",
        family="clay_1",
        inputs={"S2L2A": _CLAY},
        metadata=True,
        repository="made-with-clay/Clay-legacy",
        file="v1/clay-v1-base.ckpt",
        licence="Apache-2.0",
        parameters=92_102_144,
        pitfall="terratorch tells it a ground sampling distance of 1 m unless told; here 10 m, wavelengths in um",
    ),
    Record(
        name="clay_v1_5",
        family="clay_1_5",
        inputs={"S2L2A": _CLAY},
        metadata=True,
        arguments={"dim": 1024, "depth": 24, "heads": 16},
        repository="made-with-clay/Clay",
        file="v1.5/clay-v1.5.ckpt",
        licence="Apache-2.0",
        parameters=311_442_944,
        pitfall="told 10 m and um like clay_v1_base; the published file is the large network, 1024 wide",
    ),
    _terramind("tiny", 5_923_968),
    _terramind("small", 22_464_768),
    _terramind("base", 87_313_920),
    _terramind("large", 305_137_664),
)

RECORDS: dict[str, Record] = {record.name: record for record in _RECORDS}

ELSEWHERE = {
    "dofa_base_patch16_224": "torchgeo:DOFABase16_Weights.DOFA_MAE",
    "dofa_large_patch16_224": "torchgeo:DOFALarge16_Weights.DOFA_MAE",
    "dinov3_vits16": "timm:vit_small_patch16_dinov3.lvd1689m",
    "dinov3_vitb16": "timm:vit_base_patch16_dinov3.lvd1689m",
    "dinov3_vitl16": "timm:vit_large_patch16_dinov3.sat493m",
    "dinov3_vith16plus": "timm:vit_huge_plus_patch16_dinov3.lvd1689m",
    "dinov3_vit7b16": "timm:vit_7b_patch16_dinov3.sat493m",
    "dinov3_convnext_tiny": "timm:convnext_tiny.dinov3_lvd1689m",
    "dinov3_convnext_small": "timm:convnext_small.dinov3_lvd1689m",
    "dinov3_convnext_base": "timm:convnext_base.dinov3_lvd1689m",
    "dinov3_convnext_large": "timm:convnext_large.dinov3_lvd1689m",
}
"""Networks that terratorch borrows from another library, with the same weights -> their name there."""

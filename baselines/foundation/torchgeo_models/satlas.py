"""SatlasPretrain's weights, on torchvision's Swin V2 and timm's ResNets.

Inputs and files as in torchgeo 0.10.1 (MIT), `models/swin.py` and `models/resnet.py`; that values are clipped to 0..1
is Satlas's own `Normalization.md`. Licence: the model cards `allenai/satlas-pretrain` and `torchgeo/satlas`.
"""

from collections.abc import Iterator

from baselines.bands import RGB, Unit
from baselines.contract import InputSpec
from baselines.foundation.record import Record
from baselines.inputs import Moments

_OTHERS = ("B5", "B6", "B7", "B8", "B11", "B12")
_LANDSAT = (
    "coastal aerosol", "blue", "green", "red", "nir", "swir1", "swir2", "panchromatic", "cirrus", "tirs1", "tirs2"
)  # fmt: skip
"""Landsat 8's B1 to B11 by what they are: B4 of Sentinel-2 is another band."""
_TONE, _DIGITAL, _COLLECTION = Moments(0.0, 255.0), Moments(0.0, 8160.0), Moments(4000.0, 16320.0)


def _input(unit: Unit, moments: dict[str, Moments], units: dict[str, Unit]) -> InputSpec:
    return InputSpec(
        bands=tuple(moments),
        unit=unit,
        units=units,
        moments=moments,
        standardised=False,
        limits=(0.0, 1.0),
        size_multiple=32,
        native_size_px=256,
    )


_COLOURS = _input(Unit.UINT8, dict.fromkeys(RGB, _TONE), {})
_MULTISPECTRAL = _input(
    Unit.DN_10000,
    {**dict.fromkeys(RGB, _TONE), **dict.fromkeys(_OTHERS, _DIGITAL)},
    dict.fromkeys(RGB, Unit.UINT8),
)
_SENSORS = {
    "SENTINEL2_{}_RGB": ("sentinel2_{network}_{images}_rgb", _COLOURS),
    "SENTINEL2_{}_MS": ("sentinel2_{network}_{images}_ms", _MULTISPECTRAL),
    "NAIP_RGB_{}": ("aerial_{network}_{images}", _COLOURS),
    "LANDSAT_{}": ("landsat_{network}_{images}", _input(Unit.LANDSAT_DN, dict.fromkeys(_LANDSAT, _COLLECTION), {})),
    "SENTINEL1_{}": ("sentinel1_{network}_{images}", _input(Unit.UINT8, dict.fromkeys(("VH", "VV"), _TONE), {})),
}
"""Member of the enumeration, its file, what it eats. SI was trained on single images, MI on several of one place."""

_NETWORKS = {
    "Swin_V2_T": ("swint", "swin_v2", {"model": "swin_v2_t"}),
    "Swin_V2_B": ("swinb", "swin_v2", {"model": "swin_v2_b"}),
    "ResNet50": ("resnet50", "timm", {"model_name": "resnet50"}),
    "ResNet152": ("resnet152", "timm", {"model_name": "resnet152"}),
}

_DIGESTS = {
    "Swin_V2_T": {
        "SENTINEL2_{}_RGB": {"SI": "0c1a96e0", "MI": "424d91f4"},
        "SENTINEL2_{}_MS": {"SI": "bc68e396", "MI": "d8c659e3"},
    },
    "Swin_V2_B": {
        "SENTINEL2_{}_RGB": {"SI": "156a98d5", "MI": "4efa210c"},
        "SENTINEL2_{}_MS": {"SI": "fe22a12c", "MI": "39c86721"},
        "NAIP_RGB_{}": {"SI": "e4169eb1", "MI": "326d69e1"},
        "LANDSAT_{}": {"SI": "4af978f6", "MI": "6b4a1cda"},
        "SENTINEL1_{}": {"SI": "3981c153", "MI": "f6c43d97"},
    },
    "ResNet50": {
        "SENTINEL2_{}_RGB": {"SI": "45fc6972", "MI": "e79bb7fe"},
        "SENTINEL2_{}_MS": {"SI": "1f454cc6", "MI": "da5413d2"},
    },
    "ResNet152": {
        "SENTINEL2_{}_RGB": {"SI": "f4d24c3c", "MI": "67563ac5"},
        "SENTINEL2_{}_MS": {"SI": "4500c6cb", "MI": "fd35b4bb"},
    },
}
"""What there is, and the end of the name of its file: the beginning of its SHA-256."""

_PARAMETERS = {
    ("Swin_V2_T", 3): 27_582_570, ("Swin_V2_T", 9): 27_591_786,
    ("Swin_V2_B", 2): 86_903_800, ("Swin_V2_B", 3): 86_905_848, ("Swin_V2_B", 9): 86_918_136,
    ("Swin_V2_B", 11): 86_922_232,
    ("ResNet50", 3): 23_508_032, ("ResNet50", 9): 23_526_848,
    ("ResNet152", 3): 58_143_808, ("ResNet152", 9): 58_162_624,
}  # fmt: skip
"""(architecture, channels) -> how many."""

_PITFALLS = {
    Unit.UINT8: "tones of 0..255, never standardised band by band; of digital numbers say ?stretch=3558",
    Unit.DN_10000: "its colours are tones of 0..255, its other bands digital numbers / 8160",
    Unit.LANDSAT_DN: "digital numbers of Collection 1, neither reflectance nor what Sentinel-2 calls B1 to B11",
}


def _records() -> Iterator[Record]:
    for architecture, members in _DIGESTS.items():
        network, family, arguments = _NETWORKS[architecture]
        for member, digests in members.items():
            file, inputs = _SENSORS[member]
            assert inputs.unit is not None, "all of them declare one"
            for images, digest in digests.items():
                yield Record(
                    name=f"{architecture}_Weights.{member.format(images)}_SATLAS",
                    family=family,
                    inputs={"default": inputs},
                    arguments=arguments,
                    repository="torchgeo/satlas",
                    file=f"{file.format(network=network, images=images.lower())}-{digest}.pth",
                    licence="Apache-2.0",
                    parameters=_PARAMETERS[architecture, len(inputs.bands or ())],
                    pitfall=_PITFALLS[inputs.unit],
                )


RECORDS = tuple(_records())

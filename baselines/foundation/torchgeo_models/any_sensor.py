"""Foundation models whose networks are torchgeo's own code.

Inputs and files as in torchgeo 0.10.1 (MIT), `models/`; what its transforms leave open is told beside each. Licences as
torchgeo's documentation lists them.
"""

from dataclasses import replace

from baselines.bands import RGB, S1, S2_L2A, SENTINEL2_UM, Unit
from baselines.contract import InputSpec
from baselines.facts import Fact
from baselines.foundation.record import Record
from baselines.inputs import IMAGENET_8_BIT, Moments

_ANY = InputSpec(bands=None, uses=frozenset({Fact.WAVELENGTH}), native_size_px=224, fixed_size=True)
"""Every band of a dataset, standardised by its statistics, with its wavelength."""

_DOFA_CHANNELS = {**SENTINEL2_UM, "VV": 3.75, "VH": 3.75}
"""Micrometres; those of radar are no wavelength but what stood for it in training (torchgeo issue 3931)."""
_PANOPTICON_CHANNELS = {**{band: round(1000 * um, 3) for band, um in SENTINEL2_UM.items()}, "VV": -1.0, "VH": -2.0}
"""Nanometres; below zero polarisations of radar, whatever the orbit."""

_CROMA_OPTICAL = InputSpec(
    bands=S2_L2A,
    unit=Unit.DN_10000,
    standardised=True,
    limits=(-2.0, 2.0),
    native_size_px=120,
    fixed_size=True,
)
"""Mean -+ 2 standard deviations of a dataset become 0 and 1, clipped (GEO-Bench-2 issue 45): the first half of it."""
_CROMA = {
    "optical": _CROMA_OPTICAL,
    "sar": replace(_CROMA_OPTICAL, bands=S1, unit=Unit.DECIBEL),
    "joint": replace(_CROMA_OPTICAL, bands=(*S1, *S2_L2A), units=dict.fromkeys(S1, Unit.DECIBEL)),
}

_COPERNICUS_MEAN = (1353.7, 1117.2, 1041.8, 946.5, 1199.1, 2003.0, 2374.0, 2301.2, 2599.7, 732.1, 1820.6, 1118.2)
_COPERNICUS_STD = (897.3, 736.0, 684.8, 620.0, 791.9, 1341.3, 1595.4, 1545.5, 1750.1, 475.1, 1216.5, 736.7)
_COPERNICUS = InputSpec(
    bands=S2_L2A,
    unit=Unit.DN_10000,
    moments={
        band: Moments(mean, std) for band, mean, std in zip(S2_L2A, _COPERNICUS_MEAN, _COPERNICUS_STD, strict=True)
    },
    as_trained=True,
    native_size_px=224,
    fixed_size=True,
)
"""Moments of its authors' own fine-tuning (zhu-xlab/Copernicus-FM issue 4)."""

_SCALE_MAE = InputSpec(
    bands=RGB,
    unit=Unit.UINT8,
    moments=IMAGENET_8_BIT,
    native_size_px=224,
    fixed_size=True,
    uses=frozenset({Fact.GSD}),
)

_DEO = InputSpec(
    bands=("B4", "B3", "B2", "B5", "B6", "B7", "B8", "B8A", "B11", "B12"),
    unit=Unit.DN_10000,
    standardised=True,
    size_multiple=32,
    native_size_px=224,
)
"""torchgeo's moments of red, green and blue are those of aerial photographs, and Sentinel-2's are nowhere stated: a
dataset's own statistics standardise all ten."""

_OLMO_S2 = {
    "B2": (1188.941, 1859.192), "B3": (1407.774, 1727.739), "B4": (1513.057, 1740.776), "B8": (2755.481, 1612.257),
    "B5": (1890.989, 1754.732), "B6": (2483.781, 1622.117), "B7": (2722.728, 1621.823), "B8A": (2885.570, 1611.359),
    "B11": (2562.853, 1441.547), "B12": (1914.138, 1328.891), "B1": (1115.849, 1955.699), "B9": (3269.813, 2651.088),
}  # fmt: skip
_OLMO_S1 = {"VV": (-11.649, 10.8404), "VH": (-17.7454, 10.2163)}
"""Mean and standard deviation, in the order of its channels (olmoearth-pretrain-minimal 0.1.5, Apache-2.0)."""
_OLMO = {
    "sentinel2_l2a": InputSpec(
        bands=tuple(_OLMO_S2),
        unit=Unit.DN_10000,
        moments={band: Moments(*of_band) for band, of_band in _OLMO_S2.items()},
        as_trained=True,
        size_multiple=8,
        native_size_px=128,
    ),
    "sentinel1": InputSpec(
        bands=tuple(_OLMO_S1),
        unit=Unit.DECIBEL,
        moments={band: Moments(*of_band) for band, of_band in _OLMO_S1.items()},
        as_trained=True,
        size_multiple=8,
        native_size_px=128,
    ),
}

_OLMO_FILES = {
    "NANO": ("Nano", "795c68419a658fd22ccf8f2e020607675f963e9ef3b93d8e368bb17646765347", 128, 1_361_024),
    "TINY": ("Tiny", "66b9827af383bc444d7909a406a5b62c072bb08d6804ff47a247c2dce8fad9a4", 192, 6_202_560),
    "BASE": ("Base", "551c1cc53337c6faaddead88071d7ebd2bd53ec271600fa6f0ee0a518c8b6e11", 768, 88_953_600),
    "LARGE": ("Large", "1adb5026bd520c54bc415a1282386954927623bab81d01be2f5b6379cc039035", 1024, 307_770_368),
}
"""Member -> size in the repository's name, digest in the file's, width, parameters."""

RECORDS = (
    *(
        Record(
            name=f"DOFA{size}16_Weights.DOFA_MAE",
            family="dofa",
            inputs={"default": _ANY},
            arguments={
                "builder": f"dofa_{size.lower()}_patch16_224", "per_um": 1.0, "channels": _DOFA_CHANNELS,
            },
            repository="torchgeo/dofa",
            file=f"dofa_{size.lower()}_patch16_224-{digest}.pth",
            licence="CC BY 4.0",
            parameters=parameters,
            pitfall="wavelengths in micrometres; standardised once, which its transform does not do",
        )
        for size, digest, parameters in (("Base", "a0275954", 111_312_128), ("Large", "0ff904d3", 337_105_408))
    ),
    Record(
        name="Panopticon_Weights.VIT_BASE14",
        family="panopticon",
        inputs={"default": _ANY},
        arguments={"builder": "panopticon_vitb14", "per_um": 1000.0, "channels": _PANOPTICON_CHANNELS},
        repository="lewaldm/panopticon",
        file="panopticon_vitb14_teacher.pth",
        licence="Apache-2.0",
        parameters=98_120_448,
        pitfall="wavelengths in nanometres, radar below zero",
    ),
    *(
        Record(
            name=f"CROMA{size}_Weights.CROMA_VIT",
            family="croma",
            inputs=_CROMA,
            arguments={"builder": f"croma_{size.lower()}"},
            repository="torchgeo/croma",
            file=f"CROMA_{size.lower()}-{digest}.pt",
            licence="CC BY 4.0",
            parameters=parameters,
            pitfall="values of 0..1 over mean -+ 2 standard deviations, clipped; its transform does nothing",
        )
        for size, digest, parameters in (("Base", "0238d814", 90_342_912), ("Large", "921e69ad", 311_420_928))
    ),
    Record(
        name="CopernicusFM_Base_Weights.CopernicusFM_ViT",
        family="copernicus_fm",
        inputs={"default": _COPERNICUS},
        arguments={
            "builder": "copernicusfm_base", "channels": {band: round(1000 * SENTINEL2_UM[band], 3) for band in S2_L2A}
        },
        repository="torchgeo/copernicus-fm",
        file="CopernicusFM_ViT_base_varlang-085350e4.pth",
        licence="CC BY 4.0",
        parameters=139_452_544,
        pitfall="wavelengths and bandwidths in nanometres; its transform does nothing",
    ),
    Record(
        name="ScaleMAELarge16_Weights.FMOW_RGB",
        family="scale_mae",
        inputs={"default": _SCALE_MAE},
        arguments={"builder": "scalemae_large_patch16"},
        repository="isaaccorley/vit_large_patch16_224_fmow_rgb_scalemae",
        file="vit_large_patch16_224_fmow_rgb_scalemae-386989c9.pth",
        licence="CC BY-NC 4.0",
        parameters=303_301_632,
        pitfall="wants metres a pixel, by default 1.0; of a resampled image say ?gsd= as it is fed",
    ),
    Record(
        name="DEO_Weights.DEO_SWIN",
        family="deo",
        inputs={"default": _DEO},
        arguments={"builder": "deo_base"},
        repository="SolaireTheSun/DEO",
        file="filename-06c431372992ada3da5eb25362a4c6d477428b066c803e228e5de00272fad775.pth",
        licence="MIT",
        parameters=86_899_448,
        pitfall="its transform mixes moments of photographs and of digital numbers",
    ),
    *(
        Record(
            name=f"OlmoEarthV1_Weights.{member}",
            family="olmo_earth",
            inputs=_OLMO,
            arguments={
                "model_size": member.lower(), "width": width, "day_month_year": (1, 6, 2020),
            },
            repository=f"allenai/OlmoEarth-v1-{size}",
            file=f"weights-{digest}.pth",
            licence="OlmoEarth Artifact License",
            parameters=parameters,
            pitfall="values of 0..1 over mean -+ 2 standard deviations; it must be told a date, here always July 2020",
        )
        for member, (size, digest, width, parameters) in _OLMO_FILES.items()
    ),
)  # fmt: skip

"""Weights that learnt from SSL4EO-S12 and other collections, on networks of timm.

Inputs, files and networks as in torchgeo 0.10.1 (MIT), `models/resnet.py` and `models/vit.py`. Licences: torchgeo's
tables state none of these.
"""

from dataclasses import replace
from typing import Any

from baselines.bands import RGB, S1, S2_L1C, Unit
from baselines.contract import InputSpec
from baselines.foundation.record import Record
from baselines.inputs import IMAGENET, IMAGENET_8_BIT, Moments

_NETWORKS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "ResNet18": ("resnet18", 32, {}),
    "ResNet50": ("resnet50", 32, {}),
    "ViTSmall16": ("vit_small_patch16_224", 16, {"dynamic_img_size": True}),
    "ViTBase16": ("vit_base_patch16_224", 16, {"dynamic_img_size": True}),
    "ViTLarge16": ("vit_large_patch16_224", 16, {"dynamic_img_size": True}),
    "ViTHuge14": ("vit_huge_patch14_224", 14, {"dynamic_img_size": True}),
    "ViTSmall14_DINOv2": ("vit_small_patch14_dinov2", 14, {"dynamic_img_size": True, "img_size": 224}),
    "ViTBase14_DINOv2": ("vit_base_patch14_dinov2", 14, {"dynamic_img_size": True, "img_size": 224}),
}
"""torchgeo's name of the architecture -> timm's, pixels a side that make its coarsest cell, what timm is told."""

_REFLECTANCE = InputSpec(bands=S2_L1C, unit=Unit.REFLECTANCE, standardised=False, native_size_px=224)
"""Digital numbers divided by 10,000, and nothing else."""
_REFLECTANCE_RGB = replace(_REFLECTANCE, bands=RGB)
_RADAR = InputSpec(
    bands=S1,
    unit=Unit.DECIBEL,
    moments={"VV": Moments(-12.59, 5.26), "VH": Moments(-20.26, 5.91)},
    as_trained=True,
    native_size_px=224,
)
_MEAN = (1612.9, 1397.6, 1322.3, 1373.1, 1561.0, 2108.4, 2390.7, 2318.7, 2581.0, 837.7, 22.0, 2195.2, 1537.4)
_STD = (791.0, 854.3, 878.7, 1144.9, 1127.5, 1164.2, 1276.0, 1249.5, 1345.9, 577.5, 47.5, 1340.0, 1142.9)
_SOFTCON = InputSpec(
    bands=S2_L1C,
    unit=Unit.DN_10000,
    moments={band: Moments(mean, std) for band, mean, std in zip(S2_L1C, _MEAN, _STD, strict=True)},
    as_trained=True,
    native_size_px=224,
)
_GASSL = InputSpec(
    bands=RGB,
    unit=Unit.UINT8,
    moments=IMAGENET_8_BIT,
    native_size_px=224,
)
_TONES = ((0, 129), (2, 103), (3, 88))
"""The least and the greatest tone of SeCo's red, green and blue, which became 0 and 1 before ImageNet's moments: by
band in its `seco_dataset.py`. torchgeo's transform gives red those of blue, and blue those of red."""
_SECO = replace(
    _GASSL,
    moments={
        band: Moments(low + mean * (high - low), std * (high - low))
        for (band, (mean, std)), (low, high) in zip(IMAGENET.items(), _TONES, strict=True)
    },
)

_RAW = "values 10,000 times too large collapse its features"
_SCALED = "its authors scaled radar to 0..255 in pretraining, torchgeo's transform does not"
_TWO_SCALES = "its author names values of 0..1, torchgeo's transform standardises"
_TONES_SWAPPED = "torchgeo 0.10's transform swaps the tones of red and blue and leaves out a division by 255"

_S12, _FG, _SOFT = "wangyi111/SSL4EO-S12", "wangyi111/FGMAE", "wangyi111/softcon"
_ROWS = (
    ("ResNet18", "SENTINEL2_ALL_MOCO", _REFLECTANCE, "torchgeo/resnet18_sentinel2_all_moco",
     "resnet18_sentinel2_all_moco-59bfdff9.pth", _RAW),
    ("ResNet18", "SENTINEL2_RGB_MOCO", _REFLECTANCE_RGB, "torchgeo/resnet18_sentinel2_rgb_moco",
     "resnet18_sentinel2_rgb_moco-e3a335e3.pth", _RAW),
    ("ResNet18", "SENTINEL2_RGB_SECO", _SECO, "torchgeo/resnet18_sentinel2_rgb_seco",
     "resnet18_sentinel2_rgb_seco-cefca942.pth", _TONES_SWAPPED),
    ("ResNet50", "SENTINEL2_ALL_MOCO", _REFLECTANCE, "torchgeo/resnet50_sentinel2_all_moco",
     "resnet50_sentinel2_all_moco-df8b932e.pth", _RAW),
    ("ResNet50", "SENTINEL2_ALL_DINO", _REFLECTANCE, "torchgeo/resnet50_sentinel2_all_dino",
     "resnet50_sentinel2_all_dino-d6c330e9.pth", _RAW),
    ("ResNet50", "SENTINEL2_ALL_DECUR", _REFLECTANCE, "torchgeo/decur",
     "rn50_ssl4eo-s12_ms_decur_ep100-fc6b09ff.pth", _RAW),
    ("ResNet50", "SENTINEL2_RGB_MOCO", _REFLECTANCE_RGB, "torchgeo/resnet50_sentinel2_rgb_moco",
     "resnet50_sentinel2_rgb_moco-2b57ba8b.pth", _RAW),
    ("ResNet50", "SENTINEL2_RGB_SECO", _SECO, "torchgeo/resnet50_sentinel2_rgb_seco",
     "resnet50_sentinel2_rgb_seco-018bf397.pth", _TONES_SWAPPED),
    ("ResNet50", "SENTINEL2_ALL_SOFTCON", _SOFTCON, _SOFT, "B13_rn50_softcon.pth", _TWO_SCALES),
    ("ResNet50", "SENTINEL1_GRD_MOCO", _RADAR, "torchgeo/resnet50_sentinel1_all_moco",
     "resnet50_sentinel1_all_moco-906e4356.pth", _SCALED),
    ("ResNet50", "SENTINEL1_GRD_DECUR", _RADAR, "torchgeo/decur", "rn50_ssl4eo-s12_sar_decur_ep100-f0e69ba2.pth",
     _SCALED),
    ("ResNet50", "SENTINEL1_GRD_SOFTCON", _RADAR, _SOFT, "B2_rn50_softcon.pth", _SCALED),
    ("ResNet50", "FMOW_RGB_GASSL", _GASSL, "torchgeo/resnet50_fmow_rgb_gassl", "resnet50_fmow_rgb_gassl-da43d987.pth",
     "photographs of aeroplanes and satellites in 8 bits, not reflectance"),
    ("ViTSmall16", "SENTINEL2_ALL_DINO", _REFLECTANCE, "torchgeo/vit_small_patch16_224_sentinel2_all_dino",
     "vit_small_patch16_224_sentinel2_all_dino-36bcc127.pth", _RAW),
    ("ViTSmall16", "SENTINEL2_ALL_MOCO", _REFLECTANCE, "torchgeo/vit_small_patch16_224_sentinel2_all_moco",
     "vit_small_patch16_224_sentinel2_all_moco-67c9032d.pth", _RAW),
    ("ViTSmall16", "SENTINEL2_ALL_MAE", _REFLECTANCE, _S12, "B13_vits16_mae_ep99_enc.pth", _RAW),
    ("ViTSmall16", "SENTINEL2_ALL_FGMAE", _REFLECTANCE, _FG, "B13_vits16_fgmae_ep99_enc.pth", _RAW),
    ("ViTSmall16", "SENTINEL1_GRD_MAE", _RADAR, _S12, "B2_vits16_mae_ep99_enc.pth", _SCALED),
    ("ViTSmall16", "SENTINEL1_GRD_FGMAE", _RADAR, _FG, "B2_vits16_fgmae_ep99_enc.pth", _SCALED),
    ("ViTBase16", "SENTINEL2_ALL_MAE", _REFLECTANCE, _S12, "B13_vitb16_mae_ep99_enc.pth", _RAW),
    ("ViTBase16", "SENTINEL2_ALL_FGMAE", _REFLECTANCE, _FG, "B13_vitb16_fgmae_ep99_enc.pth", _RAW),
    ("ViTBase16", "SENTINEL1_GRD_MAE", _RADAR, _S12, "B2_vitb16_mae_ep99_enc.pth", _SCALED),
    ("ViTBase16", "SENTINEL1_GRD_FGMAE", _RADAR, _FG, "B2_vitb16_fgmae_ep99_enc.pth", _SCALED),
    ("ViTLarge16", "SENTINEL2_ALL_MAE", _REFLECTANCE, _S12, "B13_vitl16_mae_ep99_enc.pth", _RAW),
    ("ViTLarge16", "SENTINEL2_ALL_FGMAE", _REFLECTANCE, _FG, "B13_vitl16_fgmae_ep99_enc.pth", _RAW),
    ("ViTLarge16", "SENTINEL1_GRD_MAE", _RADAR, _S12, "B2_vitl16_mae_ep99_enc.pth", _SCALED),
    ("ViTLarge16", "SENTINEL1_GRD_FGMAE", _RADAR, _FG, "B2_vitl16_fgmae_ep99_enc.pth", _SCALED),
    ("ViTHuge14", "SENTINEL2_ALL_MAE", _REFLECTANCE, _S12, "B13_vith14_mae_ep199_enc.pth", _RAW),
    ("ViTHuge14", "SENTINEL2_ALL_FGMAE", _REFLECTANCE, _FG, "B13_vith14_fgmae_ep399_enc.pth", _RAW),
    ("ViTHuge14", "SENTINEL1_GRD_MAE", _RADAR, _S12, "B2_vith14_mae_ep199_enc.pth", _SCALED),
    ("ViTHuge14", "SENTINEL1_GRD_FGMAE", _RADAR, _FG, "B2_vith14_fgmae_ep399_enc.pth", _SCALED),
    ("ViTSmall14_DINOv2", "SENTINEL2_ALL_SOFTCON", _SOFTCON, _SOFT, "B13_vits14_softcon_enc.pth", _TWO_SCALES),
    ("ViTSmall14_DINOv2", "SENTINEL1_GRD_SOFTCON", _RADAR, _SOFT, "B2_vits14_softcon_enc.pth", _SCALED),
    ("ViTBase14_DINOv2", "SENTINEL2_ALL_SOFTCON", _SOFTCON, _SOFT, "B13_vitb14_softcon_enc.pth", _TWO_SCALES),
    ("ViTBase14_DINOv2", "SENTINEL1_GRD_SOFTCON", _RADAR, _SOFT, "B2_vitb14_softcon_enc.pth", _SCALED),
)  # fmt: skip
"""(architecture, member of its enumeration, what it eats, repository, file, pitfall)."""


_PARAMETERS = {
    ("ResNet18", 13): 11_207_872, ("ResNet18", 3): 11_176_512,
    ("ResNet50", 13): 23_539_392, ("ResNet50", 3): 23_508_032, ("ResNet50", 2): 23_504_896,
    ("ViTSmall16", 13): 22_648_704, ("ViTSmall16", 2): 21_567_360,
    ("ViTBase16", 13): 87_764_736, ("ViTBase16", 2): 85_602_048,
    ("ViTLarge16", 13): 305_923_072, ("ViTLarge16", 2): 303_039_488,
    ("ViTHuge14", 13): 633_273_600, ("ViTHuge14", 2): 630_513_920,
    ("ViTSmall14_DINOv2", 13): 22_381_440, ("ViTSmall14_DINOv2", 2): 21_553_536,
    ("ViTBase14_DINOv2", 13): 87_230_208, ("ViTBase14_DINOv2", 2): 85_574_400,
}  # fmt: skip
"""(architecture, channels) -> how many."""


def _record(architecture: str, member: str, inputs: InputSpec, repository: str, file: str, pitfall: str) -> Record:
    model, stride, arguments = _NETWORKS[architecture]
    return Record(
        name=f"{architecture}_Weights.{member}",
        family="timm",
        inputs={"default": replace(inputs, size_multiple=stride)},
        arguments={"model_name": model, **arguments},
        repository=repository,
        file=file,
        licence="not stated",
        parameters=_PARAMETERS[architecture, len(inputs.bands or ())],
        pitfall=pitfall,
    )


RECORDS = tuple(_record(*row) for row in _ROWS)

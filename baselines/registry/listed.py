"""Backbones behind a scheme that a list shows: every record, and of timm's thousand models those that many compare."""

from collections.abc import Iterator
from dataclasses import replace

from baselines.entry import Entry
from baselines.foundation import terratorch_models, torchgeo_models
from baselines.registry import find_backbone

_PHOTOGRAPHS = "learnt from photographs in 8 bits; reflectance is none"
_SATELLITE = "has its own mean and std; published figures took ImageNet's, and each band's least and greatest value"

OF_TIMM = {
    "resnet50.a1_in1k": (23_508_032, _PHOTOGRAPHS),
    "convnextv2_atto.fcmae": (3_387_400, _PHOTOGRAPHS),
    "convnextv2_femto.fcmae": (4_848_240, _PHOTOGRAPHS),
    "convnextv2_pico.fcmae": (8_553_280, _PHOTOGRAPHS),
    "convnextv2_nano.fcmae": (14_982_800, _PHOTOGRAPHS),
    "convnextv2_tiny.fcmae": (27_866_496, _PHOTOGRAPHS),
    "convnextv2_base.fcmae": (87_692_800, _PHOTOGRAPHS),
    "convnextv2_large.fcmae": (196_419_840, _PHOTOGRAPHS),
    "convnextv2_huge.fcmae": (657_472_640, _PHOTOGRAPHS),
    "vit_base_patch16_224.mae": (85_798_656, _PHOTOGRAPHS),
    "swin_base_patch4_window7_224.ms_in22k": (86_743_224, _PHOTOGRAPHS),
    "vit_base_patch16_clip_quickgelu_224.openai": (85_799_424, "OpenAI's weights are QuickGELU's: not without it"),
    "vit_small_patch14_dinov2.lvd142m": (22_056_192, _PHOTOGRAPHS),
    "vit_base_patch14_dinov2.lvd142m": (86_579_712, _PHOTOGRAPHS),
    "vit_large_patch14_dinov2.lvd142m": (304_367_616, _PHOTOGRAPHS),
    "vit_small_patch16_dinov3.lvd1689m": (21_586_944, _PHOTOGRAPHS),
    "vit_base_patch16_dinov3.lvd1689m": (85_641_216, _PHOTOGRAPHS),
    "vit_large_patch16_dinov3.lvd1689m": (303_079_424, _PHOTOGRAPHS),
    "vit_large_patch16_dinov3.sat493m": (303_079_424, _SATELLITE),
}
"""timm's name -> how many parameters it has without a classifier, and the mistake that is easily made with it."""


def entries_of_schemes() -> Iterator[Entry]:
    """An entry for each name behind a scheme that is shown; no library has to be there for it."""
    for name, (parameters, pitfall) in OF_TIMM.items():
        yield replace(find_backbone(f"timm:{name}"), parameters=parameters, pitfall=pitfall)
    for scheme, models in (("torchgeo", torchgeo_models), ("terratorch", terratorch_models)):
        yield from (find_backbone(f"{scheme}:{name}") for name in models.RECORDS)

"""MMEarth's own ImageNet checkpoint (`pt-imagenet_atto_200epochs_224_32`): ConvNeXt V2 with the stem it always had.

The stem is a 4 x 4 convolution of stride 4 and a norm (its tensors begin with encoder.stem_orig), so a cell of the last
map is 32 px: it is timm's ConvNeXt V2. The layout and the published evaluation's constants are known, the file itself
nobody here has seen.
Taken for granted: that the convolution pads nothing, and that photographs entered as red, green, blue.
"""

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from timm.layers.grn import GlobalResponseNorm
from timm.models.convnext import ConvNeXt
from torch import Tensor

from mp_mae.config import SIZES
from mp_mae.encoder import NORM_EPS, check_tensors
from mp_mae.errors import UserError
from mp_mae.official.files import open_official
from mp_mae.official.layout import from_official, to_official

KERNEL = 4
"""Side and stride of the stem's convolution, in pixels."""
PUBLISHED_GRN_EPS = 1e-4
"""Of global response normalisation in the published evaluation, whatever the stem."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OriginalStem:
    """What an official file with ConvNeXt's own stem says, in timm's names."""

    size: str
    """Key of SIZES."""
    state: Mapping[str, Tensor]
    """Every tensor of `build_original(size)`, with the fresh final LayerNorm (weight 1, bias 0)."""


def read_original_stem(path: pathlib.Path) -> OriginalStem:
    """An official checkpoint that has ConvNeXt's own stem and reads three channels.

    Raises:
        UserError: as `open_official`; or it has the MP-MAE stem, another patch, more channels, or its encoder is not
            exactly one we know.
    """
    tensors = open_official(path).tensors
    found = {key: tensor for key, tensor in tensors.items() if key.startswith("encoder.")}
    kernel = found.get("encoder.stem_orig.0.kernel")
    shape = list(kernel.shape) if isinstance(kernel, Tensor) else "none"
    sizes = {size.widths[0]: name for name, size in SIZES.items()}
    if not isinstance(shape, list) or len(shape) != 3 or shape[:2] != [KERNEL**2, 3] or shape[2] not in sizes:
        raise UserError(
            f"{path}: wanted ConvNeXt's own stem, encoder.stem_orig.0.kernel of [{KERNEL**2}, 3, width] with a width "
            f"of {', '.join(map(str, sizes))}; found {shape}. Evaluate a checkpoint with the MP-MAE stem as --backbone "
            "mp_mae"
        )
    size = sizes[shape[2]]
    with torch.device("meta"):
        wanted = to_official(build_original(size).state_dict())
    check_tensors(str(path), found, {key: tensor.shape for key, tensor in wanted.items()})
    return OriginalStem(size=size, state=from_official(found))


def build_original(size: str, grn_eps: float = PUBLISHED_GRN_EPS) -> ConvNeXt:
    """timm's ConvNeXt V2 of one of SIZES for three channels, untrained, without classifier."""
    depths, widths = SIZES[size]
    model = ConvNeXt(
        in_chans=3,
        num_classes=0,
        depths=depths,
        dims=widths,
        patch_size=KERNEL,
        ls_init_value=None,
        use_grn=True,
        norm_eps=NORM_EPS,
    )
    for module in model.modules():
        if isinstance(module, GlobalResponseNorm):
            module.eps = grn_eps
    return model

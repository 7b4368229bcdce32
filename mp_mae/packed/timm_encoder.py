"""timm's own ConvNeXt V2 at visible patches only: masked pretraining of any `convnextv2_*`, on any number of channels.

Its stem takes 4 x 4 pixels to a site, so that a patch, which has 8 x 8 sites after it, is 32 x 32 pixels. Everything
after the stem is what MP-MAE's encoder has (`mp_mae.packed.encoder`). `examples/masked_timm.py` is a whole training.
"""

from typing import Any

from timm.layers.grn import GlobalResponseNorm
from timm.models.convnext import ConvNeXt
from torch import Tensor, nn

from mp_mae.config import GrnPool
from mp_mae.errors import UserError
from mp_mae.masking import Mask
from mp_mae.packed.encoder import packed_stages
from mp_mae.packed.layout import PackedLayout
from mp_mae.patches import gather_patches

PATCH = 32
"""Side of a patch in pixels: what the last stage makes one number of."""
_STEM = 4


def forward_packed_timm(model: ConvNeXt, x: Tensor, mask: Mask, grn: GrnPool = "sample") -> Tensor:
    """Last-stage features of the visible patches. Removed pixels are never read.

    Args:
        model: `timm.create_model("convnextv2_...", conv_mlp=False)`, with any `in_chans`.
        x: (B, C, H, W) pixels; H and W multiples of PATCH.
        mask: of the same B images and H / PATCH x W / PATCH patches.
        grn: global response normalisation pools over the visible sites of each "sample", or of the whole "batch".
    Returns:
        (B, V, D), in the order of `mask.visible`; with nothing removed, what `forward_features` returns.
    Raises:
        UserError: another model, or image and mask that do not fit.
    """
    _check(model, x, mask)
    layout = PackedLayout(mask.visible.to(x.device), x.shape[2] // PATCH, x.shape[3] // PATCH)
    pixels = gather_patches(x, layout.visible, PATCH)  # (B, V, PATCH * PATCH, C)
    stem: Any = model.stem
    of_patches = pixels.flatten(0, 1).unflatten(1, (PATCH, PATCH)).permute(0, 3, 1, 2)
    y = stem(of_patches).permute(0, 2, 3, 1)  # (B * V, 8, 8, D)
    return packed_stages(model, y.unflatten(0, mask.visible.shape), layout, grn)


def _check(model: ConvNeXt, x: Tensor, mask: Mask) -> None:
    stem: Any = model.stem
    conv = stem[0] if isinstance(stem, nn.Sequential) else None
    is_known = isinstance(conv, nn.Conv2d) and len(stem) == 2 and conv.kernel_size == conv.stride == (_STEM, _STEM)
    is_v2 = any(isinstance(module, GlobalResponseNorm) for module in model.modules())
    is_linear = any(isinstance(module, nn.Linear) for module in model.stages.modules())
    if not (is_known and is_v2 and is_linear):
        raise UserError(
            "Visible patches need a ConvNeXt V2 of timm with linear layers and a stem of 4 x 4 pixels. Build it by "
            'timm.create_model("convnextv2_...", conv_mlp=False).'
        )
    height, width = x.shape[2:]
    if height % PATCH or width % PATCH:
        raise UserError(f"The images are {height}x{width} px; crop them to multiples of the {PATCH} px patch.")
    n_patches = (height // PATCH) * (width // PATCH)
    if len(mask.visible) != len(x) or mask.n_patches != n_patches:
        raise UserError(
            f"The mask is of {len(mask.visible)} images of {mask.n_patches} patches; wanted {len(x)} images of "
            f"{n_patches}. Draw it for this batch and image size."
        )

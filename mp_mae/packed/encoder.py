"""The encoder at visible patches only, over the parameters of the dense model.

Equal, site for site, to sparse convolutions over the visible patches (ConvNeXt V2, Woo et al., 2023, section 3.1): a
removed site counts as zero in every convolution and in nothing else. Patches are aligned with the encoder's stride, so
each holds side x side sites of every stage (patch, 8, 4, 2 and 1), and all layers but the convolutions see one packed
tensor of them.
"""

from typing import Any

import torch
import torch.nn.functional as F
from timm.models.convnext import ConvNeXt
from torch import Tensor, nn

from mp_mae.config import GrnPool, Holes
from mp_mae.devices.precision import at_least_float32
from mp_mae.encoder import MpMaeConvNeXt
from mp_mae.errors import UserError
from mp_mae.masking import Mask
from mp_mae.packed.layout import PackedLayout, Windows
from mp_mae.packed.ops import blockwise_conv, depthwise_conv, exact_on_cpu, read_windows, site_norm
from mp_mae.patches import gather_patches


def forward_packed(
    model: MpMaeConvNeXt, x: Tensor, mask: Mask, grn: GrnPool = "sample", holes: Holes = "sites"
) -> Tensor:
    """Last-stage features of the visible patches. Removed pixels are never read.

    Args:
        model: an encoder with padding "same".
        x: (B, C, H, W) standardised pixels; H and W multiples of the patch.
        mask: of the same B images and H / patch x W / patch patches.
        grn: global response normalisation pools over the visible sites of each "sample", or of the whole "batch" as
            the published pretraining did, which makes an image's features depend on its batch mates.
        holes: visible pixels that are zero in all bands are ordinary "sites", or "absent" as in the published
            pretraining: then they and what is made of them alone count as removed.
    Returns:
        (B, V, D), in the order of `mask.visible`; zero where no site of a patch exists.
    Raises:
        UserError: image, mask and encoder do not fit each other.
    """
    layout = _layout(model, x, mask)
    n_images, n_visible = layout.visible.shape
    pixels = gather_patches(x, layout.visible, model.patch).view(n_images, n_visible, model.patch, model.patch, -1)
    sites = (pixels != 0).any(-1, keepdim=True) if holes == "absent" else None
    y, sites = _stem(model.stem, _existing(pixels, sites), sites, layout)
    return packed_stages(model, y, layout, grn, sites)


def packed_stages(
    model: ConvNeXt, y: Tensor, layout: PackedLayout, grn: GrnPool = "sample", sites: Tensor | None = None
) -> Tensor:
    """What comes after a stem: (B, V, 8, 8, D) at the sites of the visible patches -> (B, V, widths[3]).

    Args:
        model: a ConvNeXt V2 whose blocks have linear layers.
        sites: (B, V, 8, 8, 1) bool, which of them exist; None: all.
    """
    stages: Any = model.stages
    for stage in stages:
        if not isinstance(stage.downsample, nn.Identity):
            y, sites = _downsample(stage.downsample, y, sites)
        windows = layout.windows(y.shape[2], radius=3)
        for block in stage.blocks:
            y = packed_block(block, y, windows, grn, sites)
    return y.flatten(2)


def packed_block(
    block: Any, x: Tensor, windows: Windows, grn: GrnPool = "sample", sites: Tensor | None = None
) -> Tensor:
    """One of timm's ConvNeXt V2 blocks at packed sites.

    Args:
        block: a ConvNeXtBlock with 7 x 7 kernel, GRN and linear layers, without layer scale.
        x: (B, V, side, side, C).
        windows: of the same layout and side, with radius 3.
        sites: (B, V, side, side, 1) bool, which sites exist; None: all.
    """
    channels = x.shape[-1]
    out = depthwise_conv(x.reshape(-1, channels), block.conv_dw.weight, block.conv_dw.bias, windows)
    out = _layer_norm(block.norm, out.view(1 if grn == "batch" else len(x), -1, channels))  # (G, R, C)
    hidden = F.gelu(block.mlp.fc1(out))
    if sites is not None:
        hidden = torch.where(sites.view(*out.shape[:2], 1), hidden, 0)
    out = _respond(block.mlp.grn, block.mlp.fc2, hidden).view_as(x)
    return x + _existing(block.drop_path(exact_on_cpu(out)), sites)


def densify(features: Tensor, mask: Mask, rows: int, cols: int) -> Tensor:
    """Packed features on the grid of rows x cols patches: (B, V, D) -> (B, D, rows, cols), zero at removed patches."""
    n_images, _, width = features.shape
    index = mask.visible.to(features.device).unsqueeze(-1).expand_as(features)
    dense = features.new_zeros(n_images, rows * cols, width).scatter(1, index, features)
    return dense.mT.reshape(n_images, width, rows, cols)


def _layout(model: MpMaeConvNeXt, x: Tensor, mask: Mask) -> PackedLayout:
    stem: Any = model.stem
    if stem.conv.padding != (1, 1) or stem.patch.padding != (0, 0):
        raise UserError('Visible patches need an encoder aligned with the patch grid; build it with padding="same".')
    bands, patch = stem.conv.in_channels, model.patch
    if x.ndim != 4 or x.shape[1] != bands:
        raise UserError(f"The images are {list(x.shape)}; this encoder wants [batch, {bands} bands, height, width].")
    height, width = x.shape[2:]
    if height % patch or width % patch:
        raise UserError(f"The images are {height}x{width} px; crop them to multiples of the {patch} px patch.")
    rows, cols = height // patch, width // patch
    if len(mask.visible) != len(x) or mask.n_patches != rows * cols or mask.visible.shape[1] == 0:
        raise UserError(
            f"The mask keeps {mask.visible.shape[1]} of {mask.n_patches} patches in {len(mask.visible)} images; wanted "
            f"at least one of {rows}x{cols} patches in {len(x)} images. Draw it for this batch and image size."
        )
    return PackedLayout(mask.visible.to(x.device), rows, cols)


def _stem(stem: Any, pixels: Tensor, sites: Tensor | None, layout: PackedLayout) -> tuple[Tensor, Tensor | None]:
    """3x3 convolution at every pixel, then a depthwise step per k x k pixels: (B, V, p, p, C) -> (B, V, 8, 8, D)."""
    n_images, n_visible, patch, _, bands = pixels.shape
    windows = layout.patch_windows(patch, radius=1)
    y = F.conv2d(read_windows(pixels.reshape(-1, bands), windows.reads), stem.conv.weight, stem.conv.bias)
    y = F.gelu(_layer_norm(stem.conv_norm, y.permute(0, 2, 3, 1)))  # (B * V, p, p, D)
    if sites is not None:
        y = torch.where(sites.flatten(0, 1), y, 0)
        sites = _coarser(sites, stem.patch.stride[0])
    y = blockwise_conv(stem.patch, y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    y = _layer_norm(stem.patch_norm, y.unflatten(0, (n_images, n_visible)))
    return _existing(y, sites), sites


def _downsample(downsample: Any, x: Tensor, sites: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """LayerNorm, then a 2x2 convolution with stride 2, which inside patches is a linear layer."""
    norm, conv = downsample
    n_images, n_visible, side, _, channels = x.shape
    x = _existing(_layer_norm(norm, x), sites)
    x = x.view(n_images, n_visible, side // 2, 2, side // 2, 2, channels).transpose(3, 4).flatten(4)
    sites = None if sites is None else _coarser(sites, 2)
    x = exact_on_cpu(F.linear(x, conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias))
    return _existing(x, sites), sites


def _respond(grn: Any, fc2: nn.Linear, hidden: Tensor) -> Tensor:
    """Global response normalisation and the linear layer after it: (G, R, K) -> (G, R, C), pooling over R sites.

    GRN scales channels and adds a constant; scaling the weights instead is cheaper when the sites outnumber them.
    """
    norm = site_norm(hidden)
    scale = 1 + grn.weight * norm / (norm.mean(-1, keepdim=True) + grn.eps)  # (G, 1, K)
    bias = torch.addmv(fc2.bias, fc2.weight, grn.bias)
    if hidden.shape[1] >= fc2.out_features:
        return torch.baddbmm(bias, hidden, (fc2.weight * scale).mT)
    return F.linear(hidden * scale.to(hidden.dtype), fc2.weight, bias)


def _layer_norm(norm: Any, x: Tensor) -> Tensor:
    """Layer normalisation over the last axis, which timm's LayerNorm2d would look for in the second."""
    return F.layer_norm(at_least_float32(x), norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def _existing(x: Tensor, sites: Tensor | None) -> Tensor:
    return x if sites is None else torch.where(sites, x, 0)


def _coarser(sites: Tensor, k: int) -> Tensor:
    """Blocks of k x k sites that hold at least one: (B, V, s, s, 1) -> (B, V, s / k, s / k, 1)."""
    return sites.unflatten(3, (-1, k)).unflatten(2, (-1, k)).any(5).any(3)

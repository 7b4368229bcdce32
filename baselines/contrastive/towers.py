"""The encoder of one modality: an entry for any subset of channels, then a vision transformer or a ConvNeXt V2.

Both bodies are timm's (Dosovitskiy et al., arXiv:2010.11929; Woo et al., arXiv:2301.00808) but for the first layer.
"""

from collections.abc import Sequence
from typing import cast

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from baselines.contrastive.channels import ChannelEntry
from baselines.contrastive.config import SIZES, ContrastiveConfig
from mp_mae.config import EncoderConfig
from mp_mae.encoder import MpMaeConvNeXt, build_encoder

GRID = 7
"""Positions a side that a transformer learns, interpolated for images of other sizes: MMEarth's crops of 56 and 112
pixels have as many patches of 8 and 16."""


class Tower(nn.Module):
    """(B, C', H, W) float32, NaN = missing -> one vector an image (B, D): the normed mean over its patches."""

    def __init__(self, entry: ChannelEntry, body: VisionTransformer | MpMaeConvNeXt, patch: int) -> None:
        super().__init__()
        self.entry = entry
        self.body = body
        self.patch = patch

    @property
    def width(self) -> int:
        """D."""
        return self.body.num_features

    def forward(self, pixels: Tensor, channels: Sequence[str] | None = None) -> Tensor:
        """The vector of each image.

        Args:
            pixels: as of `ChannelEntry`, sides multiples of the patch.
            channels: as of `ChannelEntry`.
        Raises:
            ValueError: a side that is no multiple of the patch; as `ChannelEntry`.
        """
        height, width = pixels.shape[-2:]
        if height % self.patch or width % self.patch:
            raise ValueError(f"wanted sides that are multiples of {self.patch} pixels, found {height} x {width}")
        return self.body.forward_head(self.body.forward_features(self.entry(pixels, channels)), True)


class _Patches(nn.Module):
    """Stands where a transformer cuts patches, which the entry has done: (B, D, h, w) -> (B, h, w, D)."""

    grid_size = (GRID, GRID)

    def forward(self, patches: Tensor) -> Tensor:
        return patches.permute(0, 2, 3, 1)


def build_tower(config: ContrastiveConfig, modality: str) -> Tower:
    """An untrained tower for the channels of one modality, drawn from torch's global generator."""
    build = _transformer if config.architecture == "vit" else _convnext
    entry, body = build(config, config.modalities[modality])
    return Tower(entry, body, config.patch)


def _transformer(config: ContrastiveConfig, channels: tuple[str, ...]) -> tuple[ChannelEntry, VisionTransformer]:
    """Without class token, dropout and classifier; a norm before the first block, as CLIP's has."""
    size, patch = SIZES[config.size].vit, config.patch
    body = VisionTransformer(
        img_size=GRID * patch,
        patch_size=patch,
        in_chans=1,
        num_classes=0,
        global_pool="avg",
        embed_dim=size.width,
        depth=size.depth,
        num_heads=size.heads,
        class_token=False,
        pre_norm=True,
        dynamic_img_size=True,
    )
    body.patch_embed = _Patches()
    return ChannelEntry(channels, size.width, kernel=patch, stride=patch), body


def _convnext(config: ContrastiveConfig, channels: tuple[str, ...]) -> tuple[ChannelEntry, MpMaeConvNeXt]:
    """MP-MAE's encoder of that size, whose first convolution is the entry."""
    body = build_encoder(EncoderConfig(SIZES[config.size].convnext, ("mixed",), config.patch))
    conv = cast(nn.Conv2d, body.stem.conv)
    body.stem.conv = nn.Identity()
    side = conv.kernel_size[0]
    return ChannelEntry(channels, conv.out_channels, kernel=side, stride=1, padding=side // 2), body

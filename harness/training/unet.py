"""A U-Net decoder over any feature pyramid: from the coarsest map upwards, joining each finer one, to logits of pixels.

Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015 (arXiv:1505.04597). Norms are
per pixel over channels, as in the encoders, so no prediction depends on the other images of its batch.
"""

from collections.abc import Sequence

import torch
from timm.layers import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.contract import Level

MAX_WIDTH = 256
"""Channels of a decoder level: those of the map it joins, but no more than this."""


class UNetDecoder(nn.Module):
    """Maps of a pyramid -> logits of pixels."""

    def __init__(self, pyramid: Sequence[Level], n_classes: int) -> None:
        """
        Args:
            pyramid: levels, finest first, with known channels; strides may be any that rise.
            n_classes: channels of the output.
        """
        super().__init__()
        channels = []
        for level in pyramid:
            assert level.channels is not None, "a pyramid of learned features knows its channels"
            channels.append(level.channels)
        widths = [min(width, MAX_WIDTH) for width in channels]
        self.stride = pyramid[0].stride
        self.norms = nn.ModuleList(LayerNorm2d(width) for width in channels)
        self.bottom = convolution(channels[-1], widths[-1])
        self.joins = nn.ModuleList(
            nn.Sequential(convolution(below + skip, width), convolution(width, width))
            for below, skip, width in zip(widths[1:], channels[:-1], widths[:-1], strict=True)
        )
        self.classify = nn.Conv2d(widths[0], n_classes, kernel_size=1)

    def forward(self, maps: Sequence[Tensor], size_px: tuple[int, int]) -> Tensor:
        """
        Args:
            maps: per level (B, D_i, h_i, w_i). They may reach beyond the image, which was padded, or end before it.
            size_px: (H, W) of the masks.
        Returns:
            (B, K, H, W) logits.
        """
        levels = [norm(level) for norm, level in zip(self.norms, maps, strict=True)]
        x = self.bottom(levels[-1])
        for join, skip in zip(reversed(self.joins), reversed(levels[:-1]), strict=True):
            x = join(torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], dim=1))
        logits = self.classify(x)
        if self.stride > 1:
            logits = F.interpolate(logits, scale_factor=self.stride, mode="bilinear", align_corners=False)
        return fit(logits, size_px)


def convolution(channels: int, width: int) -> nn.Sequential:
    """3 x 3, a norm of each pixel over channels, GELU."""
    return nn.Sequential(nn.Conv2d(channels, width, kernel_size=3, padding=1), LayerNorm2d(width), nn.GELU())


def fit(logits: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Cut what lies beyond the bottom and right border; repeat the last row and column where they end before it."""
    height, width = size_px
    down, right = height - logits.shape[-2], width - logits.shape[-1]
    logits = F.pad(logits, (0, max(right, 0), 0, max(down, 0)), mode="replicate") if max(down, right) > 0 else logits
    return logits[..., :height, :width]

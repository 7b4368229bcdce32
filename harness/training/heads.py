"""Heads over feature pyramids: maps in, logits of pixels out.

Norms are per pixel over channels, as in the encoders, so no prediction depends on the other images of its batch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.contract import Level

MAX_WIDTH = 256
"""Channels of a level of the U-Net: those of the map it joins, but no more than this."""


class UNetDecoder(nn.Module):
    """Maps of a pyramid -> logits of pixels: from the coarsest map upwards, joining each finer one.

    Ronneberger et al., U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015 (arXiv:1505.04597).
    """

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
        self.norms = nn.ModuleList(norm_2d(width) for width in channels)
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


class ConvHead(nn.Module):
    """Maps of a frozen pyramid -> logits of pixels: a few convolutions, the same for every backbone.

    Every level is projected to the same few channels at its own resolution, resampled to the finest and added up: by
    linearity the same as one 1 x 1 convolution of the hypercolumn, at a fraction of the work. Then 3 x 3 convolutions
    see neighbours, which no linear map of a pixel's own features does. A raw band and a learnt channel pass through the
    same number of convolutions, so that a backbone gains by what it knows and not by being a network at all.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int], width: int, depth: int, n_classes: int) -> None:
        """
        Args:
            channels, strides: of the levels, finest first.
            width: channels between the layers.
            depth: 3 x 3 convolutions; each sees a ring of cells of the finest level more.
        """
        super().__init__()
        self.strides = tuple(strides)
        self.project = nn.ModuleList(nn.Conv2d(found, width, kernel_size=1) for found in channels)
        self.mix = nn.Sequential(*(convolution(width, width) for _ in range(depth)))
        self.classify = nn.Conv2d(width, n_classes, kernel_size=1)

    def forward(self, maps: Sequence[Tensor], size_px: tuple[int, int]) -> Tensor:
        """
        Args:
            maps: per level (B, D_i, h_i, w_i) float32. They may reach beyond the image, which was padded, or end before
                it.
            size_px: (H, W) of the masks.
        Returns:
            (B, K, H, W) logits.
        """
        height, width = maps[0].shape[-2:]
        finest = self.strides[0]
        total = self.project[0](maps[0])
        for project, level, stride in zip(self.project[1:], maps[1:], self.strides[1:], strict=True):
            total = total + fit(enlarge(project(level), stride / finest), (height, width))
        return fit(enlarge(self.classify(self.mix(total)), finest), size_px)


def convolution(channels: int, width: int) -> nn.Sequential:
    """3 x 3, a norm of each pixel over channels, GELU."""
    return nn.Sequential(nn.Conv2d(channels, width, kernel_size=3, padding=1), norm_2d(width), nn.GELU())


def norm_2d(channels: int) -> nn.Module:
    """A LayerNorm of each pixel over channels."""
    from timm.layers import LayerNorm2d  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

    return LayerNorm2d(channels)


def fit(logits: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Cut what lies beyond the bottom and right border; repeat the last row and column where they end before it."""
    height, width = size_px
    down, right = height - logits.shape[-2], width - logits.shape[-1]
    logits = F.pad(logits, (0, max(right, 0), 0, max(down, 0)), mode="replicate") if max(down, right) > 0 else logits
    return logits[..., :height, :width]


def enlarge(level: Tensor, factor: float) -> Tensor:
    """A cell becomes factor x factor cells; values lie at the cells' middles, the border repeats beyond the last."""
    if factor == 1:
        return level
    return F.interpolate(level, scale_factor=factor, mode="bilinear", align_corners=False)

"""A small convolutional head over a frozen feature pyramid: what `conv_probe` trains.

Every level is projected to the same few channels at its own resolution, resampled to the finest and added up: by
linearity the same as one 1 x 1 convolution of the hypercolumn, at a fraction of the work. Then 3 x 3 convolutions see
neighbours, which no linear map of a pixel's own features does. A raw band and a learnt channel pass through the same
number of convolutions, so that a backbone gains by what it knows and not by being a network at all.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from harness.training.unet import convolution, fit


class ConvHead(nn.Module):
    """Maps of a pyramid -> logits of pixels."""

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
            total = total + fit(_enlarge(project(level), stride / finest), (height, width))
        return fit(_enlarge(self.classify(self.mix(total)), finest), size_px)


def _enlarge(level: Tensor, factor: float) -> Tensor:
    """A cell becomes factor x factor cells; values lie at the cells' middles, the border repeats beyond the last."""
    if factor == 1:
        return level
    return F.interpolate(level, scale_factor=factor, mode="bilinear", align_corners=False)

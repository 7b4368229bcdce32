"""The entry of a tower: any subset of channels in, one feature map out.

Every channel goes through one shared convolution, is multiplied by its own gains and gets its own offsets (that
channel's embedding), and the mean over the channels that are there goes on. A channel that is missing is thus not
filled with anything: the result is that of a model which never had it.

A gain is a number a filter. With one number for all filters a mean of channels would hold nothing but one weighted sum
of them; so each filter sees a mixture of its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_OFFSET_STD = 0.02


def present(pixels: Tensor) -> Tensor:
    """Which channels are there: (B, C, H, W), not finite = missing -> (B, C) bool, any finite value in the image."""
    return torch.isfinite(pixels).flatten(2).any(-1)


class ChannelEntry(nn.Module):
    """The shared convolution with gains and offsets by channel: (B, C', H, W) float32 -> (B, width, h, w).

    Kernels start from a normal distribution of variance 1 / fan-in and gains from one of variance 1, each truncated at
    2 standard deviations, so that weights of a channel are as large as an ordinary convolution's of one channel; a norm
    follows in every tower, so no scale depends on how many channels are there.
    """

    def __init__(self, channels: Sequence[str], width: int, *, kernel: int, stride: int, padding: int = 0) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.stride = stride
        self.padding = padding
        self.kernel = nn.Parameter(torch.empty(width, 1, kernel, kernel))
        self.gain = nn.Parameter(torch.empty(len(channels), width))
        self.offset = nn.Parameter(torch.empty(len(channels), width))
        nn.init.trunc_normal_(self.kernel, std=1 / kernel, a=-2 / kernel, b=2 / kernel)
        nn.init.trunc_normal_(self.gain, std=1.0)
        nn.init.trunc_normal_(self.offset, std=_OFFSET_STD)

    def forward(self, pixels: Tensor, channels: Sequence[str] | None = None) -> Tensor:
        """The map of the channels that are there; zeros of an image that has none.

        Args:
            pixels: (B, C', H, W) float32 standardised, not finite = missing: such a pixel enters as 0, the mean, where
                its channel has others.
            channels: names of the C' channels, any subset in any order; None: all, in the order of the model.
        Raises:
            ValueError: a channel that it does not have, or another number than the pixels have.
        """
        gain, offset = self._of(channels, pixels.shape[1])
        known = torch.isfinite(pixels)
        there = known.flatten(2).any(-1)
        share = there / there.sum(1, keepdim=True).clamp(min=1)  # (B, C')
        x = torch.where(known, pixels, 0.0) * share[:, :, None, None]
        # One ordinary convolution: what is linear in the channel needs no pass of its own for each.
        mixed = F.conv2d(x, self.kernel * gain.T[:, :, None, None], stride=self.stride, padding=self.padding)
        return mixed + (share @ offset)[:, :, None, None]

    def _of(self, channels: Sequence[str] | None, n: int) -> tuple[Tensor, Tensor]:
        """Gains and offsets of the channels that are given, each (C', width)."""
        if n != len(self.channels if channels is None else channels):
            named = self.channels if channels is None else channels
            raise ValueError(f"wanted pixels of the {len(named)} channels {', '.join(named)}; found {n} channels")
        if channels is None:
            return self.gain, self.offset
        foreign = [name for name in channels if name not in self.channels]
        if foreign:
            raise ValueError(f"no channel {', '.join(foreign)}; there are {', '.join(self.channels)}")
        index = torch.tensor([self.channels.index(name) for name in channels], device=self.gain.device)
        return self.gain[index], self.offset[index]

"""Feature maps in half precision that a linear model cannot tell from single precision.

Half precision keeps 11 bits of a value, enough once a channel is centred, but ends at 65,504. So every channel is
centred by its mean and scaled by a power of two to a standard deviation of about 1, both over the first images; where a
later image goes beyond, the channel's scale is lowered and what was written is rewritten, which is exact but for values
that nothing hangs on. Images are taken one by one, so that no batch size changes a digit.
"""

import numpy as np
import torch
from torch import Tensor

from harness.errors import UserError
from harness.store.arrays import ArrayWriter

HALF = np.dtype(np.float16)
N_FIRST = 16
"""Images that decide about centres and scales; fewer in a smaller dataset."""
LARGEST = 2.0**15
"""In absolute value, of what is written."""
HEADROOM = 2.0**6
"""Left above the value for which a scale was lowered, so that few have to be lowered twice."""
NARROWEST = 2.0**-10
"""A channel's standard deviation over the first images counts as no less than this part of its level's: one that is
constant there need not be so elsewhere."""


class HalfWriter:
    """Writes the maps of one level of a pyramid."""

    def __init__(self, writer: ArrayWriter, stride: int) -> None:
        """
        Args:
            writer: of (N, h, w, D) float16.
            stride: names the level in messages.
        """
        self._writer, self._stride = writer, stride
        self._first: list[Tensor] = []
        self._n_first = min(N_FIRST, writer.shape[0])
        self._mean, self._scale = torch.zeros(0), torch.zeros(0)

    def append(self, maps: Tensor) -> None:
        """Add (B, D, h, w) float32 maps, on any device.

        Raises:
            UserError: a value is not finite.
        """
        if self._n_first:
            self._first.append(maps[: self._n_first])
            maps = maps[self._n_first :]
            self._n_first -= len(self._first[-1])
            if self._n_first:
                return
            first, self._first = torch.cat(self._first), []
            self._mean, self._scale = _channel_units(first)
            self._fit_and_write(first)
        if len(maps):
            self._fit_and_write(maps)

    def _fit_and_write(self, maps: Tensor) -> None:
        if self._scaled(maps).abs().amax() <= LARGEST:
            self._write(maps)
            return
        for image in maps.split(1):
            self._make_room(image)
            self._write(image)

    def _scaled(self, maps: Tensor) -> Tensor:
        return (maps - self._mean) * self._scale

    def _write(self, maps: Tensor) -> None:
        half = self._scaled(maps).to(torch.float16)
        if not torch.isfinite(half).all():
            raise UserError(
                f"the feature map at stride {self._stride} has values that are not finite. Look for broken weights"
            )
        self._writer.append(half.permute(0, 2, 3, 1).contiguous().cpu().numpy())

    def _make_room(self, image: Tensor) -> None:
        """Lower the scale of channels that one image would drive beyond the largest value, in what was written too."""
        largest = self._scaled(image.double()).abs().amax(dim=(0, 2, 3))  # (D,)
        factors = torch.where(largest > LARGEST, 2.0 ** -(largest * HEADROOM / LARGEST).log2().ceil(), 1.0).float()
        if (factors < 1).any():
            self._scale = self._scale * factors[:, None, None]
            by_channel = factors.cpu().numpy()
            self._writer.rewrite(lambda rows: rows.astype(np.float32) * by_channel)


def _channel_units(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and inverse standard deviation per channel of (B, D, h, w) maps, each (D, 1, 1), the latter a power of 2."""
    moments = [torch.std_mean(image.double(), dim=(1, 2), correction=0) for image in maps]
    means, squares = torch.stack([mean for _, mean in moments]), torch.stack([std.square() for std, _ in moments])
    mean = means.mean(dim=0)
    std = (squares + (means - mean).square()).mean(dim=0).sqrt()  # (D,)
    std = std.clamp(min=float(std[std > 0].median()) * NARROWEST) if (std > 0).any() else torch.ones_like(std)
    return mean.float()[:, None, None], (2.0 ** -std.log2().round()).float()[:, None, None]

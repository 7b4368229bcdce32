"""Feature maps in half precision that a linear model cannot tell from single precision.

Half precision keeps 11 bits of a value, enough once a channel is centred, but ends at 65,504. So every channel is
centred by its mean and scaled by a power of two to a standard deviation of about 1, both over the first images; where a
later image goes beyond, the channel's scale is lowered and what was written is rewritten, which is exact but for values
that nothing hangs on. A value so large that half precision cannot hold the other images beside it is an error.
Images are taken one by one, so that no batch size changes a digit.
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
SMALLEST = 2.0**-12
"""No scale makes the usual image's standard deviation less. Half precision ends at steps of 2^-24, which would then be
coarser than the digits it keeps of such values."""
OUTLYING = 2.0**4
"""Times what is usual for an image, from which a channel's standard deviation is the work of few images. The mean would
be theirs as well, far from the others; the median image's is taken."""


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
        self._n_done = 0
        self._mean, self._scale, self._least_scale = torch.zeros(0), torch.zeros(0), torch.zeros(0)

    @property
    def units(self) -> np.ndarray:
        """(2, D) float32: what was subtracted from each channel, and what the rest was then multiplied by."""
        return torch.stack([self._mean, self._scale])[..., 0, 0].cpu().numpy()

    def append(self, maps: Tensor) -> None:
        """Add (B, D, h, w) float32 maps, on any device.

        Raises:
            UserError: a value is not finite, or so large that half precision cannot hold the other images as well.
        """
        if self._n_first:
            self._first.append(maps[: self._n_first])
            maps = maps[self._n_first :]
            self._n_first -= len(self._first[-1])
            if self._n_first:
                return
            first, self._first = torch.cat(self._first), []
            self._mean, self._scale, self._least_scale = _channel_units(first)
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
        self._n_done += len(half)

    def _make_room(self, image: Tensor) -> None:
        """Lower the scale of channels that one image would drive beyond the largest value, in what was written too."""
        largest = self._scaled(image.double()).abs().amax(dim=(0, 2, 3))  # (D,)
        least = (self._least_scale / self._scale)[:, 0, 0].double()
        for channel in torch.nonzero(largest.isfinite() & (largest * least > LARGEST))[:1, 0].tolist():
            raise UserError(
                f"the feature map at stride {self._stride} has values in channel {channel} of image {self._n_done} (in "
                "the order of names, from 0) beside which half precision cannot hold those of other images. Look for "
                "broken weights"
            )
        wanted = torch.maximum(2.0 ** -(largest * HEADROOM / LARGEST).log2().ceil(), least)
        factors = torch.where(largest > LARGEST, wanted, 1.0).float()
        if (factors < 1).any():
            self._scale = self._scale * factors[:, None, None]
            by_channel = factors.cpu().numpy()
            self._writer.rewrite(lambda rows: rows.astype(np.float32) * by_channel)


def _channel_units(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What channels of (B, D, h, w) maps are centred and scaled by, each (D, 1, 1): the mean, the inverse standard
    deviation and the least scale at which the usual image keeps its digits; the latter two are powers of 2."""
    moments = [torch.std_mean(image.double(), dim=(1, 2), correction=0) for image in maps]
    means, squares = torch.stack([mean for _, mean in moments]), torch.stack([std.square() for std, _ in moments])
    mean = means.mean(dim=0)
    std = (squares + (means - mean).square()).mean(dim=0).sqrt()  # (D,)
    std = std.clamp(min=float(std[std > 0].median()) * NARROWEST) if (std > 0).any() else torch.ones_like(std)
    # What is usual for an image, however far one of them is from the others.
    median = means.median(dim=0).values
    usual = (squares + (means - median).square()).median(dim=0).values.sqrt()  # (D,)
    level = float(usual[usual > 0].median()) if (usual > 0).any() else float("inf")
    usual = torch.minimum(usual.clamp(min=level), std)
    mean = torch.where(std > OUTLYING * usual, median, mean)
    least = SMALLEST * 2.0 ** -usual.log2().round()
    scale = torch.maximum(2.0 ** -std.log2().round(), least)
    mean, scale, least = (values.float()[:, None, None] for values in (mean, scale, least))
    return mean, scale, least


def convert(level: np.ndarray, units: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(..., D) float16 maps in the units of another level: float32, as they need not fit into half precision there.

    Args:
        units: (2, D) float32 of `level` (`HalfWriter.units`); `wanted` likewise.
    """
    mean, scale = units
    wanted_mean, wanted_scale = wanted
    return (level.astype(np.float32) / scale + (mean - wanted_mean)) * wanted_scale

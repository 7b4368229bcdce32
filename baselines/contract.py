"""The one contract every backbone meets.

The public call prepares the input (size, no data, normalisation, padding) and the subclass only embeds, so no backbone
can forget a step and no two backbones can differ in it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from baselines.inputs import Preparation, PretrainingStatistics, pad_to_multiple, prepare


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What a backbone eats."""

    bands: tuple[str, ...] | None
    """Bands by name in channel order (canonical Sentinel-2 `B4`, or a common name such as `red`); None: every band of
    the dataset, in the dataset's order."""
    size_multiple: int = 1
    """Images are padded at the bottom and right to a multiple of this side, in pixels, repeating the border."""
    pretraining: PretrainingStatistics = field(default_factory=dict)
    """Empty: there was no pretraining, or its statistics are not known."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the weights come from: all of it is recorded with each run."""

    weights_sha256: str
    """Content hash of the weights, independent of the file format they came in."""
    description: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else decides the features (for example the padding), JSON-able; part of a run's identity."""


@dataclass(frozen=True)
class Level:
    """One level of a feature pyramid: a map of `channels` at `stride` pixels per cell."""

    channels: int | None
    """None: as many as follow from the number of bands, of a backbone that takes every band."""
    stride: int


@dataclass(frozen=True)
class Features:
    """What a backbone returns for a batch."""

    vector: Tensor
    """(B, D) float32: the pooled embedding."""
    maps: tuple[Tensor, ...]
    """One (B, D_i, H / s_i, W / s_i) float32 map per level of the pyramid, finest first; none if it has no pyramid."""


class Backbone(nn.Module, ABC):
    """A model that turns an image into features."""

    version: int = 1
    """Raised when the same weights would give other features; part of a run's identity."""

    def __init__(self, *, inputs: InputSpec, origin: Origin, pyramid: tuple[Level, ...]) -> None:
        super().__init__()
        self.inputs = inputs
        self.origin = origin
        self.pyramid = pyramid
        self.entrance = nn.Identity()
        """What passes here is the tensor the network gets: the place for a hook that measures it."""

    def forward(self, pixels: Tensor, preparation: Preparation) -> Features:
        """Embed a batch.

        Args:
            pixels: (B, C, H, W) float32 in the dataset's own unit, bands as in `inputs.bands`; not finite = no data.
            preparation: per-band mean and standard deviation in that unit, and the size. No data becomes the mean.
        """
        prepared = pad_to_multiple(prepare(pixels, preparation), self.inputs.size_multiple)
        return self.embed(self.entrance(prepared))

    @abstractmethod
    def embed(self, x: Tensor) -> Features:
        """Features of (B, C, H, W) float32 standardised pixels without missing values."""

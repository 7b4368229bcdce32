"""The one contract every backbone meets.

The public call prepares the input (size, unit, no data, normalisation, limits, padding) and the subclass only embeds,
so no backbone can forget a step and no two backbones can differ in it.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from baselines.bands import BandInfo, Unit
from baselines.facts import UNKNOWN, Circumstances, Fact, Facts, choose_facts
from baselines.inputs import Moments, Preparation, PretrainingStatistics, prepare


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What a backbone eats."""

    bands: tuple[str, ...] | None
    """Bands by name in channel order (canonical Sentinel-2 `B4`, or a common name such as `red`); None: every band of
    the dataset, in the dataset's order."""
    size_multiple: int = 1
    """Images are padded at the bottom and right to a multiple of this side, in pixels, repeating the border."""
    unit: Unit | None = None
    """The unit of the values it was trained with, to which a dataset's are converted unless the dataset's own
    statistics standardise them. None: it has only ever seen standardised values, so no unit is known to fit."""
    units: Mapping[str, Unit] = field(default_factory=dict)
    """Of the bands whose unit is another one, by the band's name: radar beside light."""
    moments: Mapping[str, Moments] = field(default_factory=dict)
    """What standardised its input while it was trained, in the unit of the band, by the band's name. A scale without a
    shift is a mean of 0."""
    pretraining: PretrainingStatistics = field(default_factory=dict)
    """The same where it differs by what the pixels are, and not by their unit alone; goes before `moments`. Both empty:
    there was no pretraining, or its statistics are not known."""
    names_channels: Callable[[Sequence[BandInfo]], Sequence[str | None]] | None = None
    """Of a backbone that matches bands itself: what it, and so its `pretraining`, calls each of them; None of one it
    does not read. None: statistics go by the bands' own names."""
    standardised: bool | None = None
    """Whether a dataset's statistics may standardise its input. False: it gets values in its unit (as they are stored,
    if it declares none), scaled by its `moments` if it has any, and never others. None: False for a unit without
    statistics, else True."""
    as_trained: bool = False
    """Whether its input is what it was trained with (its unit, its statistics) unless `--normalisation` says otherwise.
    Else a dataset's own statistics standardise it, as most published evaluations do."""
    limits: tuple[float, float] | None = None
    """Values are clipped to (least, greatest) after they were standardised; None: they are not."""
    native_size_px: int | None = None
    """Side of the images it was trained with; None: not said."""
    fixed_size: bool = False
    """Whether it can embed images of `native_size_px` alone."""
    uses: frozenset[Fact] = frozenset()
    """What it wants to be told of the pixels besides their values; it is told nothing else."""

    def __post_init__(self) -> None:
        if isinstance(self.bands, str):
            raise ValueError(f'InputSpec: `bands` is the text {self.bands!r}. Declare a tuple: ("{self.bands}",)')
        if self.unit is not None and self.unit not in list(Unit):
            raise ValueError(f"InputSpec: unknown `unit` {self.unit!r}. Declare one of {', '.join(map(str, Unit))}")
        foreign = sorted(self.units.keys() - set(self.bands or ()))
        if foreign:
            raise ValueError(f"InputSpec: `units` of {' '.join(foreign)}, which `bands` does not name")
        if self.moments and self.unit is None:
            raise ValueError("InputSpec: `moments` are numbers in a unit. Declare `unit`")
        if self.units and self.unit is None:
            raise ValueError("InputSpec: `units` are those of some bands. Declare `unit`, which the others have")
        if self.as_trained and not (self.moments or self.pretraining):
            raise ValueError("InputSpec: `as_trained` is by its own statistics. Declare `moments` or `pretraining`")
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ValueError(f"InputSpec: `limits` are {self.limits}. Declare (least, greatest)")
        if self.fixed_size and self.native_size_px is None:
            raise ValueError("InputSpec: a fixed size is a size. Declare `native_size_px`")

    @property
    def wants_raw_values(self) -> bool:
        """Whether values that a dataset's statistics standardised would be foreign to it."""
        if self.standardised is None:
            return self.unit is not None and not self.moments and not self.pretraining
        return not self.standardised

    def unit_of(self, channel: int) -> Unit | None:
        """The unit of the band that enters there."""
        return self.unit if self.bands is None else self.units.get(self.bands[channel], self.unit)

    @property
    def unit_in_words(self) -> str:
        """What its values are, for a list."""
        if self.unit is None:
            return "as stored" if self.wants_raw_values else "standardised"
        return " and ".join(dict.fromkeys(str(self.unit_of(channel)) for channel in range(len(self.bands or (None,)))))


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


@dataclass(frozen=True)
class Reference:
    """A known answer: what the model's own implementation gives of an image whose bands are known by name."""

    pixels: Mapping[str, Tensor]
    """Band -> (H, W) float32, prepared as the network gets it."""
    vector: Tensor
    """(D,) float32."""


class Backbone(nn.Module, ABC):
    """A model that turns an image into features."""

    version: int = 1
    """Raised when the same weights would give other features; part of a run's identity."""
    known_bands: tuple[str, ...] = ()
    """Of a backbone that takes whichever bands it knows by name (`InputSpec.bands` is None): all of them. Empty: it
    knows any."""
    reference: Reference | None = None
    """Lets the conformance suite find bands in a wrong order, which nothing else can."""
    channels_last: bool = False
    """Whether it embeds faster on a CPU where the channels of a pixel lie together in memory. No layer may then take
    a `view` that needs them apart."""

    def __init__(self, *, inputs: InputSpec, origin: Origin, pyramid: tuple[Level, ...]) -> None:
        super().__init__()
        self.inputs = inputs
        self.origin = origin
        self.pyramid = pyramid
        self.entrance = nn.Identity()
        """What passes here is the tensor the network gets: the place for a hook that measures it."""

    def forward(self, pixels: Tensor, preparation: Preparation, circumstances: Circumstances = UNKNOWN) -> Features:
        """Embed a batch.

        Args:
            pixels: (B, C, H, W) float32 in the dataset's own unit, bands as in `inputs.bands`; not finite = no data.
            preparation: per-band mean and standard deviation, and the size. No data becomes the mean.
            circumstances: of each image of the batch.
        Raises:
            ValueError: something that it uses (`InputSpec.uses`) is not among what is known, or the vector it returns
                is not one an image.
            TypeError: it returns something else than `Features`.
        """
        facts = choose_facts(self.inputs.uses, preparation.bands, circumstances, pixels.shape[1])
        prepared = prepare(pixels, preparation, self.inputs.limits, self.inputs.size_multiple)
        features = self.embed(self.entrance(prepared), facts)
        if not isinstance(features, Features):
            raise TypeError(f"`embed` returned {type(features).__name__}. Return Features(vector=..., maps=(...))")
        if features.vector.ndim != 2 or len(features.vector) != len(pixels):
            raise ValueError(
                f"`embed` returned a vector of shape {tuple(features.vector.shape)} for {len(pixels)} images. Return "
                f"({len(pixels)}, D)"
            )
        return features

    @abstractmethod
    def embed(self, x: Tensor, facts: Facts) -> Features:
        """Features of (B, C, H, W) float32 prepared pixels without missing values.

        Args:
            facts: what is declared in `InputSpec.uses`, and nothing else.
        """

    def reads(self, bands: Sequence[BandInfo]) -> Sequence[int]:
        """Which of a dataset's bands enter, by position, where `inputs.bands` is None; none: it does not apply."""
        return range(len(bands))


class FittedBackbone(Backbone):
    """A backbone that takes something from the unlabelled train images of the dataset it is evaluated on.

    Its origin is that of the recipe. What it was fitted to is told apart by the dataset and the names of the images.
    """

    @abstractmethod
    def fit(self, images: Sequence[Tensor]) -> None:
        """Take it, once, before anything is embedded.

        Args:
            images: (C, H, W) float32 each, prepared as they enter the network, on the CPU, in the order of their names;
                each is read when it is asked for.
        """


def fitted(backbone: FittedBackbone, images: Sequence[Tensor]) -> FittedBackbone:
    """A copy that is fitted to images, on the CPU."""
    copied = copy.deepcopy(backbone).cpu()
    with torch.inference_mode(False), torch.no_grad():  # whatever the caller is in, the copy can be used by others
        copied.fit(images)
    return copied

"""What a training minimises, as a seam: MP-MAE is one objective, and a second one is a class and a line in a table.

Loop, resume, log, schedule, checks and export (`mp_mae.training`) know of an objective what stands here and no more.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from mp_mae.config import SIZES, EncoderConfig
from mp_mae.modalities import MODALITIES, OPTICAL


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What a model is built for, as settings and data say; what of it can be honoured is up to the objective."""

    size: str
    """One of the objective's sizes (`ObjectiveEntry.sizes`)."""
    patch: int
    """Side of a patch in pixels."""
    bands: tuple[str, ...]
    """Sentinel-2 bands that are read, in the order of the channels."""
    modalities: tuple[str, ...]
    """Names of the targets that batches will have, in the order of MODALITIES."""

    @property
    def encoder(self) -> EncoderConfig:
        """An MP-MAE encoder of these bands. Raises UserError when there is none of that size or patch."""
        return EncoderConfig(self.size, self.bands, self.patch)

    @property
    def channels(self) -> dict[str, tuple[str, ...]]:
        """Channels of every target by modality, in the order of its tensor."""
        return {name: self.bands if name == OPTICAL else MODALITIES[name].bands for name in self.modalities}


@dataclass(frozen=True, eq=False)
class LossReport:
    """Losses of one batch. All but `total` carry no gradient and stay on the device."""

    total: Tensor
    """Scalar to minimise."""
    by_task: Mapping[str, Tensor]
    """Mean of each named loss before weighting; 0 where it has no valid target. The names are those of the log."""
    n_valid: Mapping[str, Tensor]
    """Over how many values each mean was taken in this batch: numbers, pixels or images."""


class Objective(nn.Module, ABC):
    """A model that turns a batch into named losses. What is exported of it is said by its ObjectiveEntry.

    For each optimizer step a training calls `draw` once, for the tiles of all processes; for each micro-batch it then
    calls `inputs` with that micro-batch's part of what was drawn, and the module on these inputs:

        module(*inputs, share_counts) -> LossReport

    `share_counts` is None, or turns a tensor of counts of this process into their mean over the processes that share a
    batch. Losses that divide by shared counts have, averaged over processes, the gradient of the whole batch.
    Everything that decides how a training goes on is in the module's tensors, the seed and the step, so an objective
    keeps no other state and takes random numbers from `draw` alone.
    Every parameter gets a gradient in every step, or is frozen (`requires_grad_(False)`): processes and checkpoints
    wait for one.
    """

    crops_per_tile: ClassVar[int] = 1
    """Random crops that are read of each tile, each with a place and an orientation of its own."""
    compares_tiles: ClassVar[bool] = False
    """Whether the loss of a tile depends on the other tiles of its micro-batch, as that of a contrastive method does.
    The size of the micro-batch is then part of what is learnt, and has to be the same where a training is resumed."""

    @classmethod
    @abstractmethod
    def build(cls, options: Any, request: ModelRequest) -> Self:
        """The untrained model; initial weights come from torch's global generator, which the caller seeds.

        Args:
            options: the objective's own settings (`ObjectiveEntry.options`).
        Raises:
            UserError: what is requested does not go together.
        """

    @classmethod
    def encoded_patches(cls, options: Any, n_patches: int) -> int:
        """Patches of one tile that go through the encoder, of `n_patches` in a crop: they decide what fits in memory.

        Raises:
            UserError: the options leave none.
        """
        return cls.crops_per_tile * n_patches

    @classmethod
    def bytes_per_tile(cls, options: Any, request: ModelRequest, crop: int) -> int:
        """Memory that forward and backward of one tile keep, by a generous estimate; it decides the micro-batch.

        Here that of a model whose memory is that of one MP-MAE encoder: measured in float32, about 100 bytes per
        channel, site and block.

        Args:
            crop: side in pixels.
        Raises:
            UserError: the options leave no patch.
        """
        depths, widths = SIZES[request.size]
        sites = (64, 16, 4, 1)
        encoded = cls.encoded_patches(options, (crop // request.patch) ** 2)
        return 100 * encoded * sum(d * w * s for d, w, s in zip(depths, widths, sites, strict=True))

    @abstractmethod
    def draw(self, generator: torch.Generator, n_tiles: int, crop: int) -> Tensor:
        """Random numbers of one step, (n_tiles, ...) on the CPU: a tile's numbers are in its row, whoever works on it.

        Args:
            generator: seeded by the training's seed and the step.
            crop: side in pixels.
        """

    @abstractmethod
    def inputs(self, pixels: Tensor, targets: Mapping[str, Tensor], drawn: Tensor) -> tuple[Any, ...]:
        """What the module is called with for one micro-batch of B tiles, on the device of `pixels`.

        Args:
            pixels: (crops_per_tile * B, C, crop, crop) float32 standardised, 0 = missing: the first crop of every tile,
                then the second one of every tile.
            targets: by modality, cut alike, shaped and marked as its Kind says.
            drawn: (B, ...) rows of what `draw` returned, on the CPU.
        """

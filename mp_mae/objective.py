"""What a training minimises, as a seam: MP-MAE is one objective, and a second one is a class and a line in a table.

Loop, resume, log, schedule, checks and export (`mp_mae.training`) know of an objective what stands here and no more.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from mp_mae.config import SIZES, EncoderConfig
from mp_mae.errors import UserError
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
    names: tuple[str, ...]
    """Of the T losses that are told apart, as the log has them."""
    means: Tensor
    """(T,) mean of each before weighting; 0 where it has no valid target."""
    counts: Tensor
    """(T,) over how many values each mean was taken in this batch: numbers, pixels or images."""
    watched: Mapping[str, Tensor] = field(default_factory=dict)
    """Other numbers that the log keeps, by name, the same in every process: a learnt temperature, say."""

    @property
    def by_task(self) -> dict[str, Tensor]:
        """The means by name."""
        return dict(zip(self.names, self.means.unbind(), strict=True))

    @property
    def n_valid(self) -> dict[str, Tensor]:
        """The counts by name."""
        return dict(zip(self.names, self.counts.unbind(), strict=True))


class Objective(nn.Module, ABC):
    """A model that turns a batch into named losses. What is exported of it is said by its ObjectiveEntry.

    For each optimizer step a training calls `draw` once, for the tiles of all processes; for each micro-batch it then
    calls `inputs` with that micro-batch's part of what was drawn, and the module on these inputs:

        module(*inputs, share_counts) -> LossReport

    `share_counts` is None, or turns the counts of this call into what its losses divide by: the mean over all calls of
    the step (`counts`), or over those of all processes at the same time. Averaged over these calls, gradients are then
    those of the whole batch.
    Everything that decides how a training goes on is in the module's tensors, the seed and the step, so an objective
    keeps no other state and takes random numbers from `draw` alone.
    Every parameter gets a gradient in every step, or is frozen (`requires_grad_(False)`): processes and checkpoints
    wait for one.
    """

    reads_targets: ClassVar[bool] = False
    """Whether the model reads the targets too, and not Sentinel-2's pixels alone: what standardised them then belongs
    to what is exported."""
    crops_per_tile: ClassVar[int] = 1
    """Random crops that are read of each tile, each with a place and an orientation of its own."""
    compares_tiles: ClassVar[bool] = False
    """Whether the loss of a tile depends on the other tiles of its micro-batch, as that of a contrastive method does.
    The size of the micro-batch is then part of what is learnt, and has to be the same where a training is resumed."""

    bf16_on_cpu: ClassVar[bool] = False
    """Whether precision `auto` is bf16 on a CPU that multiplies in it: faster there, with the losses of float32."""

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

    def probed(self, pixels: Tensor) -> Tensor:
        """Vectors (B, D) by which a probe tells images from each other while the training goes on.

        Args:
            pixels: (B, C, crop, crop) float32 standardised, 0 = missing, in the bands that were requested.
        Raises:
            UserError: there are none, as here.
        """
        raise UserError("this objective has no vectors to probe. Leave --probe out.")

    def counts(self, *inputs: Any) -> Tensor | None:
        """Numbers of values that the losses of a micro-batch are means of, (T,) int64 in the order of their names, from
        what the module is called with. None, as here: they are not known before the predictions."""
        return None

    @classmethod
    def check(cls, options: Any, request: ModelRequest, crop: int, *, batch: int, micro_batch: int) -> None:
        """Refuses a training that would learn nothing, before it begins.

        Args:
            crop: side in pixels.
            batch: tiles of an optimizer step, over all processes.
            micro_batch: of these, how many go through the model at once.
        Raises:
            UserError: here, where tiles are compared and each is alone.
        """
        if cls.compares_tiles and micro_batch < 2:
            raise UserError(
                f"micro-batch {micro_batch}: this objective compares the tiles that go through the model at once, and "
                "one has none to be compared with. Choose a larger batch and micro_batch."
            )

    @classmethod
    def depends_on_micro_batch(cls, options: Any) -> bool:
        """Whether the size of the micro-batch is part of what is learnt and has to stay when a training is resumed."""
        return cls.compares_tiles


@dataclass(frozen=True, kw_only=True, eq=False)
class CachedGradient:
    """The gradient of a step's loss, found before, at what one micro-batch of it embeds."""

    embedded: Tensor
    """(B, ...) that of the micro-batch's embeddings, times the number of processes whose gradients are averaged."""
    parameters: Mapping[str, Tensor]
    """The micro-batch's share of that of the parameters which the comparison itself uses, by name."""


class ComparingObjective(Objective):
    """An objective whose loss compares all tiles of a step with each other, whoever works on them.

    Gradient caching (Gao et al., 2021, arXiv:2101.06983): every micro-batch is embedded without keeping activations,
    the loss of all embeddings of all processes gives their gradients, and every micro-batch is embedded once more, now
    to take its gradients on to the parameters. So neither the micro-batch nor the number of processes is part of what
    is learnt, and the memory is that of one micro-batch. Where one micro-batch of one process is the whole step, it is
    embedded once.

    `inputs` is called with the tiles' crops as of every objective; it leaves random changes out in evaluation mode.
    """

    @classmethod
    def check(cls, options: Any, request: ModelRequest, crop: int, *, batch: int, micro_batch: int) -> None:
        if batch < 2:
            raise UserError(
                f"batch {batch}: this objective compares the tiles of a step, and one has none to be compared with. "
                "Choose a larger batch, or more tiles."
            )

    @abstractmethod
    def embed(self, *inputs: Any) -> Tensor:
        """What is compared: (B, ...) of a micro-batch of B tiles. Every parameter but those of the comparison is used,
        whatever is missing."""

    @abstractmethod
    def known(self, *inputs: Any) -> Tensor:
        """What the comparison has to know of each tile beside, (B, ...) without gradient: what is missing, say."""

    @abstractmethod
    def compare(self, embedded: Tensor, known: Tensor, places: Tensor) -> LossReport:
        """The losses of a step.

        Args:
            embedded: (N, ...) of all its tiles.
            known: (N, ...) of all its tiles.
            places: (N, 3) float64 km, as `mp_mae.data.places` has them; NaN = not known.
        """

    @abstractmethod
    def judge(self, embedded: Tensor, known: Tensor, places: Tensor) -> Mapping[str, Mapping[str, float]]:
        """How well held-out tiles are told from each other: numbers by measure and by what they are of.

        What chance gives is among them, as "chance". Arguments are those of `compare`.
        """

    def forward(
        self, inputs: tuple[Any, ...], places: Tensor | None, cached: CachedGradient | None
    ) -> LossReport | Tensor:
        """The losses of a step of one micro-batch; with `cached`, a number with the gradient of the step's loss."""
        embedded = self.embed(*inputs)
        if cached is None:
            assert places is not None, "who compares knows the places"
            return self.compare_exactly(embedded, self.known(*inputs), places)
        parameters = dict(self.named_parameters())
        total = (embedded.float() * cached.embedded).sum()
        return total + sum((parameters[name] * gradient).sum() for name, gradient in cached.parameters.items())

    def compare_exactly(self, embedded: Tensor, known: Tensor, places: Tensor) -> LossReport:
        """`compare` in float32 at least, also where the model is called with mixed precision."""
        with torch.autocast(embedded.device.type, enabled=False):
            return self.compare(embedded.to(torch.promote_types(embedded.dtype, torch.float32)), known, places)

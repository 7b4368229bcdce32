"""The training objective `clip`: contrastive embeddings of every modality in one shared space."""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from baselines.contrastive.channels import present
from baselines.contrastive.config import SIZES, ContrastiveConfig
from baselines.contrastive.info_nce import pair_losses, pairs
from baselines.contrastive.model import ContrastiveModel
from baselines.contrastive.options import ContrastiveOptions
from baselines.contrastive.retrieval import RECALLS, recalls, retrieval_ranks, same_places
from mp_mae.config import SIZES as CONVNEXT_SIZES
from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES, OPTICAL, Kind
from mp_mae.objective import ComparingObjective, LossReport, ModelRequest


class Contrastive(ComparingObjective):
    """Towers and projections of all modalities, and what their vectors cost."""

    reads_targets = True

    def __init__(self, config: ContrastiveConfig, options: ContrastiveOptions) -> None:
        super().__init__()
        self.options = options
        self.names = tuple(config.modalities)
        self.model = ContrastiveModel(config)
        with torch.no_grad():
            self.model.log_scale.fill_(math.log(options.scale_init))

    @classmethod
    def build(cls, options: ContrastiveOptions, request: ModelRequest) -> Self:
        return cls(configure(options, request), options)

    @classmethod
    def bytes_per_tile(cls, options: ContrastiveOptions, request: ModelRequest, crop: int) -> int:
        size, patches = SIZES[request.size], (crop // request.patch) ** 2
        if options.architecture == "vit":
            of_tower = 100 * patches * size.vit.depth * (size.vit.width + size.vit.heads * patches // 10)
        else:
            depths, widths = CONVNEXT_SIZES[size.convnext]
            of_tower = 100 * patches * sum(d * w * s for d, w, s in zip(depths, widths, (64, 16, 4, 1), strict=True))
        return of_tower * len(request.modalities)

    def draw(self, generator: torch.Generator, n_tiles: int, crop: int) -> Tensor:
        """Uniform numbers (n_tiles, M + channels): one a modality, then one a channel of each modality in turn."""
        n_channels = sum(len(channels) for channels in self.model.config.modalities.values())
        return torch.rand(n_tiles, len(self.names) + n_channels, generator=generator)

    def inputs(
        self, pixels: Tensor, targets: Mapping[str, Tensor], drawn: Tensor
    ) -> tuple[Mapping[str, Tensor], Tensor]:
        """Images by modality, (B, C, H, W) float32 with NaN = missing, and which there are, (B, M) bool.

        In training some channels and modalities are left out at random: never the only channel of a modality, nor one
        of the only two modalities of a tile.
        """
        images = {name: targets[name] for name in self.names}
        if not self.training:
            return images, self._there(images)
        counts = [len(self.names), *(images[name].shape[1] for name in self.names)]
        of_modalities, *of_channels = drawn.to(pixels.device).split(counts, dim=1)
        for name, chances in zip(self.names, of_channels, strict=True):
            stay = keep(present(images[name]), chances, self.options.drop_channel, at_least=1)
            images[name] = images[name].masked_fill(~stay[:, :, None, None], torch.nan)
        there = self._there(images)
        return images, keep(there, of_modalities, self.options.drop_modality, at_least=2)

    def _there(self, images: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([present(images[name]).any(1) for name in self.names], dim=1)

    def embed(self, images: Mapping[str, Tensor], there: Tensor) -> Tensor:
        """Unit vectors (B, M, E) of every modality, also of one that is missing, where they mean nothing."""
        model = self.model
        return torch.stack([model.project(name, model.pooled(name, images[name])) for name in self.names], dim=1)

    def probed(self, pixels: Tensor) -> Tensor:
        if OPTICAL not in self.names:
            raise UserError(f"reads no {OPTICAL}, which the probe's images are. Leave --probe out.")
        return self.model.pooled(OPTICAL, pixels)

    def known(self, images: Mapping[str, Tensor], there: Tensor) -> Tensor:
        return there

    def compare(self, embedded: Tensor, known: Tensor, places: Tensor) -> LossReport:
        self.model.clamp_scale()
        scale = self.model.scale
        means, counts = pair_losses(embedded, known, same_places(places, places, self.options.same_place_km), scale)
        some = counts > 0
        return LossReport(
            total=means.sum() / some.sum().clamp(min=1),
            names=tuple(self.pair_names()),
            means=means.detach(),
            counts=counts,
            watched={"logit scale": scale.detach()},
        )

    def pair_names(self) -> Sequence[str]:
        """Names of the losses, one a pair of modalities."""
        return ["-".join(sorted((self.names[a], self.names[b]))) for a, b in pairs(len(self.names))]

    def judge(self, embedded: Tensor, known: Tensor, places: Tensor) -> Mapping[str, Mapping[str, float]]:
        """Retrieval of one modality by another, both ways, among the tiles that have both.

        Chance is that of the smallest gallery, the best there is.
        """
        measures: dict[str, dict[str, float]] = {}
        n = len(embedded)
        for a in range(len(self.names)):
            for b in range(len(self.names)):
                both = known[:, a] & known[:, b]
                if a == b or not both.any():
                    continue
                n = min(n, int(both.sum()))
                ranks = retrieval_ranks(embedded[both, a], embedded[both, b], places[both], self.options.same_place_km)
                for measure, value in recalls(ranks).items():
                    measures.setdefault(measure, {})[f"{self.names[a]} to {self.names[b]}"] = value
        chance = {**{f"recall@{k}": min(k / n, 1.0) for k in RECALLS}, "median rank": (n + 1) / 2}
        return {measure: {**values, "chance": chance[measure]} for measure, values in measures.items()}


def configure(options: ContrastiveOptions, request: ModelRequest) -> ContrastiveConfig:
    """The model that is asked for.

    Raises:
        UserError: fewer than two modalities, or one that is no image of numbers; a size or patch it does not have.
    """
    wrong = [name for name in request.modalities if MODALITIES[name].kind is not Kind.PIXEL_REGRESSION]
    if wrong:
        fitting = ", ".join(name for name, of in MODALITIES.items() if of.kind is Kind.PIXEL_REGRESSION)
        raise UserError(f"objective clip: {', '.join(wrong)} is no image of numbers. Choose from {fitting}.")
    if len(request.modalities) < 2:
        raise UserError(
            f"objective clip: wanted two or more modalities, found {', '.join(request.modalities)} alone. "
            "Pass --preset clip, or for example --preset sentinel2,sentinel1."
        )
    return ContrastiveConfig(
        size=request.size,
        architecture=options.architecture,
        patch=request.patch,
        modalities=request.channels,
        dim=SIZES[request.size].dim if options.dim is None else options.dim,
    )


def keep(there: Tensor, chances: Tensor, drop: float, *, at_least: int) -> Tensor:
    """What stays of what is there, (B, K) bool: each is left out where its chance is below `drop`.

    Of every row at least so many stay, or all there are: those with the largest chances.

    Args:
        there: (B, K) bool.
        chances: (B, K) uniform numbers.
    """
    order = torch.where(there, chances, -1.0).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    return there & ((chances >= drop) | (rank < at_least))

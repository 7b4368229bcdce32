"""Backbone `clip`: a contrastive model that takes whichever of its modalities and channels a dataset has.

A channel that is 0 all over an image, as one is that lacks data or that `--missing-bands zero` fills, is a missing one:
it takes no part. A modality without channels is missing for that image.
"""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.contrastive.channels import present
from baselines.contrastive.embeddings import AVERAGE, FUSED, average, fuse
from baselines.contrastive.files import SavedModel, load_model
from baselines.contrastive.matching import match_bands, name_channels
from baselines.contrastive.model import ContrastiveModel
from baselines.facts import Fact, Facts
from baselines.inputs import PretrainingStatistics
from baselines.weights.statistics import read_statistics
from mp_mae.errors import UserError


class ContrastiveBackbone(Backbone):
    """Towers of the modalities that are there, each once an image, and one embedding made of what they say."""

    def __init__(self, saved: SavedModel, embedding: str, description: str, pretraining: PretrainingStatistics) -> None:
        config = saved.model.config
        super().__init__(
            inputs=InputSpec(
                bands=None,
                size_multiple=config.patch,
                uses=frozenset({Fact.NAME, Fact.COMMON_NAME}),
                pretraining=pretraining,
                names_channels=partial(name_channels, config.modalities),
            ),
            origin=Origin(weights_sha256=saved.sha256, description=description),
            pyramid=(),
        )
        alone = {embedding: config.modalities[embedding]} if embedding in config.modalities else config.modalities
        self.model = _only(saved.model, alone, shared=embedding == AVERAGE)
        self.embedding = embedding
        self.modalities = alone
        """Those that this embedding is made of."""
        self.known_bands = tuple(channel for channels in alone.values() for channel in channels)
        self.widths = {name: saved.model.width(name) for name in alone}
        self.eval()

    def reads(self, bands: Sequence[BandInfo]) -> list[int]:
        return sorted(
            position for match in match_bands(self.modalities, bands).values() for position in match.positions
        )

    def embed(self, x: Tensor, facts: Facts) -> Features:
        known, pooled, there = known_pixels(x), {}, {}
        for modality, match in match_bands(self.modalities, facts.bands).items():
            pixels = known[:, match.positions]
            there[modality] = present(pixels).any(-1)
            pooled[modality] = self.model.pooled(modality, pixels, match.channels)
        return Features(vector=self._combine(pooled, there), maps=())

    def _combine(self, pooled: dict[str, Tensor], there: dict[str, Tensor]) -> Tensor:
        if self.embedding == AVERAGE:
            return average({name: self.model.project(name, vector) for name, vector in pooled.items()}, there)
        return fuse(pooled, there, self.widths)


def known_pixels(x: Tensor) -> Tensor:
    """(B, C, H, W) float32 prepared pixels with NaN all over a channel that is 0 all over its image: a missing one."""
    blank = (x == 0).flatten(2).all(-1)
    return torch.where(blank[..., None, None], torch.nan, x)


def _only(model: ContrastiveModel, modalities: Collection[str], *, shared: bool) -> ContrastiveModel:
    """The model without what an embedding has no use for, so that it is neither moved nor counted."""
    for name in model.config.modalities:
        if name not in modalities:
            del model.towers[name]
        if name not in modalities or not shared:
            del model.projections[name]
    return model


def build(weights: Path | None, seed: int, *, embedding: str = FUSED) -> Backbone:
    """The towers of a contrastive model.

    Args:
        weights: a folder that `baselines.contrastive.files.save_model` wrote.
        seed: unused, the weights decide.
        embedding: `fused`, `average`, or the name of a modality.
    Raises:
        UserError: no weights given, they cannot be loaded completely, or have no such embedding.
    """
    if weights is None:
        raise UserError(
            "it evaluates contrastive weights and none were given. Pass --weights DIR: what python -m mp_mae pretrain "
            "--preset clip exported"
        )
    saved = load_model(weights)
    config = saved.model.config
    choices = (FUSED, AVERAGE, *config.modalities)
    if embedding not in choices:
        raise UserError(f"{weights}: wanted the embedding {embedding}; there are {', '.join(choices)}")
    description = f"{weights.name}: {config.size}, {config.architecture}, {' '.join(config.modalities)}"
    pretraining = read_statistics(weights, saved.summary.normalisation, config.modalities)
    return ContrastiveBackbone(saved, embedding, description, pretraining)

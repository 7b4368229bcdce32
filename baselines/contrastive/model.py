"""The contrastive model: a tower and a projection for each modality, and how sharply similarities are weighed."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.contrastive.config import FIRST_LOGIT_SCALE, LOGIT_SCALES, ContrastiveConfig
from baselines.contrastive.towers import Tower, build_tower

_LOG_SCALES = tuple(math.log(scale) for scale in LOGIT_SCALES)


class ContrastiveModel(nn.Module):
    """Towers by modality and one space that all share.

    Weights are drawn from torch's global generator, modality by modality in the order of the configuration.
    """

    def __init__(self, config: ContrastiveConfig) -> None:
        super().__init__()
        self.config = config
        self.towers = nn.ModuleDict({name: build_tower(config, name) for name in config.modalities})
        self.projections = nn.ModuleDict(
            {name: nn.Linear(self.width(name), config.dim, bias=False) for name in config.modalities}
        )
        for projection in self.projections.values():
            width = cast(nn.Linear, projection).in_features
            nn.init.normal_(cast(nn.Linear, projection).weight, std=width**-0.5)
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_LOGIT_SCALE)))

    def width(self, modality: str) -> int:
        """Numbers of a tower's vector."""
        return cast(Tower, self.towers[modality]).width

    def pooled(self, modality: str, pixels: Tensor, channels: Sequence[str] | None = None) -> Tensor:
        """A tower's vector of each image (B, D) float32; of one without any channel it means nothing (`present`).

        Args:
            pixels: (B, C', H, W) float32 standardised, NaN = missing; a channel without any finite value is missing.
                Sides are multiples of the patch.
            channels: names of the C' channels, any subset in any order; None: all, in the configuration's order.
        Raises:
            ValueError: a side that is no multiple of the patch, or channels that this modality does not have.
        """
        return cast(Tensor, self.towers[modality](pixels, channels)).float()

    def project(self, modality: str, pooled: Tensor) -> Tensor:
        """Unit vectors (B, E) float32 in the shared space, of a tower's vectors (B, D)."""
        return F.normalize(cast(Tensor, self.projections[modality](pooled)).float(), dim=-1)

    @property
    def scale(self) -> Tensor:
        """The factor of similarities in the loss: `exp(log_scale)`, held within LOGIT_SCALES."""
        return self.log_scale.clamp(*_LOG_SCALES).exp()

    @torch.no_grad()
    def clamp_scale(self) -> None:
        """Bring `log_scale` itself back inside its limits, as must be done after each optimizer step: beyond a limit
        `scale` has no gradient that would bring it back."""
        self.log_scale.clamp_(*_LOG_SCALES)

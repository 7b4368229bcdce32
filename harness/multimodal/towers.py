"""Images into every tower of a contrastive model, vectors of the shared space out of it and into the cache."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features
from baselines.contrastive.backbone import ContrastiveBackbone, known_pixels
from baselines.contrastive.channels import present
from baselines.contrastive.matching import match_bands
from baselines.facts import Facts
from harness.multimodal.questions import Channels


class EveryTower(Backbone):
    """A contrastive model that says all that its towers see: with every channel, and without each.

    Its vector of an image is (S * E,), S parts in the order of `vectors.columns`; a part is zeros where the image lacks
    the modality.
    """

    def __init__(self, clip: ContrastiveBackbone) -> None:
        super().__init__(inputs=clip.inputs, origin=clip.origin, pyramid=())
        self.clip = clip
        self.eval()

    def reads(self, bands: Sequence[BandInfo]) -> Sequence[int]:
        return self.clip.reads(bands)

    def embed(self, x: Tensor, facts: Facts) -> Features:
        known, parts = known_pixels(x), []
        for modality, match in match_bands(self.clip.modalities, facts.bands).items():
            pixels, names = known[:, match.positions], match.channels
            parts.append(self._see(modality, pixels, names))
            for lost in range(len(names)) if len(names) > 1 else ():
                kept = [channel for channel in range(len(names)) if channel != lost]
                parts.append(self._see(modality, pixels[:, kept], [names[channel] for channel in kept]))
        return Features(vector=torch.cat(parts, dim=1), maps=())

    def _see(self, modality: str, pixels: Tensor, names: Sequence[str]) -> Tensor:
        """(B, E) unit vectors of one tower; zeros of an image without any of these channels."""
        shared = self.clip.model.project(modality, self.clip.model.pooled(modality, pixels, names))
        return shared * present(pixels).any(-1)[:, None]


def channels_of(clip: ContrastiveBackbone, bands: Sequence[BandInfo]) -> Channels:
    """Which of the model's modalities and channels some bands are, in the model's order."""
    return {modality: match.channels for modality, match in match_bands(clip.modalities, bands).items()}

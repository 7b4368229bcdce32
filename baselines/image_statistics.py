"""No network at all: per-band mean, standard deviation and percentiles. What a pretrained model must beat.

For masks the counterpart is what a pixel and its surroundings say: its values, and mean and standard deviation of the
square blocks of two sizes around it.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Facts
from baselines.inputs import pad_to_multiple

PERCENTILES = (0.02, 0.10, 0.25, 0.50, 0.75, 0.90, 0.98)
BLOCK_SIDES_PX = (4, 16)


class ImageStatistics(Backbone):
    """Per-band mean, standard deviation and percentiles over the image: D = 9 C. Maps of C, 2 C and 2 C channels."""

    def embed(self, x: Tensor, facts: Facts) -> Features:
        flat = x.flatten(2)  # (B, C, H*W)
        quantiles = torch.quantile(flat, flat.new_tensor(PERCENTILES), dim=-1)  # (7, B, C)
        vector = torch.cat([flat.mean(-1), flat.std(-1, correction=0), *quantiles], dim=1)
        return Features(vector=vector, maps=(x, *(block_statistics(x, side) for side in BLOCK_SIDES_PX)))


def block_statistics(x: Tensor, side: int) -> Tensor:
    """(B, C, H, W) -> (B, 2 C, ceil(H / side), ceil(W / side)): mean and standard deviation of blocks."""
    padded = pad_to_multiple(x, side)
    mean = F.avg_pool2d(padded, side)
    blocks = padded.unfold(2, side, side).unfold(3, side, side)  # (B, C, h, w, side, side)
    return torch.cat([mean, blocks.std(dim=(-2, -1), correction=0)], dim=1)


def build(weights: Path | None, seed: int) -> Backbone:
    """Statistics of every band the dataset has; there is nothing to load and nothing to draw."""
    definition = f"mean, std, percentiles {PERCENTILES}"
    return ImageStatistics(
        inputs=InputSpec(bands=None),
        origin=Origin(weights_sha256=hashlib.sha256(definition.encode()).hexdigest(), description=definition),
        pyramid=tuple(Level(channels=None, stride=side) for side in (1, *BLOCK_SIDES_PX)),
    )

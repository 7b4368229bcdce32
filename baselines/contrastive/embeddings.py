"""The embeddings of an image that a contrastive model offers, by name. A modality alone is one too, by its own name."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

FUSED = "fused"
"""The vectors of all towers side by side: whoever reads them may use what only one modality shows."""
AVERAGE = "average"
"""The mean direction in the shared space: of the same length, and in the same place, whatever modalities are there."""


def fuse(pooled: Mapping[str, Tensor], there: Mapping[str, Tensor], widths: Mapping[str, int]) -> Tensor:
    """The vectors of all towers side by side, (B, sum of widths) float32; zeros where a modality is missing.

    Args:
        pooled: by modality (B, D_m), of those of which some image has any.
        there: by modality (B,) bool, which images have it.
        widths: D_m of every modality of the model, in its order.
    """
    some = next(iter(pooled.values()))
    parts = [
        pooled[name] * there[name][:, None] if name in pooled else some.new_zeros(len(some), width)
        for name, width in widths.items()
    ]
    return torch.cat(parts, dim=1)


def average(shared: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> Tensor:
    """The mean of unit vectors over the modalities that an image has, as a unit vector; (B, E) float32.

    Zeros of an image that has none.

    Args:
        shared: by modality (B, E) unit vectors in the shared space.
        there: by modality (B,) bool, which images have it.
    """
    total = torch.stack([shared[name] * there[name][:, None] for name in shared]).sum(0)
    return F.normalize(total, dim=-1)

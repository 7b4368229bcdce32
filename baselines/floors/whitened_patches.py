"""Random features whose filters are patches of the train images: what images themselves say about which filters suit.

Coates and Ng, Learning Feature Representations with K-means, 2012; Rolf et al., A generalizable and accessible approach
to machine learning with global satellite imagery, 2021.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.contract import Features, FittedBackbone, InputSpec, Origin
from baselines.facts import Facts
from baselines.floors.random_features import DEFINITION, N_FILTERS, PYRAMID, SIDE_PX, filter_features

ZCA_BIAS = 1e-3
"""Added to the variance in every direction before it is divided out: directions that hardly occur stay small."""


class WhitenedPatches(FittedBackbone):
    """As `random_features`, with 256 patches of train images, whitened, for filters."""

    filters: Tensor

    def __init__(self, seed: int) -> None:
        definition = f"{DEFINITION}; patches of train images, ZCA bias {ZCA_BIAS}, seed {seed}"
        super().__init__(
            inputs=InputSpec(bands=None),
            origin=Origin(weights_sha256=hashlib.sha256(definition.encode()).hexdigest(), description=definition),
            pyramid=PYRAMID,
        )
        self._seed = seed
        self.register_buffer("filters", torch.empty(0), persistent=False)

    def fit(self, images: Sequence[Tensor]) -> None:
        """Take the patches: the same ones of the same images for a seed, whatever the machine."""
        patches = draw_patches(images, self._seed)
        self.filters = whiten(patches.flatten(1)).reshape(patches.shape)

    def embed(self, x: Tensor, facts: Facts) -> Features:
        return filter_features(x, self.filters)


def draw_patches(images: Sequence[Tensor], seed: int) -> Tensor:
    """(256, C, 3, 3) float32: each from an image of its own as far as there are as many, anywhere in it.

    Args:
        images: (C, H, W) float32 each. One of less than 3 pixels a side is widened by its border.
    """
    generator = torch.Generator().manual_seed(seed)
    rounds = -(-N_FILTERS // len(images))
    order = torch.cat([torch.randperm(len(images), generator=generator) for _ in range(rounds)])
    places = torch.rand(N_FILTERS, 2, generator=generator, dtype=torch.float64)
    return torch.stack([_cut(images[i], place) for i, place in zip(order.tolist(), places, strict=False)])


def _cut(image: Tensor, place: Tensor) -> Tensor:
    """The (C, 3, 3) patch at a place, (2,) from 0, the top left one, to 1."""
    down, right = (max(0, SIDE_PX - side) for side in image.shape[-2:])
    image = F.pad(image[None], (0, right, 0, down), mode="replicate")[0]
    top, left = (int(part * (side - SIDE_PX + 1)) for part, side in zip(place.tolist(), image.shape[-2:], strict=True))
    return image[:, top : top + SIDE_PX, left : left + SIDE_PX].clone()


def whiten(patches: Tensor) -> Tensor:
    """(n, d) float32 patches, each brought to mean 0 and length 1, then whitened: turned into the nearest ones whose
    directions are uncorrelated and of about equal variance (ZCA). A patch that is constant becomes 0."""
    x = patches.double()
    x = x - x.mean(1, keepdim=True)
    length = x.norm(dim=1, keepdim=True)
    x = torch.where(length > 0, x / length, 0.0)
    covariance = (x - x.mean(0)).T @ (x - x.mean(0)) / len(x)
    variances, directions = torch.linalg.eigh(covariance)
    whitening = directions @ torch.diag((variances.clamp(min=0) + ZCA_BIAS).rsqrt()) @ directions.T
    return ((x - x.mean(0)) @ whitening).float()


def build(weights: Path | None, seed: int) -> FittedBackbone:
    """Filters of the patches that `seed` chooses; they are taken when it is fitted."""
    return WhitenedPatches(seed)

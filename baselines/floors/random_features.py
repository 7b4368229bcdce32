"""Random convolutional features: what filters that nobody trained say of an image.

Rahimi and Recht, Random Features for Large-Scale Kernel Machines, 2007; Rolf et al., A generalizable and accessible
approach to machine learning with global satellite imagery, 2021.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Facts

N_FILTERS = 256
SIDE_PX = 3
BIAS = -1.0
"""Added to a filter's response, and to its negative, before what is negative is cut off."""
MAP_STRIDE_PX = 4
DEFINITION = f"{N_FILTERS} filters of {SIDE_PX} px, both signs, bias {BIAS}, mean"


class RandomFeatures(Backbone):
    """The mean over the image of 256 filters' responses, of either sign: D = 512. The filters follow from the seed and
    the number of bands alone, and are none of the weights that training could reach."""

    def __init__(self, seed: int) -> None:
        drawn = hashlib.sha256(draw_filters(seed, 1).numpy().tobytes()).hexdigest()
        super().__init__(
            inputs=InputSpec(bands=None),
            origin=Origin(
                weights_sha256=hashlib.sha256(f"{DEFINITION}; {drawn}".encode()).hexdigest(),
                description=f"{DEFINITION}, drawn from N(0, 1), seed {seed}",
            ),
            pyramid=PYRAMID,
        )
        self._seed = seed

    def embed(self, x: Tensor, facts: Facts) -> Features:
        return filter_features(x, draw_filters(self._seed, x.shape[1]).to(x.device))


PYRAMID = (Level(channels=None, stride=1), Level(channels=2 * N_FILTERS, stride=MAP_STRIDE_PX))
"""The pixels themselves, and the responses around them."""


@lru_cache(maxsize=8)
def draw_filters(seed: int, n_bands: int) -> Tensor:
    """(256, C, 3, 3) float32 from N(0, 1), on the CPU. A number of bands has filters of its own."""
    with torch.inference_mode(False):  # what is kept must serve any later caller
        return torch.randn(N_FILTERS, n_bands, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(seed))


def filter_features(x: Tensor, filters: Tensor) -> Features:
    """Mean responses of filters of either sign, where they lie wholly inside the image; and, for masks, the pixels and
    the responses' means over blocks, for which the border is repeated.

    Args:
        x: (B, C, H, W) float32, standardised. An image of less than 3 pixels a side is widened by its border.
        filters: (256, C, 3, 3) float32.
    """
    height, width = x.shape[-2:]
    down, right = max(0, SIDE_PX - height), max(0, SIDE_PX - width)
    around = F.pad(x, (1, 1 + right, 1, 1 + down), mode="replicate")
    vectors, blocks = [], []
    for image in around.split(1):  # the responses of several leave a processor's caches, which takes twice as long
        responses = F.conv2d(image, filters)  # (1, 256, H, W), of larger images
        signs = [(BIAS + responses).relu_(), (BIAS - responses).relu_()]
        vectors.append(torch.cat([sign[..., 1:-1, 1:-1].mean((-2, -1)) for sign in signs], dim=1))
        pooled = [F.avg_pool2d(sign[..., :height, :width], MAP_STRIDE_PX, ceil_mode=True) for sign in signs]
        blocks.append(torch.cat(pooled, dim=1))
    return Features(vector=torch.cat(vectors), maps=(x, torch.cat(blocks)))


def build(weights: Path | None, seed: int) -> Backbone:
    """Filters drawn from `seed`: each seed another network; there is nothing to load."""
    return RandomFeatures(seed)

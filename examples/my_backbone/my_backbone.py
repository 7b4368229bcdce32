"""Random convolutional features of red, green, blue and near infrared: one layer of filters that nobody trained."""

import hashlib

import torch
from torch import Tensor, nn

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.entry import Entry
from baselines.facts import Facts

N_FILTERS, SIDE_PX = 64, 3


class RandomFilters(Backbone):
    """Filters drawn from a seed; the vector is the mean of their positive and negative responses: D = 128."""

    def __init__(self, seed: int) -> None:
        inputs = InputSpec(bands=("B4", "B3", "B2", "B8"))
        drawn = torch.randn(N_FILTERS, 4, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(seed))
        digest = hashlib.sha256(drawn.numpy().tobytes()).hexdigest()
        origin = Origin(weights_sha256=digest, description=f"random filters, seed {seed}")
        super().__init__(inputs=inputs, origin=origin, pyramid=(Level(2 * N_FILTERS, stride=1),))
        self.filters = nn.Parameter(drawn)

    def embed(self, x: Tensor, facts: Facts) -> Features:
        responses = nn.functional.conv2d(x, self.filters, padding=SIDE_PX // 2)
        maps = torch.cat([responses.clamp(min=0), (-responses).clamp(min=0)], dim=1)
        return Features(vector=maps.mean(dim=(2, 3)), maps=(maps,))


def build(weights: None, seed: int) -> Backbone:
    """Each seed is another network."""
    return RandomFilters(seed)


ENTRY = Entry(
    name="my_backbone",
    summary="64 random filters of red, green, blue and near infrared",
    bands="red, green, blue, near infrared",
    licence="none needed",
    module=__name__,
    weights="none",
    seeded=True,
)
"""A function `build(weights, seed)` may be registered itself; an entry also says that weights come from the seed."""

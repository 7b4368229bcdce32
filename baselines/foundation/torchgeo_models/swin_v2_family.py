"""Weights of torchgeo whose network is torchvision's Swin V2, with a first layer for other bands."""

from typing import Any

import torchvision
from torch import Tensor, nn

from baselines.contract import Features, Level
from baselines.facts import Facts
from baselines.foundation.built import Built, wrapped
from baselines.foundation.record import Record
from baselines.foundation.torchgeo_models.choice import Choice

_STAGES = (1, 3, 5, 7)
"""Among the network's `features`, where cells of 4, 8, 16 and 32 pixels a side come out."""


def build(record: Record, choice: Choice) -> Built:
    """A Swin V2 whose patches of four pixels a side have a channel a band.

    Args:
        record: `arguments` has torchvision's name as `model`.
    """
    network: Any = getattr(torchvision.models, record.arguments["model"])(weights=None)
    n_bands = len(choice.inputs.bands or ())
    width = network.features[0][0].out_channels
    network.features[0][0] = nn.Conv2d(n_bands, width, kernel_size=4, stride=4)
    network.head = nn.Identity()
    pyramid = tuple(Level(channels=width << stage, stride=4 << stage) for stage in range(len(_STAGES)))
    return Built(network=network, wrap=wrapped(_call, *pyramid), spare=("head.",))


def _call(network: Any, x: Tensor, facts: Facts) -> Features:
    """Maps of the stages, the last one normed, and the mean over it, as torchvision's own classifier gets it."""
    maps = []
    for place, stage in enumerate(network.features):
        x = stage(x)  # (B, h, w, D)
        if place in _STAGES:
            maps.append(x)
    maps[-1] = network.norm(x)
    return Features(vector=maps[-1].mean(dim=(1, 2)), maps=tuple(level.permute(0, 3, 1, 2) for level in maps))

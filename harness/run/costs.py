"""What a backbone costs, whatever machine it runs on: its parameters and the operations it takes per image."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from baselines.bands import BandInfo
from baselines.contract import Backbone
from baselines.facts import Circumstances
from baselines.inputs import Preparation
from harness.features.half_precision import HALF


class Costs(NamedTuple):
    """Recorded with each run, for comparing backbones by what they need."""

    parameters: int
    flops_per_image: int
    """Of matrix products and convolutions; a multiplication and an addition are two."""
    pyramid_bytes: int
    """That the stored features of an image's pixels take."""
    vector_bytes: int
    """That the stored features of a whole image take."""


def count_costs(backbone: Backbone, bands: Sequence[BandInfo], height: int, width: int) -> Costs:
    """Count on one image of zeros as it is fed, (len(bands), height, width), on whatever device the backbone is.

    Preparation and pooling are not matrix products and count nothing, so statistics of bands cost 0.
    """
    device = next((parameter.device for parameter in backbone.parameters()), torch.device("cpu"))
    pixels = torch.zeros(1, len(bands), height, width, device=device)
    mean, std = torch.zeros(len(bands), device=device), torch.ones(len(bands), device=device)
    preparation = Preparation(mean, std, bands=tuple(bands))
    unknown = torch.full((1, 2), torch.nan, dtype=torch.float64, device=device)
    circumstances = Circumstances(day=unknown[:, 0], place=unknown)  # a backbone that uses them takes what is not known
    training = backbone.training
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        features = backbone.eval()(pixels, preparation, circumstances)
    backbone.train(training)
    return Costs(
        parameters=sum(parameter.numel() for parameter in backbone.parameters()),
        flops_per_image=counter.get_total_flops(),
        pyramid_bytes=HALF.itemsize * sum(level.numel() for level in features.maps),
        vector_bytes=features.vector.nbytes,
    )

"""Parameters and operations of a backbone, against counts made by hand."""

import torch
from torch import nn

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.table import BACKBONES
from harness.run.costs import count_costs

BANDS = [BandInfo(name=name) for name in ("B2", "B3", "B4")]


class OneConvolution(Backbone):
    """3 x 3, 2 bands to 5 channels, every second pixel."""

    def __init__(self) -> None:
        super().__init__(
            inputs=InputSpec(bands=None), origin=Origin(weights_sha256="0" * 64, description="toy"), pyramid=()
        )
        self.layer = nn.Conv2d(2, 5, 3, stride=2, padding=1)

    def embed(self, x: torch.Tensor, facts) -> Features:
        return Features(vector=self.layer(x).mean((2, 3)), maps=())


def test_costs_of_one_convolution():
    costs = count_costs(OneConvolution(), BANDS[:2], height=8, width=6)
    assert costs.parameters == 2 * 5 * 9 + 5
    assert costs.flops_per_image == 2 * (4 * 3) * 5 * (2 * 9)


def test_counting_leaves_the_backbone_as_it_was():
    backbone = OneConvolution().train()
    before = backbone.layer.weight.clone()
    count_costs(backbone, BANDS[:2], 8, 8)
    assert backbone.training
    assert torch.equal(backbone.layer.weight, before)


def test_statistics_cost_nothing():
    backbone = BACKBONES["image_statistics"].build(None, 0)
    assert count_costs(backbone, BANDS, 16, 16)[:2] == (0, 0)

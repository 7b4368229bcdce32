"""Parameters, operations and memory of a backbone, against counts made by hand."""

import timm
import torch
from torch import nn

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.table import BACKBONES
from harness.execution.costs import count_costs

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


def test_memory_is_what_lives_at_once_with_the_parameters():
    """The image once more as it is standardised, the maps of the convolution and their mean; then the same again."""
    costs = count_costs(OneConvolution(), BANDS[:2], height=8, width=6)
    image, maps = 4 * 2 * 8 * 6, 4 * 5 * 4 * 3
    assert costs.peak_memory_bytes >= 4 * costs.parameters + 2 * image + maps
    assert costs.peak_memory_bytes <= 4 * costs.parameters + 5 * image + maps
    assert count_costs(OneConvolution(), BANDS[:2], height=8, width=6) == costs


class Layers(Backbone):
    """Each pixel is a token of as many numbers as there are bands."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__(
            inputs=InputSpec(bands=None), origin=Origin(weights_sha256="0" * 64, description="toy"), pyramid=()
        )
        self.layer = layer

    def embed(self, x: torch.Tensor, facts) -> Features:
        return Features(vector=self.layer(x.flatten(2).mT).mean(1), maps=())


def flops_of_transformer(tokens: int, width: int, hidden: int) -> int:
    """Queries, keys, values, their projection and two layers; then both products of attention, over all heads."""
    return 2 * tokens * width * (4 * width + 2 * hidden) + 2 * 2 * tokens * tokens * width


def test_attention_that_pytorch_does_in_one_operation_is_counted():
    bands = [BandInfo(name=f"B{i}") for i in range(1, 9)]
    layer = nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16, batch_first=True)
    fast = torch.backends.mha.get_fastpath_enabled()
    assert count_costs(Layers(layer), bands, 4, 5).flops_per_image == flops_of_transformer(20, 8, 16)
    assert torch.backends.mha.get_fastpath_enabled() is fast


def test_attention_of_timm_is_counted():
    bands = [BandInfo(name=f"B{i}") for i in range(1, 9)]
    block = timm.layers.Attention(8, num_heads=2)
    assert count_costs(Layers(block), bands, 4, 5).flops_per_image == flops_of_transformer(20, 8, 0)

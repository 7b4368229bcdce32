"""A timm ConvNeXt behind the backbone contract: its four stages are the pyramid, its pooled, normed map the vector."""

from typing import Any, cast

import torch
from timm.layers.grn import GlobalResponseNorm
from timm.models.convnext import ConvNeXt
from torch import Tensor, nn

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Facts
from mp_mae.packed.ops import site_norm


class ConvNeXtBackbone(Backbone):
    """Any timm ConvNeXt, frozen in evaluation mode until somebody trains it."""

    def __init__(self, model: ConvNeXt, *, inputs: InputSpec, origin: Origin) -> None:
        stages = cast(list[dict[str, Any]], model.feature_info)
        levels = tuple(Level(stage["num_chs"], stage["reduction"]) for stage in stages)
        super().__init__(inputs=inputs, origin=origin, pyramid=levels)
        self.model = model
        respond_faster(model)
        self.eval()

    def embed(self, x: Tensor, facts: Facts) -> Features:
        last, maps = self.model.forward_intermediates(x)
        return Features(vector=self.model.forward_head(last, pre_logits=True), maps=tuple(maps))


class ResponseNorm(GlobalResponseNorm):
    """timm's layer, but for rounding, in half the time or less on a CPU: the norm by a sum that PyTorch vectorises, and
    one pass over the map instead of three."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C), or (B, C, H, W) where channels come first -> the same."""
        sites = x if self.channel_dim == -1 else x.permute(0, 2, 3, 1)
        norm = site_norm(sites.flatten(1, 2))  # (B, 1, C)
        scale = self.weight * norm / (norm.mean(-1, keepdim=True) + self.eps) + 1
        scale = scale.unsqueeze(1) if self.channel_dim == -1 else scale.mT.unsqueeze(-1)
        return torch.addcmul(self.bias.view(self.wb_shape), x, scale)


def respond_faster(model: nn.Module) -> None:
    """Let a network of timm have `ResponseNorm`, with its own parameters."""
    for mlp in list(model.modules()):
        grn = getattr(mlp, "grn", None)
        if isinstance(grn, GlobalResponseNorm):
            mlp.grn = ResponseNorm(len(grn.weight), grn.eps, channels_last=grn.channel_dim == -1)
            mlp.grn.weight, mlp.grn.bias = grn.weight, grn.bias

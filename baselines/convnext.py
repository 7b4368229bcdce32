"""A timm ConvNeXt behind the backbone contract: its four stages are the pyramid, its pooled, normed map the vector."""

from typing import Any, cast

from timm.models.convnext import ConvNeXt
from torch import Tensor

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Facts


class ConvNeXtBackbone(Backbone):
    """Any timm ConvNeXt, frozen in evaluation mode until somebody trains it."""

    def __init__(self, model: ConvNeXt, *, inputs: InputSpec, origin: Origin) -> None:
        stages = cast(list[dict[str, Any]], model.feature_info)
        levels = tuple(Level(stage["num_chs"], stage["reduction"]) for stage in stages)
        super().__init__(inputs=inputs, origin=origin, pyramid=levels)
        self.model = model
        self.eval()

    def embed(self, x: Tensor, facts: Facts) -> Features:
        last, maps = self.model.forward_intermediates(x)
        return Features(vector=self.model.forward_head(last, pre_logits=True), maps=tuple(maps))

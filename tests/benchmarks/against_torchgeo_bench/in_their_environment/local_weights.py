"""torchgeo-bench's own wrapper of timm's models, with weights from a file. Runs in its environment."""

import torch
from torchgeo_bench.models import TimmPatchBenchModel


class LocalWeights(TimmPatchBenchModel):
    """`weights`: a file of tensors under timm's names, without a classifier."""

    def __init__(self, bands: list, *, weights: str, **settings: object) -> None:
        super().__init__(bands, **settings)
        self.backbone.load_state_dict(torch.load(weights, weights_only=True))

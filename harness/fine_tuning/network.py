"""A backbone with a head for one task, and the rate at which each of its layers learns."""

from collections.abc import Mapping
from typing import Any

import torch
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn

from baselines.contract import Backbone
from baselines.inputs import Preparation, interpolate
from harness.fine_tuning.recipe import FineTuneSettings
from harness.fine_tuning.unet import UNetDecoder
from harness.records import ImageMaterial, LabelKind

HEAD_STD = 2e-5
"""Of the linear head's first weights, as published: every class is as likely at first."""


class Classifier(nn.Module):
    """Images -> (B, K) logits: one linear layer on the vector the backbone pools, normed if the backbone norms it."""

    def __init__(self, backbone: Backbone, width: int, n_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(width, n_classes)
        nn.init.trunc_normal_(self.head.weight, std=HEAD_STD)
        nn.init.zeros_(self.head.bias)

    def forward(self, pixels: Tensor, preparation: Preparation) -> Tensor:
        return self.head(self.backbone(pixels, preparation).vector)


class Segmenter(nn.Module):
    """Images -> (B, K, H, W) logits: a U-Net decoder over the backbone's pyramid.

    Logits of images that were resampled are brought back to the masks' size, which loss and predictions keep.
    """

    def __init__(self, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = UNetDecoder(backbone.pyramid, n_classes)

    def forward(self, pixels: Tensor, preparation: Preparation) -> Tensor:
        height, width = pixels.shape[-2:]
        logits = self.head(self.backbone(pixels, preparation).maps, preparation.size_px or (height, width))
        return interpolate(logits.float(), (height, width))  # out of mixed precision, which not every device resamples


def build_network(material: ImageMaterial, seed: int) -> Classifier | Segmenter:
    """The pretrained backbone, a copy of its own, under a fresh head drawn from `seed`."""
    backbone = material.backbone()
    with torch.random.fork_rng(devices=[]):  # layers initialise from the global generator
        torch.manual_seed(seed)
        if material.label_kind is LabelKind.SEGMENTATION:
            return Segmenter(backbone, material.n_classes)
        with torch.inference_mode():
            pixels = torch.from_numpy(material.pixels("train", slice(0, 1)))
            width = backbone(pixels, material.preparation).vector.shape[1]
        return Classifier(backbone, width, material.n_classes)


def parameter_groups(network: Classifier | Segmenter, settings: FineTuneSettings) -> list[dict[str, Any]]:
    """For an optimizer. Each has `lr_scale`: the head 1, every layer below `layer_decay` times that of the one above.

    What the layers are is timm's `group_matcher` of the model inside the backbone; norms after the last layer go with
    the head.
    """
    backbone = network.backbone
    trunk = next((child for child in backbone.children() if hasattr(child, "group_matcher")), backbone)
    groups = param_groups_layer_decay(
        trunk, weight_decay=settings.weight_decay if settings.backbone_decays else 0.0, layer_decay=settings.layer_decay
    )
    vectors = [p for p in network.head.parameters() if p.ndim <= 1]
    matrices = [p for p in network.head.parameters() if p.ndim > 1]
    head: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": settings.weight_decay, "lr_scale": 1.0},
        {"params": vectors, "weight_decay": 0.0, "lr_scale": 1.0},
    ]
    return [*head, *groups]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The rate of every layer, from that of the head."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def snapshot(network: nn.Module) -> Mapping[str, Tensor]:
    """The weights as they are now."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

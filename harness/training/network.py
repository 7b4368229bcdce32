"""A backbone with a head for one task."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from baselines.contract import Backbone
from baselines.inputs import Preparation, interpolate
from harness.errors import UserError
from harness.records.materials import ImageMaterial
from harness.tasks import TASKS
from harness.training.heads import UNetDecoder

HEAD_STD = 2e-5
"""Of the linear head's first weights, as published: every class is as likely at first."""


class ImageNetwork(nn.Module):
    """Images -> (B, K) logits or numbers: one linear layer on the vector the backbone pools, normed if it norms it."""

    def __init__(self, backbone: Backbone, width: int, n_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(width, n_classes)
        nn.init.trunc_normal_(self.head.weight, std=HEAD_STD)
        nn.init.zeros_(self.head.bias)

    def forward(self, pixels: Tensor, preparation: Preparation) -> Tensor:
        return self.head(self.backbone(pixels, preparation).vector)


class PixelNetwork(nn.Module):
    """Images -> (B, K, H, W) logits or numbers: a U-Net decoder over the backbone's pyramid.

    Outputs of images that were resampled are brought back to the masks' size, which loss and predictions keep.
    """

    def __init__(self, backbone: Backbone, n_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = UNetDecoder(backbone.pyramid, n_classes)

    def forward(self, pixels: Tensor, preparation: Preparation) -> Tensor:
        height, width = pixels.shape[-2:]
        logits = self.head(self.backbone(pixels, preparation).maps, preparation.size_px or (height, width))
        return interpolate(logits.float(), (height, width))  # out of mixed precision, which not every device resamples


def build_network(material: ImageMaterial, seed: int) -> ImageNetwork | PixelNetwork:
    """The pretrained backbone, a copy of its own, under a fresh head drawn from `seed`."""
    backbone = material.backbone().eval().requires_grad_(True)  # as a whole, whatever its makers had frozen
    _switch_off_chance(backbone)
    with torch.random.fork_rng(devices=[]):  # layers initialise from the global generator
        torch.manual_seed(seed)
        if TASKS[material.label_kind].per_pixel:
            return PixelNetwork(backbone, material.n_classes)
        with torch.inference_mode():
            pixels = torch.from_numpy(material.pixels("train", slice(0, 1)))
            width = backbone(pixels, material.preparation("train")).vector.shape[1]
        return ImageNetwork(backbone, width, material.n_classes)


def _switch_off_chance(backbone: nn.Module) -> None:
    """For good: what a sample meets is drawn elsewhere."""
    from timm.layers import DropPath, PatchDropout  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

    # Layers that would draw what to drop, and what says how often. Fused attention reads that of the dropout inside and
    # draws itself, whatever mode the dropout is in.
    chances = (
        (_DropoutNd, "p"),
        (nn.MultiheadAttention, "dropout"),
        (DropPath, "drop_prob"),
        (PatchDropout, "prob"),
    )
    for module in backbone.modules():
        for kind, chance in chances:
            if isinstance(module, kind):
                setattr(module, chance, 0.0)


def set_training(network: ImageNetwork | PixelNetwork, *, head_alone: bool) -> None:
    """Ready for updates, of the head alone or of all weights.

    What a sample meets depends on neither the rest of its batch nor how that is cut: batch norms keep their pretrained
    statistics, and only their scale and shift learn.

    Raises:
        UserError: a layer has no statistics to keep; it normalises by whatever batch it is given.
    """
    network.train()
    network.backbone.train(not head_alone)
    network.backbone.requires_grad_(not head_alone)
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm):
            if module.running_mean is None:
                raise UserError(
                    f"{name}: {type(module).__name__} keeps no statistics, so what it makes of an image depends on the "
                    "other images of its batch. Build the backbone with track_running_stats=True, or with other norms"
                )
            module.eval()


def snapshot(network: nn.Module) -> Mapping[str, Tensor]:
    """The weights as they are now."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

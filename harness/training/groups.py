"""What an optimizer is told of each weight: how fast it learns and whether it decays.

A group of parameters has `lr_scale`, its rate as a fraction of the rate of the training, which is that of the head.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from harness.training.network import ImageNetwork, PixelNetwork
from harness.training.recipe import FineTuneSettings


def full_rate(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and kernels, which decay, and vectors, which do not; either only if there are some."""
    found = list(parameters)
    groups = [
        {"params": [p for p in found if p.ndim > 1], "weight_decay": weight_decay, "lr_scale": 1.0},
        {"params": [p for p in found if p.ndim <= 1], "weight_decay": 0.0, "lr_scale": 1.0},
    ]
    return [group for group in groups if group["params"]]


def falling_rates(network: ImageNetwork | PixelNetwork, settings: FineTuneSettings) -> list[dict[str, Any]]:
    """Every parameter of a network in one group: the head at the full rate, every layer of the backbone at
    `layer_decay` times that of the one above.

    What the layers are is timm's `group_matcher` of the models inside the backbone; norms after the last layer go with
    the head, and so does what lies around those models: an adapter, an embedding.
    """
    from timm.optim import param_groups_layer_decay  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

    backbone_decay = settings.weight_decay if settings.backbone_decays else 0.0
    trunks = _trunks(network.backbone) or [network.backbone]
    in_trunks = {id(parameter) for trunk in trunks for parameter in trunk.parameters()}
    around = [parameter for parameter in network.backbone.parameters() if id(parameter) not in in_trunks]
    groups = full_rate(network.head.parameters(), settings.weight_decay) + full_rate(around, backbone_decay)
    for trunk in trunks:
        groups += param_groups_layer_decay(trunk, weight_decay=backbone_decay, layer_decay=settings.layer_decay)
    grouped = sorted(id(parameter) for group in groups for parameter in group["params"])
    assert grouped == sorted(map(id, network.parameters())), "every parameter is in exactly one group"
    return groups


def _trunks(module: nn.Module) -> list[nn.Module]:
    """The outermost modules of which timm knows the layers."""
    if hasattr(module, "group_matcher"):
        return [module]
    return [trunk for child in module.children() for trunk in _trunks(child)]


def adamw(groups: list[dict[str, Any]], betas: tuple[float, float]) -> torch.optim.AdamW:
    """The optimizer of every training here. Its rate is set before each update (`set_rate`)."""
    return torch.optim.AdamW(groups, betas=betas, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group from that of the training."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def parameters_of(optimizer: torch.optim.Optimizer) -> Iterator[nn.Parameter]:
    """All parameters an optimizer moves, group by group."""
    return (parameter for group in optimizer.param_groups for parameter in group["params"])

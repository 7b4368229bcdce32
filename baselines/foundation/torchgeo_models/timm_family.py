"""Weights of torchgeo whose network is timm's: timm builds it, so that torchgeo need not be there."""

from typing import Any

import timm
from torch import nn

from baselines.contract import InputSpec, Origin
from baselines.foundation.built import Built
from baselines.foundation.record import Record
from baselines.foundation.torchgeo_models.choice import Choice
from baselines.timm_models.network import TimmBackbone

_CLASSIFIERS = ("fc.", "head.")
_NORM = frozenset({"norm.weight", "norm.bias"})
"""The last norm of a transformer, which torchgeo's own loading lets files be without."""


def build(record: Record, choice: Choice) -> Built:
    """A ResNet or a vision transformer with a channel a band.

    Args:
        record: `arguments` has timm's name as `model`, and what else its builder is told.
    """
    network: Any = timm.create_model(num_classes=0, in_chans=len(choice.inputs.bands or ()), **record.arguments)
    return Built(
        network=network,
        wrap=_wrap,
        may_lack=_NORM & network.state_dict().keys(),
        spare=_CLASSIFIERS,
    )


def _wrap(network: nn.Module, inputs: InputSpec, origin: Origin) -> TimmBackbone:
    return TimmBackbone(network, inputs=inputs, origin=origin)

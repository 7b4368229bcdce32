"""Weights of timm's models: from a file, or from the hub and its cache; all of a network's tensors, or none."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from baselines.weights.fitting import Rename, find_weights
from baselines.weights.hub import fetch_from_hub
from mp_mae.errors import NotHereError, UserError

_FRESH = {"fcmae": ("head.norm.weight", "head.norm.bias")}
"""Tag of weights -> what is no part of that pretraining, and starts as the identity: ConvNeXt V2's final norm."""


def find_file(weights: Path | None, name: str, repository: str | None) -> Path:
    """The file of a name's weights: the one given, else the hub's.

    Raises:
        NotHereError: there is none; says which command fetches it, or that nothing does.
    """
    if weights is not None:
        return weights
    if repository is None:
        raise NotHereError(
            f"timm:{name}: timm distributes no weights of it. Pass --weights FILE, or choose timm:{name}?random"
        )
    return fetch_from_hub(repository, "model.safetensors")


def load_weights(network: nn.Module, path: Path, name: str, known: Any, adapt: Rename = dict) -> str:
    """Load every tensor of a network from a file, in timm's names or in those that timm's own loading knows.

    Args:
        path: the file timm distributes, or any layout that `find_weights` reads.
        known: timm's configuration of these weights.
        adapt: makes the tensors of a network that reads colours those of one that reads other bands.
    Returns:
        Where in the file they were.
    Raises:
        UserError: one is missing, foreign, of another shape or no number; or the weights are said to be of a
            pretraining that leaves a layer fresh, and that layer has learnt.
    """
    own = network.state_dict()
    fresh = [key for key in _FRESH.get(known.tag, ()) if key in own]
    what, advice = f"the weights of timm's {name}", f"Pass timm's own file of {name} by --weights"
    found = find_weights(
        path,
        network,
        what=what,
        advice=advice,
        may_lack=set(fresh),
        spare=[f"{layer}." for layer in _classifiers(known)],
        rename=lambda tensors: adapt(_renamed(tensors, network)),
    )
    learnt = [key for key in fresh if not torch.equal(found.state[key], own[key])]
    if learnt:
        raise UserError(f"{path}: not {what}: {learnt[0]} has learnt, as in weights that were fine-tuned. {advice}")
    network.load_state_dict(found.state)
    return found.place


def _renamed(content: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """What timm's own loading would make of them: its files are older than some of its names."""
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    return convert(content, network) if convert else content


def _classifiers(known: Any) -> tuple[str, ...]:
    """The layers that files of these weights hold beyond the network: none where nothing was ever classified."""
    if not known.num_classes:
        return ()
    return (known.classifier,) if isinstance(known.classifier, str) else tuple(known.classifier or ())

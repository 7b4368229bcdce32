"""Weights of timm's models: from a file, or from the hub and its cache; all of a network's tensors, or none."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from baselines.weights.complete import refuse_incomplete
from baselines.weights.hub import fetch_from_hub
from mp_mae.errors import UserError
from mp_mae.files.weights_file import load_safetensors, load_weights_only

_FRESH = {"fcmae": ("head.norm.weight", "head.norm.bias")}
"""Tag of weights -> what is no part of that pretraining, and starts as the identity: ConvNeXt V2's final norm."""


def find_file(weights: Path | None, name: str, repository: str | None) -> Path:
    """The file of a name's weights: the one given, else the hub's.

    Raises:
        UserError: there is none; says which command fetches it.
    """
    if weights is not None:
        return weights
    if repository is None:
        raise UserError(
            f"timm:{name}: timm distributes no weights of it. Pass --weights FILE, or choose timm:{name}?random"
        )
    return fetch_from_hub(repository, "model.safetensors")


def read_tensors(path: Path, name: str, network: nn.Module, known: Any) -> dict[str, Tensor]:
    """The tensors in a file under the names they have in the network, without those of a classifier.

    Args:
        path: the file timm distributes, or one in its names; `.safetensors`, else a PyTorch file.
        known: timm's configuration of these weights.
    Raises:
        UserError: it cannot be read, or timm makes nothing of it.
    """
    advice = _advice(name)
    content = load_safetensors(path, advice) if path.suffix == ".safetensors" else load_weights_only(path)
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: wanted tensors by name, found something else. {advice}")
    try:
        content = _renamed(content, network)
    except (RuntimeError, ValueError, LookupError, NotImplementedError, AttributeError) as error:
        raise UserError(f"{path}: not the weights of timm's {name}: {error}. {advice}") from error
    own = network.state_dict()
    heads = tuple(f"{head}." for head in _classifiers(known))
    return {key: tensor for key, tensor in content.items() if key in own or not (heads and key.startswith(heads))}


def load_all(network: nn.Module, state: Mapping[str, Tensor], path: Path, name: str, known: Any) -> None:
    """Load every tensor of the network.

    Raises:
        UserError: one is missing, foreign, of another shape or no number; or the weights are said to be of a
            pretraining that leaves a layer fresh, and that layer has learnt.
    """
    own = network.state_dict()
    fresh = [key for key in _FRESH.get(known.tag, ()) if key in own]
    where, advice = f"{path}: not the weights of timm's {name}", _advice(name)
    refuse_incomplete(state, network, where=where, advice=advice, may_lack=set(fresh))
    learnt = [key for key in fresh if key in state and not bool((state[key] == own[key]).all())]
    if learnt:
        raise UserError(f"{where}: {learnt[0]} has learnt, as in weights that were fine-tuned. {advice}")
    counters = {key: tensor for key, tensor in own.items() if not tensor.is_floating_point()}  # may be absent
    network.load_state_dict({**{key: own[key] for key in fresh}, **counters, **state})


def _advice(name: str) -> str:
    return f"Pass timm's own file of {name} by --weights"


def _renamed(content: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """What timm's own loading would make of them: its files are older than some of its names."""
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    return convert(content, network) if convert else content


def _classifiers(known: Any) -> tuple[str, ...]:
    """The layers that files of these weights hold beyond the network: none where nothing was ever classified."""
    if not known.num_classes:
        return ()
    return (known.classifier,) if isinstance(known.classifier, str) else tuple(known.classifier or ())

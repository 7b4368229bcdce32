"""Any model of timm by its name there: `timm:resnet18.a1_in1k`, or `timm:resnet18?random` for untrained weights.

It reads red, green and blue. Its pretraining standardised 8-bit values by the mean and standard deviation that timm
keeps with the weights. The vector is what timm's own classifier would get, the pyramid the last map of each stride.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from baselines.bands import Unit
from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.entry import Entry, Kind
from baselines.facts import Facts
from baselines.inputs import Moments
from baselines.registry.wishes import Wish, read_wishes
from baselines.weights.complete import refuse_incomplete
from baselines.weights.hub import fetch_from_hub
from mp_mae.checkpoint import hash_tensors
from mp_mae.errors import UserError
from mp_mae.files.weights_file import load_safetensors, load_weights_only

BANDS = ("red", "green", "blue")
WISHES = (Wish("random", "untrained weights"),)


def find_entry(rest: str) -> Entry:
    """The entry of what stands behind `timm:`.

    Raises:
        UserError: timm has no model, or no weights, of that name; suggests some.
    """
    name, wishes = read_wishes("timm", rest, WISHES)
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(architecture, timm.list_models(), n=3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise UserError(
            f"timm:{rest}: timm {timm.__version__} has no model {architecture!r}. {hint}See timm.list_models()"
        )
    known = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in known:
        raise UserError(
            f"timm:{rest}: there are no weights {tag!r} of {architecture}, but {', '.join(known) or 'none'}"
        )
    untrained = "random" in wishes
    return Entry(
        name=f"timm:{rest}",
        summary=f"timm's {name}, {'untrained, drawn from the seed' if untrained else 'pretrained'}",
        bands=", ".join(BANDS),
        licence="none needed" if untrained else getattr(timm.get_pretrained_cfg(name), "license", None) or "not said",
        module=__name__,
        settings={"model": architecture},
        requires={"name": name, "untrained": untrained},
        weights="none" if untrained else "optional",
        kind=Kind.UNTRAINED if untrained else Kind.PRETRAINED,
        seeded=untrained,
    )


class TimmBackbone(Backbone):
    """A timm model whose maps are read on the way to its pooled vector, if it lets them be read."""

    def __init__(self, model: nn.Module, *, inputs: InputSpec, origin: Origin) -> None:
        side = inputs.native_size_px if inputs.fixed_size and inputs.native_size_px else 2 * inputs.size_multiple
        levels = _levels(model, side)
        super().__init__(inputs=inputs, origin=origin, pyramid=tuple(levels.values()))
        self.model: Any = model
        self.indices = list(levels)
        """Of the maps in timm's own list."""
        self.eval()

    def embed(self, x: Tensor, facts: Facts) -> Features:
        if not self.indices:
            return Features(self.model.forward_head(self.model.forward_features(x), pre_logits=True), ())
        last, maps = self.model.forward_intermediates(x, indices=self.indices)
        return Features(vector=self.model.forward_head(last, pre_logits=True), maps=tuple(maps))


@torch.inference_mode()
def _levels(model: Any, side: int) -> dict[int, Level]:
    """The last map of each stride, by its place in timm's list: measured on a blank image of that side."""
    if not hasattr(model, "forward_intermediates"):
        return {}
    maps = model.eval().forward_intermediates(torch.zeros(1, 3, side, side), intermediates_only=True)
    by_stride = {side // x.shape[-1]: (index, x.shape[1]) for index, x in enumerate(maps) if x.ndim == 4}
    return {index: Level(channels, stride) for stride, (index, channels) in sorted(by_stride.items())}


def build(weights: Path | None, seed: int, *, model: str, name: str, untrained: bool) -> Backbone:
    """The model, with weights from a file, from the hub or its cache, or drawn from the seed if that was wished for.

    Args:
        weights: the file timm distributes, or one in its names; `.safetensors`, else a PyTorch file.
        model: the architecture.
        name: the architecture, and which of its weights where there are several; they decide mean, std and size.
    Raises:
        UserError: weights neither given, cached nor reachable, or not all of the model's.
    """
    known = timm.get_pretrained_cfg(name)
    assert known is not None, "`find_entry` has looked"
    with torch.random.fork_rng(devices=[]):  # timm initialises from the global generator
        torch.manual_seed(seed)
        network, fixed = _create(model, bool(known.fixed_input_size))
    if not untrained:
        network.load_state_dict(_read_state(weights or _fetch(name, known.hf_hub_id), name, network, known))
    moments = {
        band: Moments(255 * mean, 255 * std) for band, mean, std in zip(BANDS, known.mean, known.std, strict=True)
    }
    return TimmBackbone(
        network,
        inputs=InputSpec(
            bands=BANDS,
            size_multiple=1 if fixed else _total_stride(network),
            unit=None if untrained else Unit.UINT8,
            moments={} if untrained else moments,
            native_size_px=known.input_size[-1],
            fixed_size=fixed,
        ),
        origin=Origin(weights_sha256=hash_tensors(network.state_dict()), description=f"timm {name}"),
    )


def _create(model: str, one_size: bool) -> tuple[nn.Module, bool]:
    """The network, and whether it embeds images of one size alone: some that are said to can be told not to."""
    if one_size:
        try:
            return timm.create_model(model, num_classes=0, dynamic_img_size=True), False
        except TypeError:  # its builder has no such argument
            pass
    return timm.create_model(model, num_classes=0), one_size


def _total_stride(network: Any) -> int:
    """Pixels a side that make one cell of the coarsest map."""
    stages = network.feature_info if isinstance(network.feature_info, list) else network.feature_info.info
    return max(stage["reduction"] for stage in stages)


def _fetch(name: str, repository: str | None) -> Path:
    if repository is None:
        raise UserError(
            f"timm:{name}: timm distributes no weights of it. Pass --weights FILE, or choose timm:{name}?random"
        )
    return fetch_from_hub(repository, "model.safetensors")


def _read_state(path: Path, name: str, network: nn.Module, known: Any) -> Mapping[str, Tensor]:
    """Every tensor of the network from a file, which may hold the classifier's beside them."""
    advice = f"Pass timm's own file of {name} by --weights"
    content = load_safetensors(path, advice) if path.suffix == ".safetensors" else load_weights_only(path)
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: wanted tensors by name, found something else. {advice}")
    classifiers = (known.classifier,) if isinstance(known.classifier, str) else tuple(known.classifier or ())
    heads = tuple(f"{head}." for head in classifiers)
    own = network.state_dict()
    state = {key: tensor for key, tensor in content.items() if key in own or not key.startswith(heads)}
    refuse_incomplete(state, network, where=f"{path}: not the weights of timm's {name}", advice=advice)
    counters = {key: tensor for key, tensor in own.items() if not tensor.is_floating_point()}  # may be absent
    return {**counters, **state}

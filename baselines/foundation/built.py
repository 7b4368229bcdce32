"""From a network of another library to a backbone: its weights are found and loaded, and its call is wrapped."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Facts
from baselines.foundation.record import Record
from baselines.weights.fitting import Rename, find_weights
from baselines.weights.hub import fetch_from_hub
from mp_mae.checkpoint import hash_tensors

Call = Callable[[nn.Module, Tensor, Facts], Features]
"""(network, (B, C, H, W) float32 prepared pixels, what it is told) -> its features."""


class FoundationBackbone(Backbone):
    """A network and the function that calls it."""

    def __init__(
        self, network: nn.Module, call: Call, *, inputs: InputSpec, origin: Origin, pyramid: tuple[Level, ...]
    ) -> None:
        super().__init__(inputs=inputs, origin=origin, pyramid=pyramid)
        self.network = network
        self.call = call
        self.eval()

    def embed(self, x: Tensor, facts: Facts) -> Features:
        return self.call(self.network, x, facts)


Wrap = Callable[[nn.Module, InputSpec, Origin], Backbone]


def wrapped(call: Call, *pyramid: Level) -> Wrap:
    """What makes a backbone of a network, how it is called and the levels of its pyramid, finest first."""
    return lambda network, inputs, origin: FoundationBackbone(
        network, call, inputs=inputs, origin=origin, pyramid=pyramid
    )


@dataclass(frozen=True, kw_only=True)
class Built:
    """A network as its library builds it, untrained, and what is known of files with its weights."""

    network: nn.Module
    wrap: Wrap
    may_lack: frozenset[str] = frozenset()
    """Its tensors that the published file may be without: they stay as they were built."""
    spare: tuple[str, ...] = ()
    """Beginnings of the names of tensors that the file has beyond the network."""
    rename: Rename = dict
    """From the names in the file to the network's."""


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Networks that initialise themselves from the global generator are drawn from a seed; nobody else notices."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def finish(
    built: Built, record: Record, inputs: InputSpec, weights: Path | None, *, label: str, untrained: bool
) -> Backbone:
    """The backbone of a network that was built for a record.

    Args:
        inputs: what it eats: one of the record's, perhaps as it was wished for.
        weights: the published file, or one that holds the same tensors; None: the hub's cache, then the hub.
        label: the backbone's name, for messages.
        untrained: whether it stays as it was built.
    Raises:
        UserError: weights neither given, cached nor reachable, or not all of the network's.
    """
    settings: dict[str, list[str]] = {}
    place = "untrained"
    if not untrained:
        path = weights or fetch_from_hub(record.repository, record.file)
        fresh = {
            name: weight.detach().clone() for name, weight in built.network.named_parameters() if name in built.may_lack
        }
        found = find_weights(
            path,
            built.network,
            what=f"the weights of {label}",
            advice=f"Pass {record.file} of {record.source} by --weights",
            may_lack=built.may_lack,
            spare=built.spare,
            rename=built.rename,
        )
        built.network.load_state_dict(found.state)
        place = found.place
        if fresh and all(torch.equal(tensor, found.state[name]) for name, tensor in fresh.items()):
            settings = {"as_built": sorted(fresh)}
    weights_sha256 = hash_tensors(built.network.state_dict())
    origin = Origin(weights_sha256=weights_sha256, description=f"{label}, {place}", settings=settings)
    return built.wrap(built.network, inputs, origin)

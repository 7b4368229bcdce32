"""A timm model behind the backbone contract: its pooled vector, and the maps on the way to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import timm
import torch
from torch import Tensor, nn

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.convnext import respond_faster
from baselines.facts import Facts
from mp_mae.errors import UserError


class TimmBackbone(Backbone):
    """A timm model whose maps are read on the way to its pooled vector, if it lets them be read."""

    channels_last = True

    def __init__(self, model: nn.Module, *, inputs: InputSpec, origin: Origin) -> None:
        side = inputs.native_size_px if inputs.fixed_size and inputs.native_size_px else 2 * inputs.size_multiple
        levels = _levels(model, len(inputs.bands or ()), side)
        super().__init__(inputs=inputs, origin=origin, pyramid=tuple(levels.values()))
        self.model: Any = model
        respond_faster(model)
        self.indices = list(levels)
        """Of the maps in timm's own list."""
        self.eval()

    def embed(self, x: Tensor, facts: Facts) -> Features:
        if not self.indices:
            return Features(self.model.forward_head(self.model.forward_features(x), pre_logits=True), ())
        last, maps = self.model.forward_intermediates(x, indices=self.indices)
        return Features(vector=self.model.forward_head(last, pre_logits=True), maps=tuple(maps))


@contextmanager
def trying() -> Iterator[None]:
    """What is tried on a blank image: without gradients and by one thread, as on a busy machine several wait for each
    other many times as long as one of them takes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads)


@trying()
def _levels(model: Any, n_channels: int, side: int) -> dict[int, Level]:
    """The last map of each stride, by its place in timm's list: measured on a blank image of that side.

    A map that lost more than two cells at the border, as without padding, is none: its cells lie beside their pixels.
    """
    if not hasattr(model, "forward_intermediates"):
        return {}
    maps = model.eval().forward_intermediates(torch.zeros(1, n_channels, side, side), intermediates_only=True)
    by_stride = {}
    for index, cells in enumerate(maps):
        stride = side // cells.shape[-1]
        if cells.ndim == 4 and side / stride - cells.shape[-1] <= 2:
            by_stride[stride] = (index, Level(cells.shape[1], stride))
    return {index: level for _, (index, level) in sorted(by_stride.items())}


def create(model: str, seed: int, n_channels: int, one_size: bool) -> tuple[nn.Module, bool]:
    """The network without a classifier, drawn from the seed, and whether it embeds images of one size alone.

    Args:
        one_size: whether timm says that it does; some can be told not to.
    """
    with torch.random.fork_rng(devices=[]):  # timm initialises from the global generator
        torch.manual_seed(seed)
        if one_size:
            try:
                return _without_classifier(model, n_channels, dynamic_img_size=True), False
            except TypeError:  # its builder has no such argument
                pass
        network = _without_classifier(model, n_channels)
    return network, one_size or not _embeds_small(network, n_channels)


@trying()
def _embeds_small(network: Any, n_channels: int) -> bool:
    """Whether it embeds images of two cells a side: those without padding run out of pixels and need larger ones."""
    side = 2 * total_stride(network)
    try:
        network.eval().forward_features(torch.zeros(1, n_channels, side, side))
    except RuntimeError:  # torch's: a kernel is larger than what it is to slide over
        return False
    return True


def _without_classifier(model: str, n_channels: int, **settings: Any) -> nn.Module:
    network: nn.Module = timm.create_model(model, num_classes=0, in_chans=n_channels, **settings)
    return network


def total_stride(network: Any) -> int:
    """Pixels a side that make one cell of the coarsest map."""
    stages = network.feature_info if isinstance(network.feature_info, list) else network.feature_info.info
    return max(stage["reduction"] for stage in stages)


def pool(network: Any, wanted: str, name: str) -> bool:
    """Let the vector be the class token (`token`) or the mean over the other tokens (`avg`); False: it was already.

    The final norm stays where it was while the network learnt.

    Raises:
        UserError: the network has no class token, so that its vector can be one thing alone.
    """
    if not getattr(network, "num_prefix_tokens", 0) or network.global_pool not in ("token", "avg"):
        raise UserError(
            f"timm:{name}: it has no class token, so there is one vector to choose from. Leave out `pool={wanted}`"
        )
    if network.global_pool == wanted:
        return False
    network.reset_classifier(0, global_pool=wanted)
    return True

"""The first layer of a network that learnt from colours, adapted to other bands by one rule.

The filters of red, green and blue go to the bands of these names. Every other band gets the mean of the three. All are
multiplied by 3 / C, where C bands enter: standardised bands then excite the network as three colours did.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from baselines.bands import RGB, S2_L2A, Unit
from baselines.inputs import Moments
from mp_mae.errors import UserError

COLOURS = {"red": 0, "B4": 0, "green": 1, "B3": 1, "blue": 2, "B2": 2}
"""Band -> which of the three colours it is: by its common name, and by the one it has on Sentinel-2 and Landsat 8."""


def read_bands(text: str, where: str) -> tuple[str, ...]:
    """The bands in a wish: names separated by commas, or `s2`.

    Raises:
        UserError: a name is empty or said twice; or it says `all`, which is known with a dataset alone.
    """
    if text == "s2":
        return S2_L2A
    bands = tuple(text.split(","))
    if "all" in bands:
        raise UserError(f"{where}: a network is built before a dataset is read. Name the bands, or say bands=s2")
    if not all(bands) or len(set(bands)) < len(bands):
        raise UserError(f"{where}: wanted different bands, found {text!r}. Say for example bands=B4,B3,B2,B8")
    return bands


def spread_filters(filters: Tensor, bands: Sequence[str]) -> Tensor:
    """(O, 3, h, w) filters of red, green and blue -> (O, C, h, w) filters of these bands."""
    mean = filters.mean(dim=1)
    per_band = [filters[:, COLOURS[band]] if band in COLOURS else mean for band in bands]
    return torch.stack(per_band, dim=1) * (3 / len(bands))


def adapt_first_layer(
    state: Mapping[str, Tensor], network: nn.Module, layers: Sequence[str], bands: Sequence[str], where: str
) -> dict[str, Tensor]:
    """The tensors of a network that read colours as those of one that reads these bands.

    Args:
        network: one with as many channels as there are bands.
        layers: its layers that read pixels, as timm names them.
        where: begins the message.
    Raises:
        UserError: they are not convolutions over all channels, so that the rule says nothing of them.
    """
    modules: list[Any] = [network.get_submodule(layer) for layer in layers]
    known = [isinstance(module, nn.Conv2d) and module.weight.shape[1] == len(bands) for module in modules]
    if not known or not all(known):
        found = ", ".join(f"{layer}: {type(module).__name__}" for layer, module in zip(layers, modules, strict=True))
        raise UserError(
            f"{where}: wanted a first convolution to adapt to the bands {' '.join(bands)}, found {found or 'none'}. "
            "Leave out `bands`: it reads red, green and blue"
        )
    spread = {
        key: spread_filters(state[key], bands)
        for layer in layers
        if (key := f"{layer}.weight") in state and state[key].ndim == 4 and state[key].shape[1] == len(RGB)
    }
    return {**state, **spread}


def learnt_from(bands: Sequence[str], known: Any) -> dict[str, Any]:
    """The unit and moments of a pretraining, as arguments of `InputSpec`: known where every band is a colour.

    Empty elsewhere: only a dataset's statistics can standardise what enters.

    Args:
        known: timm's configuration of the weights.
    """
    if not all(band in COLOURS for band in bands):
        return {}
    of_colours = [Moments(255 * mean, 255 * std) for mean, std in zip(known.mean, known.std, strict=True)]
    return {"unit": Unit.UINT8, "moments": {band: of_colours[COLOURS[band]] for band in bands}}

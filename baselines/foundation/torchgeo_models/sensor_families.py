"""Models that take any bands and are told what each is: DOFA, Panopticon, Copernicus-FM.

Each wants its own number of a band: micrometres, nanometres, or a negative number for a polarisation of radar. Bands
that were named have the record's numbers; else the dataset says their wavelengths.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from baselines.contract import Features, Level
from baselines.facts import Fact, Facts
from baselines.foundation.built import Built, wrapped
from baselines.foundation.libraries import import_from
from baselines.foundation.record import Record
from baselines.foundation.tokens import as_map, listen
from baselines.foundation.torchgeo_models.choice import Choice
from baselines.foundation.torchgeo_models.library import find_builder

_BANDWIDTH_NM = {
    "B1": 20.0, "B2": 65.0, "B3": 35.0, "B4": 30.0, "B5": 15.0, "B6": 15.0, "B7": 20.0, "B8": 115.0, "B8A": 20.0,
    "B9": 20.0, "B10": 30.0, "B11": 90.0, "B12": 180.0,
}  # fmt: skip
"""Bandwidths in nanometres (ESA, Sentinel-2 User Handbook)."""
_CLASSIFIERS = ("head.",)


def _numbers(record: Record, choice: Choice, facts: Facts) -> list[float]:
    """What the model is told each band is."""
    if Fact.WAVELENGTH in choice.inputs.uses:
        return [record.arguments["per_um"] * (band.wavelength_um or 0.0) for band in facts.bands]
    return [record.arguments["channels"][band] for band in choice.inputs.bands or ()]


def build_dofa(record: Record, choice: Choice) -> Built:
    """DOFA, whose first layer is made of wavelengths in micrometres."""
    network: Any = find_builder(record)(num_classes=0)

    def call(network: Any, x: Tensor, facts: Facts) -> Features:
        with listen(network.blocks[-1]) as heard:
            vector = network.forward_features(x, wavelengths=_numbers(record, choice, facts))
        return _features(vector, heard, x, 16)

    return _built(network, call, network.embed_dim, 16, may_lack=frozenset({"fc_norm.weight", "fc_norm.bias"}))


def build_panopticon(record: Record, choice: Choice) -> Built:
    """Panopticon, whose bands attend to each other by their numbers: nanometres, below zero for radar."""
    network: Any = find_builder(record)(img_size=224)
    resize = import_from("torchgeo", "torchgeo.models.copernicusfm").resize_abs_pos_embed

    def call(network: Any, x: Tensor, facts: Facts) -> Features:
        numbers = torch.tensor(_numbers(record, choice, facts), device=x.device)
        told = {"imgs": x, "chn_ids": numbers.repeat(len(x), 1)}
        with listen(network.model.blocks[-1]) as heard:
            vector = network(told)
        return _features(vector, heard, x, 14)

    def rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Positions of 37 x 37 cells become those of 16 x 16, as torchgeo's own loading has it."""
        state = {name: tensor for name, tensor in state.items() if name != "mask_token"}
        positions = resize(state["pos_embed"], 224 // 14, 518 // 14)
        return {f"model.{name}": tensor for name, tensor in {**state, "pos_embed": positions}.items()}

    return _built(network, call, network.model.embed_dim, 14, rename=rename)


def build_copernicus_fm(record: Record, choice: Choice) -> Built:
    """Copernicus-FM, told wavelengths and bandwidths in nanometres; not place, time and area, which it can do without:
    a number that is none stands for what it learnt to take for unknown."""
    network: Any = find_builder(record)(num_classes=0)
    bands: Sequence[str] = choice.inputs.bands or ()
    wavelengths = [record.arguments["channels"][band] for band in bands]
    bandwidths = [_BANDWIDTH_NM[band] for band in bands]

    def call(network: Any, x: Tensor, facts: Facts) -> Features:
        unknown = torch.full((len(x), 4), torch.nan, device=x.device)
        with listen(network.blocks[-1]) as heard:
            vector = network.forward_features(x, unknown, wavelengths, bandwidths)
        return _features(vector, heard, x, 16)

    return _built(network, call, 768, 16, may_lack=frozenset({"fc_norm.weight", "fc_norm.bias"}))


def _built(network: nn.Module, call: Any, width: int, patch_px: int, **stored: Any) -> Built:
    wrap = wrapped(call, Level(channels=width, stride=patch_px))
    return Built(network=network, wrap=wrap, spare=_CLASSIFIERS, **stored)


def _features(vector: Tensor, heard: list[Tensor], x: Tensor, patch_px: int) -> Features:
    height, width = (side // patch_px for side in x.shape[-2:])
    return Features(vector=vector, maps=(as_map(heard[0], height, width),))

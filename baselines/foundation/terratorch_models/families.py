"""How terratorch's architectures are built, called and stored: one line of FAMILIES each.

A network gives its last layer's tokens: (B, class token and patches, D). What it is told beside the pixels is made of
what the contract tells (`baselines.facts`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import torch
from torch import Tensor, nn

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.facts import Circumstances, Facts
from baselines.foundation.built import Built, FoundationBackbone
from baselines.foundation.libraries import import_from
from baselines.foundation.record import Record
from baselines.foundation.terratorch_models.records import CLAY_GSD_M, CLAY_WAVELENGTHS_UM

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How features are read off a vision transformer."""

    tokens: Callable[[Any, Tensor, Circumstances], Tensor]
    """(network, prepared pixels, what is known of the images) -> (B, class token and patches, D)."""
    patch_px: int
    width: int
    """Of a token: D."""
    has_class_token: bool
    """Whether the first token stands for the image."""
    pools_class_token: bool = False
    """Whether that token is the vector; else the mean of the patches' tokens is."""

    def __call__(self, network: nn.Module, x: Tensor, facts: Facts) -> Features:
        tokens = self.tokens(network, x, facts.circumstances)
        patches = tokens[:, 1:] if self.has_class_token else tokens
        rows, columns = (side // self.patch_px for side in x.shape[-2:])
        return Features(
            vector=tokens[:, 0] if self.pools_class_token else patches.mean(1),
            maps=(patches.transpose(1, 2).unflatten(2, (rows, columns)),),
        )

    def wrap(self, network: nn.Module, inputs: InputSpec, origin: Origin) -> Backbone:
        """The backbone of a network; its only map is that of the patches."""
        pyramid = (Level(self.width, self.patch_px),)
        return LayeredBackbone(network, self, inputs=inputs, origin=origin, pyramid=pyramid)


class LayeredBackbone(FoundationBackbone):
    """A network whose layers are known, so that fine-tuning gives each its own rate, as it does for timm's."""

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Patterns of the names of parameters, layer by layer, as timm has them."""
        return {
            "stem": r"^network\.(?!(?:blocks|encoder|transformer)\.|norm\.|encoder_norm\.)",
            "blocks": [
                (r"^network\.(?:blocks|encoder|transformer\.layers)\.(\d+)\.", None),
                (r"^network\.(?:norm|encoder_norm|transformer\.norm)\.", (99_999,)),  # with the last block
            ],
        }


def _registry() -> Any:
    return import_from("terratorch", "terratorch.registry").TERRATORCH_BACKBONE_REGISTRY


def build_prithvi(record: Record, inputs: InputSpec, modality: str) -> Built:
    """Prithvi's encoder of one frame. Its positions are computed: those of the file are of more frames."""
    network = _registry().build(record.name, pretrained=False, num_frames=1, **record.arguments)
    del network.forward  # a function of this very network: copies of it would go on calling the original
    reading = Reading(
        tokens=prithvi_tokens, patch_px=inputs.size_multiple, width=network.embed_dim, has_class_token=True
    )
    return Built(
        network=network,
        wrap=reading.wrap,
        may_lack=frozenset({"pos_embed"}),
        spare=("decoder", "mask_token"),
        rename=lambda named: {name: tensor for name, tensor in named.items() if name != "pos_embed"},
    )


def prithvi_tokens(network: Any, x: Tensor, known: Circumstances) -> Tensor:
    """Tokens of images, each told its day and its place as far as they are known.

    Prithvi 2 saw images without either while it was trained (Szwarcman et al., Prithvi-EO-2.0, 2024), so leaving them
    out is what it knows; a zero would be a day and a place.
    """
    days, places = _days(known, len(x)), _places(known, len(x))
    has_day, has_place = days.isfinite(), places.isfinite().all(1)
    tokens, order = [], []
    for by_day, by_place in ((False, False), (False, True), (True, False), (True, True)):
        rows = ((has_day == by_day) & (has_place == by_place)).nonzero()[:, 0]
        if not len(rows):
            continue
        when = (
            torch.tensor([[_year_and_day(day)] for day in days[rows].tolist()]).to(x) if by_day else None
        )  # (b, 1, 2)
        where = places[rows].flip(1).to(x) if by_place else None  # latitude first
        tokens.append(network.forward_features(x[rows], temporal_coords=when, location_coords=where)[-1])
        order.append(rows)
    return torch.cat(tokens)[torch.cat(order).argsort()]


def build_terramind(record: Record, inputs: InputSpec, modality: str) -> Built:
    """TerraMind's encoder with the embeddings of its modalities alone, whose tokens are averaged place by place."""
    modalities = modality.split("+")
    network = _registry().build(
        record.name, pretrained=False, modalities=modalities, merge_method="mean", **record.arguments
    )
    channels = [len(record.inputs[one].bands or ()) for one in modalities]

    def tokens(network: Any, x: Tensor, known: Circumstances) -> Tensor:
        last: Tensor = network(dict(zip(modalities, x.split(channels, dim=1), strict=True)))[-1]
        return last

    reading = Reading(
        tokens=tokens, patch_px=inputs.size_multiple, width=network.out_channels[-1], has_class_token=False
    )
    return Built(network=network, wrap=reading.wrap, spare=("decoder", "encoder_embeddings.", "mask_token"))


def build_clay_1(record: Record, inputs: InputSpec, modality: str) -> Built:
    """Clay 1's encoder, of images of one size."""
    embedder = import_from("terratorch", "terratorch.models.backbones.clay_v1.embedder").Embedder
    network = embedder(img_size=inputs.native_size_px, **record.arguments).clay_encoder

    def tokens(network: Any, x: Tensor, known: Circumstances) -> Tensor:
        last: Tensor = network(clay_datacube(x, known, CLAY_GSD_M))[-1]
        return last

    return _built_clay(network, inputs, tokens)


def build_clay_1_5(record: Record, inputs: InputSpec, modality: str) -> Built:
    """Clay 1.5's encoder, which masks nothing here."""
    encoder = import_from("terratorch", "terratorch.models.backbones.clay_v15.model").Encoder
    network = encoder(
        mask_ratio=0.0, shuffle=False, patch_size=inputs.size_multiple, dim_head=64, mlp_ratio=4, **record.arguments
    )

    def tokens(network: Any, x: Tensor, known: Circumstances) -> Tensor:
        last: Tensor = network(clay_datacube(x, known, torch.tensor(CLAY_GSD_M)))[0]
        return last

    return _built_clay(network, inputs, tokens)


def _built_clay(network: Any, inputs: InputSpec, tokens: Callable[[Any, Tensor, Circumstances], Tensor]) -> Built:
    reading = Reading(
        tokens=tokens,
        patch_px=inputs.size_multiple,
        width=network.dim,
        has_class_token=True,
        pools_class_token=True,
    )
    return Built(network=network, wrap=reading.wrap)


def clay_datacube(x: Tensor, known: Circumstances, gsd_m: float | Tensor) -> dict[str, Any]:
    """Clay's input: pixels and all it is told of them.

    Zeros stand for an image of which day or place is not known: so a fifth of its training images came. The hour is
    never known here.
    """
    days, places = _days(known, len(x)), _places(known, len(x))
    told = [_when_and_where(*values) for values in zip(days.tolist(), *places.unbind(1), strict=True)]
    time, latlon = torch.tensor(told).to(x).split(4, dim=1)
    waves = torch.tensor(CLAY_WAVELENGTHS_UM).to(x)
    return {"pixels": x, "time": time, "latlon": latlon, "gsd": gsd_m, "waves": waves}


def _when_and_where(day: float, longitude: float, latitude: float) -> list[float]:
    """Sine and cosine of week, hour, latitude and longitude."""
    if not all(map(math.isfinite, (day, longitude, latitude))):
        return [0.0] * 8
    week = 2 * math.pi * _date(day).isocalendar().week / 52
    latitude, longitude = math.radians(latitude), math.radians(longitude)
    when = [math.sin(week), math.cos(week), 0.0, 0.0]
    return [*when, math.sin(latitude), math.cos(latitude), math.sin(longitude), math.cos(longitude)]


def _year_and_day(day: float) -> tuple[float, float]:
    """The year, and the day of the year from 1."""
    taken = _date(day)
    return float(taken.year), float(taken.timetuple().tm_yday)


def _date(day: float) -> date:
    return _EPOCH + timedelta(days=math.floor(day))


def _days(known: Circumstances, n: int) -> Tensor:
    """(n,) days since 1970, NaN where nothing is told."""
    return torch.full((n,), math.nan) if known.day is None else known.day


def _places(known: Circumstances, n: int) -> Tensor:
    """(n, 2) longitude and latitude in degrees, NaN where nothing is told."""
    return torch.full((n, 2), math.nan) if known.place is None else known.place


FAMILIES: dict[str, Callable[[Record, InputSpec, str], Built]] = {
    "prithvi": build_prithvi,
    "terramind": build_terramind,
    "clay_1": build_clay_1,
    "clay_1_5": build_clay_1_5,
}
"""How a network is built for a record, for what it eats, and for the name of that modality."""

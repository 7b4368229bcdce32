"""torchgeo's pretrained models by their names there: `torchgeo:ResNet50_Weights.SENTINEL2_ALL_MOCO`.

What each eats is declared in records. Where the network is timm's or torchvision's own it is built by these, so that
torchgeo itself is needed only where the network is torchgeo's code.
"""

import difflib
from collections.abc import Callable
from pathlib import Path

from baselines.contract import Backbone
from baselines.entry import Entry, Kind
from baselines.foundation.built import Built, drawn_from, finish
from baselines.foundation.record import Record
from baselines.foundation.torchgeo_models import (
    any_sensor,
    own_families,
    satlas,
    sensor_families,
    ssl4eo,
    swin_v2_family,
    timm_family,
)
from baselines.foundation.torchgeo_models.choice import WISHES, Choice, choose
from baselines.wishes import read_wishes
from mp_mae.errors import UserError

RECORDS: dict[str, Record] = {record.name: record for record in (*ssl4eo.RECORDS, *satlas.RECORDS, *any_sensor.RECORDS)}

_ALSO_CALLED = {
    f"ResNet50_Weights.SENTINEL1_ALL_{method}": f"ResNet50_Weights.SENTINEL1_GRD_{method}"
    for method in ("MOCO", "DECUR")
}
"""Weights that torchgeo has under two names -> the record's."""

FAMILIES: dict[str, Callable[[Record, Choice], Built]] = {
    "timm": timm_family.build,
    "swin_v2": swin_v2_family.build,
    "dofa": sensor_families.build_dofa,
    "panopticon": sensor_families.build_panopticon,
    "copernicus_fm": sensor_families.build_copernicus_fm,
    "croma": own_families.build_croma,
    "scale_mae": own_families.build_scale_mae,
    "deo": own_families.build_deo,
    "olmo_earth": own_families.build_olmo_earth,
}
"""How a network is built for a record and what is chosen of its inputs."""


def find_entry(rest: str) -> Entry:
    """The entry of what stands behind `torchgeo:`.

    Raises:
        UserError: there is no record of that name (suggests some), or a wish is none of its.
    """
    name, wishes = read_wishes("torchgeo", rest, WISHES)
    record = find_record(name)
    choice = choose(record, wishes)
    inputs, as_listed = choice.inputs, choice.modality == next(iter(record.inputs))
    untrained = "random" in wishes
    read_otherwise: dict[str, str] = {key: wishes[key] for key in ("bands", "gsd") if key in wishes}
    # A stretch changes nothing of the network: it is in the numbers that standardise, which a run's identity holds.
    return Entry(
        name=f"torchgeo:{rest}",
        summary=f"torchgeo's {name}, {'untrained, drawn from the seed' if untrained else 'pretrained'}",
        bands="all" if inputs.bands is None else ", ".join(inputs.bands),
        unit=inputs.unit_in_words,
        size_px=inputs.native_size_px,
        parameters=record.parameters if as_listed else None,
        licence="none needed" if untrained else record.licence,
        library="torchgeo",
        source="drawn from the seed" if untrained else record.source,
        pitfall=record.pitfall,
        module=__name__,
        settings={"model": record.name, **read_otherwise, **({} if as_listed else {"modality": choice.modality})},
        requires={"untrained": untrained, **({"stretch": wishes["stretch"]} if "stretch" in wishes else {})},
        weights="none" if untrained else "optional",
        kind=Kind.UNTRAINED if untrained else Kind.PRETRAINED,
        seeded=untrained,
    )


def find_record(name: str) -> Record:
    """The record of a name, or of another name that torchgeo has for the same weights.

    Raises:
        UserError: there is none; names the nearest, else how the names begin.
    """
    name = _ALSO_CALLED.get(name, name)
    if name in RECORDS:
        return RECORDS[name]
    near = difflib.get_close_matches(name, RECORDS, n=3, cutoff=0.5)
    kinds = ", ".join(sorted({known.partition(".")[0] for known in RECORDS}))
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UserError(f"torchgeo:{name}: there is no record of such weights. {hint}There are some of {kinds}")


def build(weights: Path | None, seed: int, *, model: str, untrained: bool = False, **wishes: str) -> Backbone:
    """The network of a record, with weights from a file, from the hub or its cache, or drawn from the seed.

    Args:
        weights: torchgeo's own file, or one that holds the same tensors.
        model: the record's name.
        untrained: whether it was wished for that nothing is loaded.
        wishes: what was wished for of its input, by the key in WISHES.
    Raises:
        UserError: weights neither given, cached nor reachable, or not all of the network's.
        NotHereError: the library that holds the network's code is not installed.
    """
    record = RECORDS[model]
    choice = choose(record, wishes)
    with drawn_from(seed):
        built = FAMILIES[record.family](record, choice)
    return finish(built, record, choice.inputs, weights, label=f"torchgeo:{model}", untrained=untrained)

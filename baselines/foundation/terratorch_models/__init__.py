"""A model of terratorch by its name there: `terratorch:prithvi_eo_v2_300`, `terratorch:terramind_v1_base?modality=RGB`.

What each eats is in `records`, how each is built and called in `families`. It is fed as it was trained unless
`--normalisation` says otherwise.
"""

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from baselines.contract import Backbone, InputSpec
from baselines.entry import Entry, Kind
from baselines.facts import Fact
from baselines.foundation.built import drawn_from, finish
from baselines.foundation.record import Record
from baselines.foundation.terratorch_models.families import FAMILIES
from baselines.foundation.terratorch_models.records import ELSEWHERE, RECORDS
from baselines.wishes import Wish, read_wishes
from mp_mae.errors import UserError

SCHEME = "terratorch"
_RANDOM = Wish("random", "untrained weights")
_METADATA = Wish("metadata", "telling it day and place of each image")


def find_entry(rest: str) -> Entry:
    """The entry of what stands behind `terratorch:`.

    Raises:
        UserError: there is no record of that name, or it cannot do what is wished for.
    """
    name = rest.partition("?")[0]
    if name not in RECORDS:
        raise UserError(_unknown(name))
    record = RECORDS[name]
    _, wishes = read_wishes(SCHEME, rest, _wishes(record))
    usual = next(iter(record.inputs))
    modality = wishes.get("modality", usual)
    untrained = "random" in wishes
    inputs = record.inputs[modality]
    return Entry(
        name=f"{SCHEME}:{rest}",
        summary=f"terratorch's {name}, {'untrained, drawn from the seed' if untrained else 'pretrained'}",
        bands=", ".join(inputs.bands or ()),
        unit=inputs.unit_in_words,
        size_px=inputs.native_size_px,
        parameters=record.parameters if modality == usual else None,
        licence="none needed" if untrained else record.licence,
        library=SCHEME,
        source="drawn from the seed" if untrained else record.source,
        pitfall=record.pitfall,
        module=__name__,
        settings={"model": name, "modality": modality, **({"metadata": True} if "metadata" in wishes else {})},
        requires={"untrained": untrained},
        weights="none" if untrained else "optional",
        kind=Kind.UNTRAINED if untrained else Kind.PRETRAINED,
        seeded=untrained,
    )


def _unknown(name: str) -> str:
    if name in ELSEWHERE:
        return f"{SCHEME}:{name}: terratorch borrows this network with its weights. Choose {ELSEWHERE[name]}"
    near = difflib.get_close_matches(name, RECORDS, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{SCHEME}:{name}: no such record. {hint}There are: {', '.join(RECORDS)}"


def _wishes(record: Record) -> Sequence[Wish]:
    """What may be wished for of a model."""
    several = Wish("modality", "what it reads", choices=tuple(record.inputs))
    return (_RANDOM, *([_METADATA] if record.metadata else []), *([several] if len(record.inputs) > 1 else []))


def build(
    weights: Path | None, seed: int, *, model: str, modality: str, untrained: bool, metadata: bool = False
) -> Backbone:
    """The model, with weights from a file, from the hub or its cache, or drawn from the seed if that was wished for.

    Args:
        weights: the file that is published, with or without its decoder; or one in the network's own names.
        model: the record's name.
        modality: one of its `inputs`.
        metadata: whether it is told day and place.
    Raises:
        UserError: terratorch is not installed; weights neither given, cached nor reachable, or not all of the model's.
    """
    record = RECORDS[model]
    inputs = tell(record.inputs[modality], metadata)
    with drawn_from(seed):
        built = FAMILIES[record.family](record, inputs, modality)
    return finish(built, record, inputs, weights, label=f"{SCHEME}:{model}", untrained=untrained)


def tell(inputs: InputSpec, metadata: bool) -> InputSpec:
    """An input with day and place of each image where that is wished for."""
    return replace(inputs, uses=frozenset({Fact.DAY, Fact.PLACE})) if metadata else inputs

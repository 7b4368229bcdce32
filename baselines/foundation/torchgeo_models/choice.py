"""What is wished for of a record: which of its inputs, and how they are to be read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from baselines.bands import Unit
from baselines.contract import InputSpec
from baselines.facts import Fact
from baselines.foundation.record import Record
from baselines.inputs import Moments
from baselines.wishes import Wish
from mp_mae.errors import UserError

WISHES = (
    Wish("random", "untrained weights"),
    Wish("modality", "which of its inputs it reads, of a model that has several", example="optical"),
    Wish("bands", "bands by name, of a model that takes any", example="B4,B3,B2"),
    Wish("stretch", "8-bit tones 0 to 255 made of digital numbers 0 to N (ESA's picture: 3558)", example="3558"),
    Wish("gsd", "metres that a pixel as it is fed is wide on the ground, of a model that wants it", example="10"),
)


@dataclass(frozen=True)
class Choice:
    """A record's input as it is wished for."""

    modality: str
    inputs: InputSpec
    gsd_m: float | None = None
    """None: the dataset says it, or the model does not want it."""


def choose(record: Record, wishes: Mapping[str, str]) -> Choice:
    """The first of a record's inputs, or the one that is wished for, changed as is wished.

    Raises:
        UserError: a wish that makes no sense for this record.
    """
    where = f"torchgeo:{record.name}"
    modality = wishes.get("modality", next(iter(record.inputs)))
    if modality not in record.inputs:
        raise UserError(f"{where}: there is no modality {modality!r}, but {', '.join(record.inputs)}")
    inputs = record.inputs[modality]
    if "bands" in wishes:
        inputs = _read_bands(wishes["bands"], record, inputs, where)
    if "stretch" in wishes:
        inputs = _stretch(_positive(wishes["stretch"], "stretch", where), inputs, where)
    if "gsd" not in wishes:
        return Choice(modality, inputs)
    if Fact.GSD not in inputs.uses:
        raise UserError(f"{where}: it does not want to know how wide a pixel is. Leave out `gsd`")
    gsd_m = _positive(wishes["gsd"], "gsd", where)
    return Choice(modality, replace(inputs, uses=inputs.uses - {Fact.GSD}), gsd_m)


def _positive(text: str, key: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise UserError(f"{where}: wanted a positive number as {key}, found {text!r}")
    return value


def _read_bands(text: str, record: Record, inputs: InputSpec, where: str) -> InputSpec:
    """The input of a model for any sensor that reads these bands alone, and knows their wavelengths by their names."""
    if inputs.bands is not None:
        raise UserError(f"{where}: its bands are {', '.join(inputs.bands)} and no others. Leave out `bands`")
    names, known = tuple(text.split(",")), record.arguments["channels"]
    unknown = [name for name in names if name not in known]
    if unknown or len(set(names)) < len(names):
        raise UserError(f"{where}: wanted different bands of {', '.join(known)}, found {text!r}")
    return replace(inputs, bands=names, uses=inputs.uses - {Fact.WAVELENGTH})


def _stretch(top: float, inputs: InputSpec, where: str) -> InputSpec:
    """An input of tones made of Sentinel-2's digital numbers, of which 0 to `top` stand for tones of 0 to 255."""
    bands = inputs.bands or ()
    tones = [band for channel, band in enumerate(bands) if inputs.unit_of(channel) is Unit.UINT8]
    if not tones:
        raise UserError(f"{where}: it reads no 8-bit tones. Leave out `stretch`")
    factor = top / 255
    scaled = {band: Moments(factor * mean, factor * std) for band, (mean, std) in inputs.moments.items()}
    return replace(
        inputs,
        unit=Unit.DN_10000,
        units={},
        moments={band: scaled[band] if band in tones else inputs.moments[band] for band in bands},
    )

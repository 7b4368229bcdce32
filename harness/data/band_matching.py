"""Which of a dataset's bands feeds which band a backbone asks for. By name, never by position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from baselines.bands import SENTINEL2_LIGHT, SENTINEL2_UM
from harness.data.description import Band
from harness.errors import DoesNotApplyError, UserError


class MissingBandsError(DoesNotApplyError):
    """A dataset lacks what a backbone reads: a reason not to run the two together, which is nobody's failure."""


class MissingBands(StrEnum):
    """What feeds a band that the dataset does not have. The value is what users type."""

    NEAREST = "nearest"
    """The optical band with the closest wavelength."""
    ZERO = "zero"
    """Zeros after normalisation: the band's mean."""
    ERROR = "error"


@dataclass(frozen=True)
class BandPlan:
    """For each band a backbone asks for, the dataset's band that feeds it."""

    requested: tuple[str, ...]
    sources: tuple[str | None, ...]
    """The channel it is stored in (`Band.channel`); None: filled with zeros."""
    filled: Mapping[str, str | None] = field(default_factory=dict)
    """Only the requested bands that the dataset does not have, with the name of the band that feeds them."""


_WORDS = {**{name: name for name in SENTINEL2_LIGHT.values()}, "swir1": "swir16", "swir2": "swir22"}
"""What bands of other sensors are called -> the same. Landsat's `NIR` is as narrow as `nir08`, and stays `nir`."""

SENSOR_SETS = {"S1": "Sentinel1", "S2": "Sentinel2"}
"""What users call all bands of a sensor -> the kind of those bands."""

_OPTICAL = ("Sentinel2", "Landsat8", "SpectralBand")
"""Kinds of band whose wavelength is one of light; radar, elevation, masks, pictures never stand in for such a band."""


def canonical_name(band: Band) -> str | None:
    """B1 to B12 of a Sentinel-2 band, from its leading number or an alternative name; None for any other band."""
    if band.kind != "Sentinel2":
        return None
    names = (band.name, band.name.partition(" - ")[0], *band.alt_names)
    return next((canonical for name in names if (canonical := _parse_number(name))), None)


def common_name(band: Band) -> str | None:
    """STAC's word for the light of an optical band: of a Sentinel-2 band by its number, of another by a name that says
    so (`04 - Red`, `NIR`, `SWIR1`); None where no name does. Numbers of other sensors mean other bands."""
    if canonical := canonical_name(band):
        return SENTINEL2_LIGHT[canonical]
    words = (
        name.rpartition(" - ")[2].casefold().replace(" ", "").replace("_", "") for name in (band.name, *band.alt_names)
    )
    return next((_WORDS[word] for word in words if word in _WORDS), None) if band.kind in _OPTICAL else None


def plan_bands(requested: Sequence[str], available: Sequence[Band], policy: MissingBands, where: str) -> BandPlan:
    """Match the bands a backbone wants with those a dataset has.

    A name is, in this order: the dataset's own name of a band; a canonical Sentinel-2 name (B1 to B12, B8A), which only
    a Sentinel-2 band answers to; a name or alternative name in any case (red, NIR, vv), if just one band has it.
    `nearest` takes the optical band closest in wavelength; of two as close the shorter wavelength, then the first.

    Args:
        requested: bands in the backbone's order.
        available: bands of the dataset, `Dataset.bands`.
        policy: what feeds a band that is not there.
        where: begins each message, for example "m-so2sat: mp_mae".
    Raises:
        MissingBandsError: a band is not there and `policy` is `error`, or `nearest` finds none; or none is there and
            `policy` is `zero`.
        UserError: a name fits several bands.
    """
    found = {name: _find(name, available, where) for name in requested}
    if requested and policy is MissingBands.ZERO and not any(found.values()):
        raise MissingBandsError(
            f"{where}: --missing-bands zero would feed it nothing but zeros, as this dataset has none of the bands "
            f"{' '.join(requested)}. Choose a backbone that reads {_stored(available)}"
        )
    stand_ins = _stand_ins([name for name, band in found.items() if band is None], available, policy, where, {})
    feeding = {**found, **stand_ins}
    return BandPlan(
        requested=tuple(requested),
        sources=tuple(band.channel if (band := feeding[name]) else None for name in requested),
        filled={name: band.name if band else None for name, band in stand_ins.items()},
    )


def choose_bands(names: Sequence[str], available: Sequence[Band], where: str) -> tuple[Band, ...]:
    """The bands that a user named, in that order, each once; no name: all of them.

    Args:
        names: as `plan_bands` understands them, or `S1` or `S2`: all bands of Sentinel-1 or Sentinel-2.
        where: begins the message.
    Raises:
        DoesNotApplyError: the dataset has no such band.
    """
    if not names:
        return tuple(available)
    chosen: list[Band] = []
    for name in names:
        kind = SENSOR_SETS.get(name.upper())
        found = [band for band in available if band.kind == kind] if kind else [_find(name, available, where)]
        there = [band for band in found if band is not None]
        if not there:
            raise DoesNotApplyError(f"{where}: no band {name} here; this dataset stores {_stored(available)}")
        chosen += there
    return tuple(dict.fromkeys(chosen))


def plan_at_test(
    trained: BandPlan, order: Sequence[Band], at_test: Sequence[Band], policy: MissingBands, where: str
) -> BandPlan:
    """What feeds the inputs of a network at test, where other bands are there than it was trained with.

    An input keeps to its name: the band of that name feeds it, if it is there at test. Inputs that had a band in
    training and lost it get the bands that are new at test and that no input asks for by name, the first lost the first
    new one. What then still lacks a band is filled by the policy.

    Args:
        trained: what fed it in training.
        order: bands of training, in the order in which they hand over to new ones.
        at_test: bands that are there at test, the new ones in the order in which they take over.
        policy: as of `plan_bands`.
        where: as of `plan_bands`.
    Raises:
        DoesNotApplyError: nothing would feed it.
        UserError: as `plan_bands`.
    """
    inputs = dict(zip(trained.requested, trained.sources, strict=True))
    found = {name: _find(name, at_test, where) for name in inputs}
    by_name = {name: source for name, source in inputs.items() if name not in trained.filled}
    lost = [name for band in order for name, source in by_name.items() if source == band.channel and not found[name]]
    new = [band for band in at_test if band not in found.values() and band.channel not in trained.sources]
    feeding = {**found, **dict(zip(lost, new, strict=False))}
    wavelengths = {
        name: band.wavelength_um for band in order for name, source in by_name.items() if source == band.channel
    }
    lacking = [name for name, band in feeding.items() if band is None]
    filled = _stand_ins(lacking, at_test, policy, where, wavelengths)
    feeding |= filled
    if not any(feeding.values()):
        raise DoesNotApplyError(f"{where} reads none of the bands that are there at test")
    return BandPlan(
        requested=trained.requested,
        sources=tuple(band.channel if (band := feeding[name]) else None for name in inputs),
        filled={name: band.name if band else None for name, band in filled.items()},
    )


def _parse_number(name: str) -> str | None:
    """B2 for any of B2, b02, 2 and 02; None for anything else."""
    number = name.upper().removeprefix("B").lstrip("0")
    return f"B{number}" if f"B{number}" in SENTINEL2_UM else None


def _requested_canonical(name: str) -> str | None:
    """Only names that begin with B are canonical: a bare 2 is somebody's alternative name."""
    return _parse_number(name) if name.upper().startswith("B") else None


def _find(name: str, available: Sequence[Band], where: str) -> Band | None:
    for band in available:
        if band.name == name:
            return band
    canonical = _requested_canonical(name)
    if canonical is not None:
        candidates = [band for band in available if canonical_name(band) == canonical]
    else:
        wanted = name.casefold()
        candidates = [band for band in available if wanted in (alt.casefold() for alt in (band.name, *band.alt_names))]
    if len(candidates) > 1:
        names = ", ".join(f'"{band.name}" ({band.kind})' for band in candidates)
        raise UserError(f"{where} wants band {name}, which fits {names}; ask for it by one of these names")
    return candidates[0] if candidates else None


def _stand_ins(
    missing: Sequence[str],
    available: Sequence[Band],
    policy: MissingBands,
    where: str,
    wavelengths: Mapping[str, float | None],
) -> dict[str, Band | None]:
    """For each band that is not there the one that feeds it instead; None for zeros.

    Args:
        wavelengths: of bands that are missing, in micrometres, where more is known than what their names say.
    """
    if policy is MissingBands.ZERO:
        return dict.fromkeys(missing)
    nearest = {name: _nearest(wavelengths.get(name) or _canonical_um(name), available) for name in missing}
    unknown = [name for name, band in nearest.items() if band is None]
    if not missing or (policy is MissingBands.NEAREST and not unknown):
        return nearest
    wanted = f"band{'s' * (len(missing) > 1)} {' '.join(missing)}"
    wants = f"{where} wants {wanted}; this dataset stores {_stored(available)}"
    if unknown:
        of_which = f" to {' '.join(unknown)}" if len(missing) > 1 else ""
        raise MissingBandsError(
            f"{wants}, and no wavelength tells which is nearest{of_which}; ask for one of these, say of "
            "images of your own what their channels are (--bands B4,B3,B2), or pass --missing-bands zero"
        )
    shown = ", ".join(f"{name} from {canonical_name(band) or band.name}" for name, band in nearest.items() if band)
    raise MissingBandsError(f"{wants}; pass --missing-bands nearest (closest wavelength: {shown}) or zero")


def _stored(available: Sequence[Band]) -> str:
    return " ".join(canonical_name(band) or f'"{band.name}"' for band in available)


def _canonical_um(name: str) -> float | None:
    """The wavelength that a name stands for, if it is a canonical one."""
    canonical = _requested_canonical(name)
    return None if canonical is None else SENTINEL2_UM[canonical]


def _nearest(wanted: float | None, available: Sequence[Band]) -> Band | None:
    """The optical band closest to a wavelength in micrometres."""
    if wanted is None:
        return None
    # Rounded to picometres, so that bands as far above as below compare equal in spite of binary fractions.
    ranked = [
        (round(abs(band.wavelength_um - wanted), 6), band.wavelength_um, index)
        for index, band in enumerate(available)
        if band.wavelength_um is not None and band.kind in _OPTICAL
    ]
    return available[min(ranked)[2]] if ranked else None

"""What the channels of somebody's images are: as they say, else as the files say; never by their number alone."""

import re
from collections.abc import Sequence
from dataclasses import replace

from baselines.bands import RGB, S1, S2_L1C, S2_L2A, SENTINEL2_LIGHT, SENTINEL2_UM, Unit
from harness.data.band_matching import common_name
from harness.data.description import Band, list_names
from harness.data.own.settings import ImageSettings
from harness.errors import UserError

BAND_SETS: dict[str, tuple[str, ...]] = {
    "rgb": RGB,
    "rgbn": (*RGB, "nir"),
    "sentinel1": S1,
    "sentinel2-l1c-13": S2_L1C,
    "sentinel2-l2a-12": S2_L2A,
}
"""What several bands in their usual order are called."""

_SENTINEL2 = re.compile(r"B0?(\d{1,2}A?)", re.IGNORECASE)
_RADAR = ("VV", "VH", "HH", "HV")


def describe_bands(
    settings: ImageSettings, found: Sequence[str], n_channels: int, dtype: str, no_data: float | None, where: str
) -> tuple[Band, ...]:
    """The bands of images that are all alike.

    Args:
        found: names in the files; empty: they have none.
        dtype: of the stored values. 8-bit red, green and blue are tones of a picture; no other unit is assumed.
        no_data: what the files say; what `settings` says goes before.
    Raises:
        UserError: nobody names the bands, or as many as there are channels; or two have one name.
    """
    said = BAND_SETS.get(settings.bands[0], settings.bands) if len(settings.bands) == 1 else settings.bands
    names = tuple(said or found)
    if not names:
        raise UserError(
            f"{where}: its {n_channels} channels have no names. Say --bands B2,B3,B4,... in their order, or one of "
            f"{', '.join(BAND_SETS)}"
        )
    if len(names) != n_channels:
        raise UserError(
            f"--bands names {len(names)} bands ({' '.join(names)}); {where} has {n_channels} channels. Name all in "
            f"their order; one word stands for several where it is {', '.join(BAND_SETS)}"
        )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UserError(f"{where}: bands with different names are wanted, {sorted(twice)[0]} is there twice")
    unit = settings.unit or (Unit.UINT8 if dtype == "uint8" and names in (RGB, ("gray",)) else None)
    bands = [_describe(name, unit) for name in names]
    values = settings.no_data if isinstance(settings.no_data, dict) else dict.fromkeys(names, settings.no_data)
    if unknown := values.keys() - {*names, *(band.name for band in bands)}:
        raise UserError(f"no_data: {sorted(unknown)[0]!r} is none of the bands {' '.join(names)} of {where}")
    return tuple(
        replace(band, no_data=next((v for key in (name, band.name) if (v := values.get(key)) is not None), no_data))
        for name, band in zip(names, bands, strict=True)
    )


def note_unknown(bands: Sequence[Band]) -> list[str]:
    """A line on bands whose names say neither a sensor nor a light: they may be meant, or misspelt."""
    unknown = [band.name for band in bands if band.kind == "SpectralBand" and common_name(band) is None]
    if not unknown:
        return []
    known = (f"{S2_L1C[0]} to {S2_L1C[-1]} and B8A of Sentinel-2", *SENTINEL2_LIGHT.values(), *_RADAR)
    return [
        f"bands of no sensor known here: {list_names(unknown)}. They are read by what takes any bands, as "
        "image_statistics, and by what learnt from bands of these names; other backbones are skipped. Known: "
        f"{', '.join(known)}"
    ]


def _describe(name: str, unit: Unit | None) -> Band:
    number = _SENTINEL2.fullmatch(name)
    canonical = f"B{number[1].upper()}" if number else ""
    if canonical in SENTINEL2_UM:
        return Band(canonical, "Sentinel2", wavelength_um=SENTINEL2_UM[canonical], unit=unit)
    return Band(name, "Sentinel1" if name.upper() in _RADAR else "SpectralBand", unit=unit)

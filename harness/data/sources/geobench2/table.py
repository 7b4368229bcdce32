"""The datasets of GEO-Bench-2: what is in the files of a sample, in which order, and how they are judged.

The files do not say, so this is what the official reader (geobenchv2 0.9) knows of them. `errata` says where it errs.
"""

from dataclasses import dataclass, field

from baselines.bands import SENTINEL2_UM, Unit
from harness.data.description import Band
from harness.records.labels import LabelKind

_GSD_M = dict.fromkeys(("B2", "B3", "B4", "B8"), 10.0) | dict.fromkeys(("B1", "B9", "B10"), 60.0)
_LIGHT_UM = {
    "coastal": 0.43, "blue": 0.48, "green": 0.55, "yellow": 0.61, "red": 0.66, "red_edge": 0.725, "nir": 0.84,
    "nir1": 0.83, "nir2": 0.95,
}  # fmt: skip
"""Of aeroplanes, Planet and WorldView-2: the middle of what sees such light, in micrometres."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """One file of a sample."""

    item: int | str
    """Its place among the files, from the end if negative; or its id or modality, of which the first counts."""
    bands: tuple[Band | None, ...]
    """Its channels. None: one that is left out."""
    optional: bool = False
    """Whether some samples are without: they have NaN there."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One dataset."""

    kind: LabelKind
    metric: str
    """Headline metric of its leaderboard."""
    classes: tuple[str, ...]
    """In label order; the name of the number where that is predicted."""
    images: tuple[Image, ...]
    label: int | str
    """A column of the index, with names or indices of classes; or the place of a mask among the files."""
    codes: tuple[int, ...] = field(default=())
    """Of a mask: stored value -> class. Empty: they are the classes."""
    valid: int | None = None
    """The file whose zeros say where nothing was measured."""


def _sentinel2(names: str, unit: Unit = Unit.DN_10000, after: str = "") -> tuple[Band, ...]:
    """Bands by their canonical names; `after` is added where the same band was seen before."""
    return tuple(
        Band(
            name + after,
            "Sentinel2",
            wavelength_um=SENTINEL2_UM[name],
            gsd_m=_GSD_M.get(name, 20.0),
            unit=unit,
        )
        for name in names.split()
    )


def _light(names: str, unit: Unit | None, gsd_m: float) -> tuple[Band, ...]:
    return tuple(
        Band(name, "SpectralBand", wavelength_um=_LIGHT_UM[name], gsd_m=gsd_m, unit=unit) for name in names.split()
    )


def _radar(names: str, unit: Unit | None, no_data: float | None = None) -> tuple[Band, ...]:
    """Names separated by commas. `VV` means the ascending orbit where both are there."""
    return tuple(
        Band(
            name,
            "Sentinel1",
            alt_names=(name.removeprefix("asc "),) if name.startswith("asc ") else (),
            gsd_m=10.0,
            unit=unit,
            no_data=no_data,
        )
        for name in names.split(", ")
    )


_S2_10 = "B2 B3 B4 B5 B6 B7 B8 B8A B11 B12"
_S2_L2A = "B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B11 B12"
_BUILDINGS = ("background", "no building", "building")
_BENV2 = (
    "Urban fabric", "Industrial or commercial units", "Arable land", "Permanent crops", "Pastures",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation", "Agro-forestry areas",
    "Broad-leaved forest", "Coniferous forest", "Mixed forest", "Natural grassland and sparsely vegetated areas",
    "Moors, heathland and sclerophyllous vegetation", "Transitional woodland, shrub", "Beaches, dunes, sands",
    "Inland wetlands", "Coastal wetlands", "Inland waters", "Marine waters",
)  # fmt: skip
_TREESATAI = (
    "Abies", "Acer", "Alnus", "Betula", "Cleared", "Fagus", "Fraxinus", "Larix", "Picea", "Pinus", "Populus", "Prunus",
    "Pseudotsuga", "Quercus", "Tilia",
)  # fmt: skip
_SO2SAT = (
    "Compact high-rise", "Compact middle-rise", "Compact low-rise", "Open high-rise", "Open middle-rise",
    "Open low-rise", "Lightweight low-rise", "Large low-rise", "Sparsely built", "Heavy industry", "Dense Trees",
    "Scattered trees", "Bush, scrub", "Low plants", "Bare rock or paved", "Bare soil or sand", "Water",
)  # fmt: skip
_FORESTNET = (
    "Oil palm plantation", "Timber plantation", "Other large-scale plantations", "Grassland/shrubland",
    "Small-scale agriculture", "Small-scale mixed plantation", "Small-scale oil palm plantation", "Mining", "Fish pond",
    "Logging road", "Secondary forest", "Other",
)  # fmt: skip

DATASETS: dict[str, Entry] = {
    "benv2": Entry(
        kind=LabelKind.MULTI_LABEL,
        metric="f1_macro",
        classes=_BENV2,
        images=(Image(item=0, bands=_radar("VV, VH", Unit.DECIBEL)), Image(item=1, bands=_sentinel2(_S2_L2A))),
        label="labels",
    ),
    # Its radar, decibels that were cut to whole numbers and wrapped into unsigned ones, is left out.
    "treesatai": Entry(
        kind=LabelKind.MULTI_LABEL,
        metric="f1_macro",
        classes=_TREESATAI,
        images=(
            Image(item=0, bands=_light("red green blue nir", Unit.UINT8, 0.2)),
            Image(item=2, bands=_sentinel2("B2 B3 B4 B8 B5 B6 B7 B8A B11 B12 B1 B9")),
        ),
        label="species_labels",
    ),
    # Its radar is the real part of a complex number: no unit.
    "so2sat": Entry(
        kind=LabelKind.SINGLE_LABEL,
        metric="accuracy",
        classes=_SO2SAT,
        images=(Image(item=0, bands=_radar("VV, VH", None)), Image(item=1, bands=_sentinel2(_S2_10, Unit.REFLECTANCE))),
        label="labels",
    ),
    "forestnet": Entry(
        kind=LabelKind.SINGLE_LABEL,
        metric="accuracy",
        classes=_FORESTNET,
        images=(Image(item=0, bands=_sentinel2("B2 B3 B4 B8A B11 B12", Unit.UINT8)),),
        label="labels",
    ),
}

NOT_SUPPORTED = {
    **dict.fromkeys(("everwatch", "nzcattle", "substation", "pastis_r", "wind_turbine"), "objects are to be detected"),
    **dict.fromkeys(("spacenet6", "spacenet8"), "its leaderboard does not have it"),
}
"""Dataset -> why nothing here reads it."""

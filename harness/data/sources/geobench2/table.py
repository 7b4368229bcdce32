"""The datasets of GEO-Bench-2: what is in the files of a sample, in which order, and how they are judged.

The files do not say, so this is what the official reader (geobenchv2 0.9) knows of them. `errata` says where it errs.
"""

from dataclasses import dataclass, field, replace

from baselines.bands import Unit
from harness.data.description import Band, sentinel2_bands
from harness.data.sources.geobench2.class_names import (
    BENV2,
    BUILDINGS,
    BURN_SCARS,
    CAFFE,
    CLOUDSEN12,
    DYNAMIC_EARTHNET,
    FLAIR2,
    FORESTNET,
    FOTW,
    KURO_SIWO,
    PASTIS,
    SO2SAT,
    TREESATAI,
)
from harness.records.labels import IGNORED, LabelKind

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

    sizes: tuple[int, int, int]
    """Samples in train, valid and test."""
    kind: LabelKind
    metric: str
    """Headline metric of its leaderboard."""
    classes: tuple[str, ...]
    """In label order; the name of the number where that is predicted."""
    images: tuple[Image, ...]
    label: int | str
    """A column of the table of the files, with names or indices of classes; or the place of a mask among them."""
    codes: tuple[int, ...] = field(default=())
    """Of a mask: stored value -> class. Empty: they are the classes."""
    valid: int | None = None
    """The file whose zeros say where nothing was measured."""


def _sentinel2(names: str, unit: Unit = Unit.DN_10000) -> tuple[Band, ...]:
    return sentinel2_bands(names, unit)


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


def _masks(
    sizes: tuple[int, int, int],
    classes: tuple[str, ...],
    *images: Image,
    label: int,
    codes: tuple[int, ...] = (),
    valid: int | None = None,
) -> Entry:
    return Entry(
        sizes=sizes,
        kind=LabelKind.SEGMENTATION,
        metric="miou",
        classes=classes,
        images=images,
        label=label,
        codes=codes,
        valid=valid,
    )


_S2_10 = "B2 B3 B4 B5 B6 B7 B8 B8A B11 B12"
_S2_12 = "B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B11 B12"

DATASETS: dict[str, Entry] = {
    "benv2": Entry(
        sizes=(20_000, 4000, 4000),
        kind=LabelKind.MULTI_LABEL,
        metric="f1_macro",
        classes=BENV2,
        images=(Image(item=0, bands=_radar("VV, VH", Unit.DECIBEL)), Image(item=1, bands=_sentinel2(_S2_12))),
        label="labels",
    ),
    # Its radar, decibels that were cut to whole numbers and wrapped into unsigned ones, is left out.
    "treesatai": Entry(
        sizes=(4000, 1000, 2000),
        kind=LabelKind.MULTI_LABEL,
        metric="f1_macro",
        classes=TREESATAI,
        images=(
            Image(item=0, bands=_light("red green blue nir", Unit.UINT8, 0.2)),
            Image(item=2, bands=_sentinel2("B2 B3 B4 B8 B5 B6 B7 B8A B11 B12 B1 B9")),
        ),
        label="species_labels",
    ),
    # Its radar is the real part of a complex number: no unit.
    "so2sat": Entry(
        sizes=(19_992, 986, 986),
        kind=LabelKind.SINGLE_LABEL,
        metric="accuracy",
        classes=SO2SAT,
        images=(Image(item=0, bands=_radar("VV, VH", None)), Image(item=1, bands=_sentinel2(_S2_10, Unit.REFLECTANCE))),
        label="labels",
    ),
    "forestnet": Entry(
        sizes=(6464, 989, 993),
        kind=LabelKind.SINGLE_LABEL,
        metric="accuracy",
        classes=FORESTNET,
        images=(Image(item=0, bands=_sentinel2("B2 B3 B4 B8A B11 B12", Unit.UINT8)),),
        label="labels",
    ),
    # Sentinel-2 and Landsat in one scale, called as on Sentinel-2.
    "burn_scars": _masks(
        (524, 160, 120),
        BURN_SCARS,
        Image(item=0, bands=_sentinel2("B2 B3 B4 B8A B11 B12", Unit.REFLECTANCE)),
        label=1,
    ),
    "caffe": _masks((4000, 1000, 2000), CAFFE, Image(item=0, bands=(Band("gray", "Radar", unit=Unit.UINT8),)), label=1),
    "cloudsen12": _masks((4000, 535, 975), CLOUDSEN12, Image(item=0, bands=_sentinel2(_S2_12)), label=1),
    "dynamic_earthnet": _masks(
        (700, 100, 200),
        DYNAMIC_EARTHNET,
        Image(item=0, bands=_light("blue green red nir", Unit.DN_10000, 3.0)),
        Image(item="s2", bands=_sentinel2("B1 B2 B3 B4 B5 B6 B7 B8 B8A B10 B11 B12"), optional=True),
        label=-1,
    ),
    "flair2": _masks(
        (4049, 1022, 3022),
        FLAIR2,
        Image(item=0, bands=(*_light("red green blue nir", Unit.UINT8, 0.2), Band("elevation", "ElevationBand"))),
        label=1,
        codes=(IGNORED, *range(13), *[12] * 6),
    ),
    # Before and after the harvest.
    "fotw": _masks(
        (4000, 1000, 2000),
        FOTW,
        Image(item=0, bands=_sentinel2("B4 B3 B2 B8")),
        Image(item=1, bands=tuple(replace(band, name=f"{band.name} window b") for band in _sentinel2("B4 B3 B2 B8"))),
        label=3,
    ),
    "kuro_siwo": _masks(
        (4000, 1000, 2000),
        KURO_SIWO,
        Image(item=2, bands=_radar("VV, VH", Unit.LINEAR_POWER)),
        Image(item=0, bands=_radar("VV before 1, VH before 1", Unit.LINEAR_POWER)),
        Image(item=1, bands=_radar("VV before 2, VH before 2", Unit.LINEAR_POWER)),
        Image(item=3, bands=(Band("elevation", "ElevationBand", unit=Unit.METRE),)),
        label=4,
        codes=(1, 2, 3, 0),
        valid=5,
    ),
    "pastis": _masks(
        (1455, 482, 496),
        PASTIS,
        Image(item=0, bands=_sentinel2(_S2_10)),
        Image(item=1, bands=_radar("asc VV, asc VH, asc VV/VH", Unit.DECIBEL)),
        Image(item=2, bands=_radar("desc VV, desc VH, desc VV/VH", Unit.DECIBEL)),
        label=3,
    ),
    "spacenet2": _masks(
        (5186, 1461, 2961),
        BUILDINGS,
        Image(item=0, bands=_light("coastal blue green yellow red red_edge nir1 nir2", None, 1.2)),
        Image(item=1, bands=(Band("pan", "SpectralBand", gsd_m=0.3),)),
        label=2,
        codes=(1, 2),
    ),
    # The fourth channel is the same everywhere: transparency, not infrared.
    "spacenet7": _masks(
        (3500, 652, 1152),
        BUILDINGS,
        Image(item=0, bands=(*_light("red green blue", Unit.UINT8, 4.0), None)),
        label=1,
        codes=(1, 2),
    ),
    "biomassters": Entry(
        sizes=(4000, 1000, 2000),
        kind=LabelKind.PIXEL_REGRESSION,
        metric="rmse",
        classes=("above-ground biomass",),
        images=(
            Image(item="S1", bands=_radar("asc VV, asc VH, desc VV, desc VH", Unit.DECIBEL, no_data=-9999)),
            Image(item="S2", bands=(*_sentinel2(_S2_10), Band("cloud probability", "CloudProbability")), optional=True),
        ),
        label=-1,
    ),
}

NOT_SUPPORTED = {
    **dict.fromkeys(("everwatch", "nzcattle", "substation", "pastis_r", "wind_turbine"), "objects are to be detected"),
    **dict.fromkeys(("spacenet6", "spacenet8"), "its leaderboard does not have it"),
}
"""Dataset -> why nothing here reads it."""

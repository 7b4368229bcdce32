"""The modalities that a training reads or predicts: one table from which readers, heads, losses and plots follow.

Twelve are MMEarth's, which MP-MAE predicts: Nedungadi et al., 2024 (arXiv:2405.02771), section 3 and appendix; the
codes are those found in MMEarth v001 files. Coherence is none of them: a file may have it beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mp_mae.config import MMEARTH_S2_BANDS
from mp_mae.errors import UserError


class Kind(Enum):
    """What a target looks like: decides decoder head, loss and how missing values are marked."""

    PIXEL_REGRESSION = "pixel regression"
    """(B, C, H, W) float32 standardised, NaN = missing."""
    PIXEL_CLASS = "pixel classes"
    """(B, H, W) int64 class index, -1 = missing."""
    IMAGE_REGRESSION = "image regression"
    """(B, C) float32 standardised, NaN = missing."""
    IMAGE_CLASS = "image class"
    """(B,) int64 class index, -1 = missing."""

    @property
    def is_pixel(self) -> bool:
        return self in (Kind.PIXEL_REGRESSION, Kind.PIXEL_CLASS)

    @property
    def is_class(self) -> bool:
        return self in (Kind.PIXEL_CLASS, Kind.IMAGE_CLASS)


@dataclass(frozen=True, kw_only=True)
class Modality:
    """One pretext target."""

    name: str
    """Name of the HDF5 dataset."""
    kind: Kind
    stored: tuple[str, ...]
    """What the stored channels are, in file order."""
    bands: tuple[str, ...]
    """The stored channels that are predicted, in order; for one-hot rows a single name."""
    codes: tuple[int, ...] = ()
    """Pixel classes: the stored value of each class, in class order."""
    n_classes: int = 0
    """Number of classes; 0 for regression."""
    no_data: tuple[float, ...] = ()
    """Stored values that mean missing, beside NaN and infinities."""
    unit: str
    source: str

    @property
    def n_outputs(self) -> int:
        """Predicted numbers per pixel (pixel kinds) or per image (image kinds)."""
        return self.n_classes or len(self.bands)


S2_STORED = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B8", "B9", "B10", "B11", "B12")
S1_STORED = tuple(f"{orbit} {polarisation}" for orbit in ("asc", "desc") for polarisation in ("VV", "VH", "HH", "HV"))
ERA5_STORED = tuple(
    f"{period} {variable}"
    for period in ("previous month", "month", "year")
    for variable in ("mean temperature", "min temperature", "max temperature", "precipitation")
)
COHERENCE_STORED = ("12 days", "24 days", "36 days", "48 days")
"""Days between the two images of a pair, both in VV."""
WORLDCOVER_CODES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)


def _cyclic(name: str, source: str) -> Modality:
    """A quantity stored as sine and cosine."""
    return Modality(
        name=name, kind=Kind.IMAGE_REGRESSION, stored=("sin", "cos"), bands=("sin", "cos"), unit="1", source=source
    )


_MMEARTH = (
    Modality(
        name="sentinel2",
        kind=Kind.PIXEL_REGRESSION,
        stored=S2_STORED,
        bands=MMEARTH_S2_BANDS,
        no_data=(0,),
        unit="reflectance x 10000",
        source="Sentinel-2 L1C or L2A",
    ),
    Modality(
        name="sentinel1",
        kind=Kind.PIXEL_REGRESSION,
        stored=S1_STORED,
        bands=S1_STORED,
        unit="dB",
        source="Sentinel-1 GRD",
    ),
    Modality(
        name="aster",
        kind=Kind.PIXEL_REGRESSION,
        stored=("elevation", "slope"),
        bands=("elevation", "slope"),
        no_data=(-32768,),  # minus infinity, stored as int16
        unit="m, degrees",
        source="ASTER GDEM",
    ),
    Modality(
        name="era5", kind=Kind.IMAGE_REGRESSION, stored=ERA5_STORED, bands=ERA5_STORED, unit="K, m", source="ERA5"
    ),
    Modality(
        name="dynamic_world",
        kind=Kind.PIXEL_CLASS,
        stored=("class",),
        bands=("class",),
        codes=tuple(range(1, 10)),
        n_classes=9,
        no_data=(0,),
        unit="class",
        source="Dynamic World",
    ),
    Modality(
        name="canopy_height_eth",
        kind=Kind.PIXEL_REGRESSION,
        stored=("height", "std"),
        bands=("height", "std"),
        no_data=(127, -1, 255),  # 255 in the source; stored as int8 it saturates or wraps
        unit="m",
        source="ETH global canopy height 2020",
    ),
    _cyclic("lat", "tile centre"),
    _cyclic("lon", "tile centre"),
    Modality(
        name="biome",
        kind=Kind.IMAGE_CLASS,
        stored=("one-hot",),
        bands=("class",),
        n_classes=14,
        no_data=(255,),
        unit="class",
        source="RESOLVE Ecoregions 2017",
    ),
    Modality(
        name="eco_region",
        kind=Kind.IMAGE_CLASS,
        stored=("one-hot",),
        bands=("class",),
        n_classes=846,
        no_data=(65535,),
        unit="class",
        source="RESOLVE Ecoregions 2017",
    ),
    _cyclic("month", "acquisition date"),
    Modality(
        name="esa_worldcover",
        kind=Kind.PIXEL_CLASS,
        stored=("class",),
        bands=("class",),
        codes=WORLDCOVER_CODES,
        n_classes=11,
        no_data=(0, 255),
        unit="class",
        source="ESA WorldCover 2020",
    ),
)

OPTICAL = "sentinel2"
"""The modality the encoder reads: as a pretext task it is predicted in the encoder's bands."""

MMEARTH: dict[str, Modality] = {modality.name: modality for modality in _MMEARTH}
"""In the order of the published checkpoints, which is also the order of the uncertainty weights."""

MODALITIES: dict[str, Modality] = {
    **MMEARTH,
    "coherence": Modality(
        name="coherence",
        kind=Kind.PIXEL_REGRESSION,
        stored=COHERENCE_STORED,
        bands=COHERENCE_STORED,
        unit="1",
        source="Sentinel-1 interferometric pairs",
    ),
}
"""All that can be read or predicted: MMEarth's, then what a file may have beside them."""

PRESETS: dict[str, tuple[str, ...]] = {
    "all": tuple(MMEARTH),
    "pixel": tuple(name for name, modality in MMEARTH.items() if modality.kind.is_pixel),
    "image": tuple(name for name, modality in MMEARTH.items() if not modality.kind.is_pixel),
    "s2": ("sentinel2",),
    "rgb": ("sentinel2",),
}
"""Pretext tasks by name; `all`, `pixel` and `image` are MMEarth's. `rgb` reads and predicts B2, B3, B4 alone
(`PRESET_BANDS`)."""

PRESET_BANDS: dict[str, tuple[str, ...]] = {"rgb": ("B2", "B3", "B4")}
"""Sentinel-2 bands read and predicted by a preset; all twelve where none is listed."""


def choose_modalities(names: Sequence[str]) -> tuple[Modality, ...]:
    """The named modalities in the table's order.

    Raises:
        UserError: none named, or a name that is not in the table.
    """
    unknown = sorted(set(names) - set(MODALITIES))
    if unknown or not names:
        found = f"unknown modality {', '.join(unknown)}" if unknown else "no modality named"
        raise UserError(f"Pretext tasks: {found}. There are: {', '.join(MODALITIES)}; presets: {', '.join(PRESETS)}")
    return tuple(modality for name, modality in MODALITIES.items() if name in set(names))

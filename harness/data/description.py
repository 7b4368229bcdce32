"""What a dataset is, in the words of the harness: its bands, its labels, and what its files have wrong."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from baselines.bands import SENTINEL2_UM, Unit
from harness.records.labels import LabelKind

PICTURE = "TrueColourPicture"
"""Kind of a channel that was made to be looked at: 8-bit, stretched, of no wavelength. It answers to its own name alone
and never stands in for another band."""
NO_PIXELS = "NoPixels"
"""Kind of the one channel of a dataset of labels alone: one pixel of zeros an image, which feeds nothing."""

_SHOWN_NAMES = 20


@dataclass(frozen=True)
class Band:
    """One channel of a dataset."""

    name: str
    """What it is: as the file says, or as an erratum corrects it."""
    kind: str
    """What sort of channel: Sentinel2, Landsat8, Sentinel1, SpectralBand, ElevationBand, CloudProbability, ... These
    are GEO-Bench's words; `bands` and `pixel_kinds` say what follows from some of them."""
    alt_names: tuple[str, ...] = ()
    wavelength_um: float | None = None
    """Central wavelength in micrometres; None where it has no meaning or is not given."""
    gsd_m: float | None = None
    """The sensor's ground sampling distance in metres, before any resampling."""
    stored_as: str | None = None
    """The name its channel has in the files, where an erratum says that it is another band."""
    unit: Unit | None = None
    """Of the stored values; None: the source does not say. Never guessed from magnitudes."""
    no_data: float | None = None
    """The stored value that stands where nothing was measured; it becomes NaN in the arrays. None: NaN alone does."""

    @property
    def channel(self) -> str:
        """The name that finds its pixels in samples and arrays, and its statistics."""
        return self.stored_as or self.name


def sentinel2_bands(names: str, unit: Unit, no_data: float | None = None) -> tuple[Band, ...]:
    """Bands of Sentinel-2 by their canonical names, separated by blanks."""
    gsd_m = dict.fromkeys(("B2", "B3", "B4", "B8"), 10.0) | dict.fromkeys(("B1", "B9", "B10"), 60.0)
    return tuple(
        Band(
            name,
            "Sentinel2",
            wavelength_um=SENTINEL2_UM[name],
            gsd_m=gsd_m.get(name, 20.0),
            unit=unit,
            no_data=no_data,
        )
        for name in names.split()
    )


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """A dataset as its files describe it. What is known to be wrong in them is corrected by `Dataset.bands`."""

    dataset: str
    suite: str
    label_kind: LabelKind
    n_classes: int
    """Or how many numbers are predicted of an image."""
    class_names: tuple[str, ...]
    """In label order, or of those numbers; the class's number where the file has no names."""
    size_px: tuple[int, int] | None
    """(height, width) of the images; None: not said."""
    bands: tuple[Band, ...]
    """In the order of every array we hand out."""
    metric: str
    """Headline metric: the published evaluation's, else the usual one of such labels."""
    left_out: tuple[str, ...] = ()
    """Bands that are whole cubes (hyperspectral), which no array here holds."""
    n_time_steps: int = 1


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample, with the bands of the dataset's description."""

    name: str
    pixels: np.ndarray
    """(C, H, W) numbers in the order of `DatasetSpec.bands`, all samples of one size; values as stored."""
    label: np.ndarray
    """As `harness.tasks.parse_label` returns it."""
    dates: tuple[datetime.date, ...] = ()
    """Every date in the file, oldest first; empty where bands have none. The pixels are of the last complete one."""
    date: datetime.date | None = None
    """When the pixels were taken. What is given is stored in the arrays and offered to backbones."""
    place: tuple[float, float] | None = None
    """Longitude and latitude of the image's middle in degrees (WGS 84); stored and offered likewise."""


@dataclass(frozen=True, kw_only=True)
class Erratum:
    """What the channels of a published dataset are, whose files name them wrongly."""

    dataset: str
    stored: tuple[str, ...]
    """What its files say that the channels are, in their order: files that say anything else are left alone."""
    true: tuple[str, ...]
    """What they are: a Sentinel-2 band, or the name of a picture."""
    source: str
    """Where it was reported."""
    new: tuple[Band, ...] = ()
    """Bands among the true ones that no stored name stands for."""


def true_bands(erratum: Erratum, stored: Sequence[Band]) -> tuple[Band, ...]:
    """What each channel is, in the stored order; `Band.channel` still finds it in samples, statistics and arrays."""
    described = dict(zip(erratum.stored, stored, strict=True)) | {band.name: band for band in erratum.new}
    return tuple(
        replace(described.get(name, Band(name, PICTURE)), stored_as=band.name)
        for name, band in zip(erratum.true, stored, strict=True)
    )


def describe_erratum(erratum: Erratum) -> str:
    """One line on which names are wrong, and who says so."""
    wrong = [f"{s} is {t}" for s, t in zip(erratum.stored, erratum.true, strict=True) if s != t]
    return f"its files name {len(wrong)} of {len(erratum.stored)} bands wrongly: {', '.join(wrong)} ({erratum.source})"


def list_names(names: Sequence[str]) -> str:
    """The names for a message: the first few of many."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")

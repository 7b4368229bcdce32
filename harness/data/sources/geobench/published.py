"""What the files of the published datasets do not say about them: the metric, and what their numbers mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from baselines.bands import Unit
from harness.data.description import PICTURE, Band


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One dataset."""

    sizes: tuple[int, ...] = ()
    """Samples in train, valid and test of `default` as published (GEO-Bench, table 1); empty: none was published."""
    metric: str | None = None
    """Headline metric of the published evaluation; None: the usual one of such labels."""
    stats_divisor: Mapping[str, float] = field(default_factory=dict)
    """Kind of band -> what its stored statistics are divided by to be in the pixels' unit."""
    units: Mapping[str, Unit] = field(default_factory=dict)
    """Kind of band -> what its stored values mean. GEO-Bench's files do not say, so only what is known for certain."""


# Sentinel-2's products hold reflectance times 10,000, and these datasets hold their values as they are. The pictures in
# m-brick-kiln are ESA's 8-bit true-colour product.
_PRODUCT = {"Sentinel2": Unit.DN_10000, PICTURE: Unit.UINT8}
# Photographs taken from aeroplanes, one byte a colour.
_PHOTOGRAPH = {"SpectralBand": Unit.UINT8}

ENTRIES: dict[str, Entry] = {
    "m-bigearthnet": Entry(sizes=(20_000, 1000, 1000), metric="f1_micro", units=_PRODUCT),
    # The pixels are reflectances in 0..1, the Sentinel-2 statistics are of reflectance times 10,000. Radar comes as
    # real and imaginary parts and as filtered power, all of one kind: no unit.
    "m-so2sat": Entry(
        sizes=(19_992, 986, 986),
        metric="accuracy",
        stats_divisor={"Sentinel2": 10_000.0},
        units={"Sentinel2": Unit.REFLECTANCE},
    ),
    "m-brick-kiln": Entry(sizes=(15_063, 999, 999), metric="accuracy", units=_PRODUCT),
    # Landsat-8, stretched to one byte in a way that nothing tells.
    "m-forestnet": Entry(sizes=(6464, 989, 993), metric="accuracy"),
    "m-eurosat": Entry(sizes=(2000, 1000, 1000), metric="accuracy", units=_PRODUCT),
    "m-pv4ger": Entry(sizes=(11_814, 999, 999), metric="accuracy", units=_PHOTOGRAPH),
    "m-pv4ger-seg": Entry(sizes=(3000, 403, 403), metric="miou", units=_PHOTOGRAPH),
    "m-chesapeake": Entry(sizes=(3000, 1000, 1000), metric="miou", units=_PHOTOGRAPH),
    "m-cashew-plant": Entry(sizes=(1350, 400, 50), metric="miou", units=_PRODUCT),
    "m-SA-crop-type": Entry(sizes=(3000, 1000, 1000), metric="miou"),  # Sentinel-2, in a scaling of its makers
    "m-nz-cattle": Entry(sizes=(524, 66, 65), metric="miou", units=_PHOTOGRAPH),
    "m-NeonTree": Entry(sizes=(270, 94, 93), metric="miou", units=_PHOTOGRAPH),
}
"""By the name of the dataset."""


def with_units(bands: Sequence[Band], entry: Entry) -> tuple[Band, ...]:
    """The bands with the units that an entry knows."""
    return tuple(replace(band, unit=entry.units.get(band.kind, band.unit)) for band in bands)

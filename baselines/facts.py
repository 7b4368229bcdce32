"""What a network may be told of the pixels besides their values, and the promise that it is told nothing else.

A backbone declares the facts that it uses (`InputSpec.uses`). It gets those and no others; a dataset that lacks one is
refused; and what it was told is part of a run's identity. So no network can hang on a fact that nobody wrote down.
"""

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from torch import Tensor

from baselines.bands import BandInfo


class Fact(StrEnum):
    """A thing that may be known. The value is the field of `BandInfo` or `Circumstances` that holds it."""

    NAME = "name"
    """Canonical where there is such a name, else the dataset's own: enough for a backbone that knows bands by name and
    takes however many are there."""
    COMMON_NAME = "common_name"
    WAVELENGTH = "wavelength_um"
    SENSOR = "sensor"
    GSD = "gsd_m"
    DAY = "day"
    PLACE = "place"


OF_BANDS = frozenset({Fact.NAME, Fact.COMMON_NAME, Fact.WAVELENGTH, Fact.SENSOR, Fact.GSD})
"""Facts that are the same for all images of a dataset."""
MAY_LACK = frozenset({Fact.COMMON_NAME})
"""Facts of which it is one to know that a band has none."""


class Circumstances(NamedTuple):
    """When and where the images of a batch were taken, as far as the dataset says so."""

    day: Tensor | None = None
    """(B,) float64 days since 1 January 1970; NaN: not known of this image."""
    place: Tensor | None = None
    """(B, 2) float64 longitude and latitude in degrees (WGS 84); NaN: not known of this image."""


UNKNOWN = Circumstances()


@dataclass(frozen=True)
class Facts:
    """What `Backbone.embed` is told."""

    bands: tuple[BandInfo, ...]
    """One per channel, with its name and what is declared in `InputSpec.uses`; empty if nothing is declared."""
    circumstances: Circumstances = UNKNOWN
    """With what is declared in `InputSpec.uses`."""


NOTHING = Facts(())


def choose_facts(uses: Set[Fact], bands: tuple[BandInfo, ...], circumstances: Circumstances, n_channels: int) -> Facts:
    """The facts that are used, of all that are known.

    Raises:
        ValueError: one that is used is not known.
    """
    if not uses:
        return NOTHING
    of_bands = [fact for fact in OF_BANDS if fact in uses]
    lacking: list[str] = [fact for fact in sorted(uses - OF_BANDS) if getattr(circumstances, fact) is None]
    if of_bands and len(bands) != n_channels:
        lacking += sorted(of_bands)
    wanted = [fact for fact in of_bands if fact not in MAY_LACK]
    lacking += [f"{fact} of {band.name}" for fact in wanted for band in bands if getattr(band, fact) is None]
    if lacking:
        raise ValueError(f"the backbone uses facts that it was not told: {', '.join(lacking)}")
    return Facts(
        bands=tuple(
            BandInfo(**{Fact.NAME: band.name} | {fact: getattr(band, fact) for fact in of_bands}) for band in bands
        ),
        circumstances=Circumstances(**{fact: getattr(circumstances, fact) for fact in uses - OF_BANDS}),
    )

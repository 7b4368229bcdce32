"""What the stored values of a dataset mean, as far as its own description tells: never guessed from magnitudes."""

from collections.abc import Sequence

import numpy as np

from baselines.bands import Unit
from baselines.inputs import PixelKind
from harness.data.band_matching import canonical_name
from harness.data.dataset import Dataset
from harness.errors import UserError


class UnknownPixelsError(UserError):
    """Nothing tells what the values mean, so statistics of other images cannot be known to fit."""


def find_pixel_kind(dataset: Dataset, sources: Sequence[str | None], dtype: np.dtype) -> PixelKind:
    """What the bands that feed a backbone hold.

    Sentinel-2 with B10 is L1C, for L2A drops that band; without it, but with B1 and B9, it is L2A. `SpectralBand`s
    stored as 8-bit numbers, or declared to be, are photographs. Sentinel-1 is what is declared to be in dB, coherence
    what is declared to be. A unit that is declared and is none of such pixels makes them others.

    Args:
        sources: `BandPlan.sources`.
        dtype: of the stored pixels.
    Raises:
        UnknownPixelsError: it is none of these, or cannot be told.
    """
    fed = [band for band in dataset.bands if band.channel in sources]
    kinds, units = sorted({band.kind for band in fed}), {band.unit for band in fed if band.unit}
    if kinds == ["Sentinel2"] and units <= {Unit.DN_10000, Unit.REFLECTANCE}:
        stored = {canonical_name(band) for band in dataset.bands}
        if "B10" in stored:
            return PixelKind.SENTINEL2_L1C
        if {"B1", "B9"} <= stored:
            return PixelKind.SENTINEL2_L2A
        raise UnknownPixelsError(
            f"{dataset.name} stores neither B10, as L1C does, nor B1 and B9, as L2A does: nothing tells which "
            "statistics of Sentinel-2 fit"
        )
    if kinds == ["Sentinel1"] and {band.unit for band in fed} == {Unit.DECIBEL}:
        return PixelKind.SENTINEL1
    if {band.unit for band in fed} == {Unit.COHERENCE}:
        return PixelKind.COHERENCE
    # Where a band declares a value for no data, 8-bit numbers have become floating point.
    declared = units == {Unit.UINT8} and all(band.unit for band in fed)
    if kinds == ["SpectralBand"] and units <= {Unit.UINT8} and (declared or dtype == np.uint8):
        return PixelKind.PHOTOGRAPH
    said = f", in {' and '.join(sorted(units))}" if units else ""
    raise UnknownPixelsError(f"{dataset.name} stores {' and '.join(kinds) or 'no band that feeds it'} as {dtype}{said}")

"""What is known of the bands that feed a backbone: told to those that use it, and held against their values."""

from collections.abc import Sequence, Set
from typing import Any

import numpy as np

from baselines.bands import BandInfo
from baselines.facts import MAY_LACK, OF_BANDS, Fact
from baselines.units import LIMITS
from harness.data.arrays import ArrayCache
from harness.data.band_matching import canonical_name, common_name
from harness.data.dataset import Dataset
from harness.errors import DoesNotApplyError, UserError

SENSORS = {"Sentinel1": "Sentinel-1", "Sentinel2": "Sentinel-2", "Landsat8": "Landsat-8"}
"""Kinds of band that are a sensor's, by the sensor's name."""


def describe_bands(dataset: Dataset, requested: Sequence[str], sources: Sequence[str | None]) -> tuple[BandInfo, ...]:
    """What is known of the channel that feeds each requested band; of zeros the name that was asked for and which
    light that is, if the dataset has it."""
    bands = {band.channel: band for band in dataset.bands}
    lights = {band.name: common_name(band) for band in dataset.bands}
    return tuple(
        BandInfo(name=name, common_name=lights.get(name))
        if source is None
        else BandInfo(
            name=canonical_name(bands[source]) or bands[source].name,
            common_name=common_name(bands[source]),
            wavelength_um=bands[source].wavelength_um,
            unit=bands[source].unit,
            sensor=SENSORS.get(bands[source].kind),
            gsd_m=bands[source].gsd_m,
        )
        for name, source in zip(requested, sources, strict=True)
    )


def identifying_facts(uses: Set[Fact], bands: Sequence[BandInfo], dataset: str, backbone: str) -> dict[str, list[Any]]:
    """What a run's identity holds of the facts that its backbone is told of bands: all of them, band by band.

    Raises:
        DoesNotApplyError: the dataset does not say one of them.
    """
    of_bands = sorted(uses & OF_BANDS)
    told: dict[str, list[Any]] = {fact.value: [getattr(band, fact) for band in bands] for fact in of_bands}
    for fact, values in told.items():
        lacking = [band.name for band, value in zip(bands, values, strict=True) if value is None]
        if lacking and fact not in MAY_LACK:
            raise DoesNotApplyError(f"{backbone} uses {fact}, which {dataset} does not say of {' '.join(lacking)}")
    return {**told, "name": [band.name for band in bands]} if told else {}


def check_circumstances(uses: Set[Fact], arrays: ArrayCache, dataset: str, backbone: str) -> None:
    """Whether a dataset says when and where its images were taken, if a backbone uses that.

    What it says is part of each sample's checksum, and so of a run's identity.

    Raises:
        DoesNotApplyError: it does not.
    """
    said = {Fact.DAY: arrays.days is not None, Fact.PLACE: arrays.places is not None}
    unknown = sorted(fact for fact in uses - OF_BANDS if not said[fact])
    if unknown:
        raise DoesNotApplyError(f"{backbone} uses the {' and '.join(unknown)} of images, which {dataset} does not say")


def check_values(pixels: np.ndarray, bands: Sequence[BandInfo]) -> np.ndarray:
    """(B, C, H, W) float32 stored pixels, if they have values that their declared units can have.

    A wrong unit would put everything a network sees a thousand times too high or low without a word.

    Raises:
        UserError: a band has others.
    """
    for channel, band in enumerate(bands):
        if band.unit is None:
            continue
        values = pixels[:, channel]
        least, most = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)  # no data is NaN
        if np.isinf([least, most]).any():  # no data as well
            known = values[np.isfinite(values)]
            least, most = known.min(initial=np.inf), known.max(initial=-np.inf)
        low, high = LIMITS[band.unit]
        for value in (least, most):
            if np.isfinite(value) and not low <= value <= high:
                raise UserError(
                    f"band {band.name} is declared as {band.unit} and has the value {value:g}; from {low:g} to "
                    f"{high:g} are possible. Correct the unit where the dataset is described, or the no-data value"
                )
    return pixels

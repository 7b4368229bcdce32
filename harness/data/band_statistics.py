"""Band statistics, which a dataset comes with or which are computed on train, and the normalisation made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.errors import UserError

NOBODY_MEASURES = 1e20
"""Statistics beyond it are of a fill value that counted as a measurement."""


class MeanAndStd(NamedTuple):
    """What the pixels of one channel in the training split have in common, in the unit of the stored pixels."""

    mean: float
    std: float


@dataclass(frozen=True)
class Statistics:
    """The statistics of a dataset."""

    of_channel: Mapping[str, MeanAndStd]
    """By `Band.channel`."""
    where: str
    """What they were read from or computed on, which begins messages: `m-eurosat/band_stats.json`."""


class Normalisation(NamedTuple):
    """pixels -> (pixels - mean) / std."""

    mean: np.ndarray
    """(C,) float32."""
    std: np.ndarray
    """(C,) float32, positive."""


def build_normalisation(statistics: Statistics, sources: Sequence[str | None]) -> Normalisation:
    """Mean and standard deviation of each source; 0 and 1 where zeros stand in for a band.

    `dataset.normalisation` says the rest.
    """
    mean, std = np.zeros(len(sources), np.float32), np.ones(len(sources), np.float32)
    for channel, source in enumerate(sources):
        if source is None:
            continue
        if source not in statistics.of_channel:
            raise UserError(
                f'{statistics.where}: no statistics of band "{source}", only of '
                f"{', '.join(statistics.of_channel) or 'none'}; "
                "add them, computed over the pixels of the default train split"
            )
        band = statistics.of_channel[source]
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            mean[channel], std[channel] = band
        if not (np.isfinite(mean[channel]) and np.isfinite(std[channel]) and std[channel] > 0):
            raise UserError(
                f'{statistics.where}: band "{source}" has mean {band.mean} and std {band.std}, which cannot normalise; '
                "a finite mean and a positive std are wanted. Correct the file, or leave the band out if it is constant"
            )
        if max(abs(band.mean), band.std) > NOBODY_MEASURES:
            raise UserError(
                f'{statistics.where}: band "{source}" has mean {band.mean:g} and std {band.std:g}, beside which all '
                "that was measured is one number. Look for a fill value (-3.4e38?) and declare it as the band's value "
                "for no data"
            )
    return Normalisation(mean, std)

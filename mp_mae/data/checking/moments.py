"""Mean and standard deviation of channels over more values than memory holds; and whether stored ones are theirs."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mp_mae.data.statistics import OF_NO_VALUES

TOLERANCE = 0.1
"""How far stored statistics may be from those found, in standard deviations: for statistics of some pixels of an image,
as datasets come with, and far less than another unit, another band or half of the files make."""


class Stored(NamedTuple):
    """Statistics of a channel that come with the data."""

    name: str
    mean: float
    std: float


class Moments:
    """Number of values, mean and sum of squared distances from it, of each channel; float64."""

    def __init__(self, n_channels: int) -> None:
        self.n = np.zeros(n_channels)
        self.mean = np.zeros(n_channels)
        self._squares = np.zeros(n_channels)

    def add(self, values: np.ndarray) -> None:
        """Values (B, C, ...); those that are not finite are no data."""
        channels: np.ndarray = np.moveaxis(values.astype(np.float64), 1, 0).reshape(values.shape[1], -1)  # (C, B * ...)
        there = np.isfinite(channels)
        n = there.sum(axis=1)
        mean = np.sum(channels, axis=1, where=there) / np.maximum(n, 1)
        squares = np.sum((np.where(there, channels, 0) - mean[:, None]) ** 2, axis=1, where=there)
        both = np.maximum(self.n + n, 1)
        apart = mean - self.mean
        self._squares += squares + apart**2 * self.n * n / both
        self.mean += apart * n / both
        self.n += n

    @property
    def std(self) -> np.ndarray:
        """(C,); 0 where there is no value."""
        return np.sqrt(self._squares / np.maximum(self.n, 1))


def differences(found: Moments, stored: Mapping[int, Stored], where: str) -> list[str]:
    """A line for each channel whose stored mean or standard deviation is further off than TOLERANCE.

    Args:
        stored: number of the channel -> its statistics as stored.
        where: they are stored, which begins each line.
    """
    lines = []
    for i, (name, mean, std) in stored.items():
        scale = max(float(found.std[i]), std)
        if not found.n[i] and (mean, std) == OF_NO_VALUES:
            continue
        if not found.n[i]:
            lines.append(f"{where}: {name} has statistics, and no value in the files")
        elif not max(abs(found.mean[i] - mean), abs(found.std[i] - std)) <= TOLERANCE * scale:
            lines.append(
                f"{where}: {name} has mean {mean:.5g} and std {std:.5g}, the files have {found.mean[i]:.5g} and "
                f"{found.std[i]:.5g}; at most {TOLERANCE:g} std apart is wanted. Download the dataset again"
            )
    return lines

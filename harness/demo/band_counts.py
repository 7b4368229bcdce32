"""Exact statistics of a band from how often each value occurs: no pixel need be kept."""

import numpy as np

from mp_mae.data.threads import one_blas_thread

PERCENTILES = {
    "percentile_0_1": 0.1,
    "percentile_1": 1.0,
    "percentile_5": 5.0,
    "median": 50.0,
    "percentile_95": 95.0,
    "percentile_99": 99.0,
    "percentile_99_9": 99.9,
}
N_VALUES = 2**16


class BandCounts:
    """How often each uint16 value occurs in each band of the tiles seen so far."""

    def __init__(self, n_bands: int) -> None:
        self._counts = np.zeros((n_bands, N_VALUES), np.int64)

    def add(self, pixels: np.ndarray) -> None:
        """`pixels` (n, C, H, W) uint16."""
        for band, counts in enumerate(self._counts):
            found = np.bincount(pixels[:, band].reshape(-1))
            counts[: len(found)] += found

    def statistics(self) -> list[dict[str, float]]:
        """GEO-Bench's eleven statistics of each band, over all pixels."""
        with one_blas_thread():
            return [value_statistics(counts) for counts in self._counts]


def value_statistics(counts: np.ndarray) -> dict[str, float]:
    """GEO-Bench's eleven statistics of the values 0, 1, 2, ... that occur `counts` (V,) int64 times.

    Percentiles are interpolated linearly, as NumPy's default does.
    """
    values = np.flatnonzero(counts)
    times = counts[values]
    n = int(times.sum())
    mean = float(values @ times) / n
    variance = float((values - mean) ** 2 @ times) / n
    ends = np.cumsum(times)  # rank behind the last occurrence of each value
    ranks = np.array(list(PERCENTILES.values())) / 100 * (n - 1)
    low, high = (values[np.searchsorted(ends, rank, side="right")] for rank in (np.floor(ranks), np.ceil(ranks)))
    percentiles = low + (high - low) * (ranks - np.floor(ranks))
    return {
        "min": float(values[0]),
        "max": float(values[-1]),
        "mean": mean,
        "std": variance**0.5,
        **dict(zip(PERCENTILES, map(float, percentiles), strict=True)),
    }

"""Statistics from counts are those of the pixels themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from harness.demo.band_counts import PERCENTILES, BandCounts, value_statistics


def expected(values):
    named = {name: float(np.percentile(values, percent)) for name, percent in PERCENTILES.items()}
    return {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std(), **named}


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_statistics_equal_numpys(values):
    assert value_statistics(np.bincount(values)) == pytest.approx(expected(np.array(values)), rel=1e-12)


def test_every_band_is_counted_on_its_own_over_all_blocks():
    pixels = np.random.default_rng(0).integers(0, 65_536, (5, 3, 8, 8)).astype(np.uint16)
    counts = BandCounts(3)
    counts.add(pixels[:2])
    counts.add(pixels[2:])
    for band, found in enumerate(counts.statistics()):
        assert found == pytest.approx(expected(pixels[:, band]), rel=1e-12)


def test_statistics_do_not_depend_on_the_number_of_threads():
    """20,000 values: sums of fewer are not worth a second thread to the library."""
    counts = BandCounts(1)
    counts.add(np.random.default_rng(0).integers(0, 28_000, (1, 1, 250, 250)).astype(np.uint16))
    with threadpool_limits(1, user_api="blas"):
        one = counts.statistics()
    with threadpool_limits(4, user_api="blas"):
        assert counts.statistics() == one

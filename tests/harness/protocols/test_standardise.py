"""The one standardiser: units of channels, there and back."""

import numpy as np
import pytest

from harness.solvers.standardise import measure_units, units_of


def test_standardised_values_have_mean_0_and_variance_1_and_come_back():
    values = np.array([[1.0, 1e9], [3.0, 1e9 + 4e5]])
    units = measure_units(values)
    assert units.standardise(values) == pytest.approx(np.array([[-1.0, -1.0], [1.0, 1.0]]))
    assert units.restore(units.standardise(values)) == pytest.approx(values, rel=1e-12)
    assert units.n_constant == 0


def test_a_channel_that_shows_only_rounding_is_constant_unless_its_digits_are_known():
    values = np.array([[5.0], [5.000001]])
    units = measure_units(values)
    assert units.n_constant == 1
    assert units.standardise(values).tolist() == [[0.0], [0.0]]
    assert units.restore(np.ones((1, 1))).tolist() == [[units.mean[0]]]
    assert measure_units(values, rounding=0.0).standardise(values) == pytest.approx(np.array([[-1.0], [1.0]]), abs=1e-6)


def test_maps_and_masks_are_standardised_channel_by_channel_whatever_their_shape():
    units = units_of(np.array([1.0, 2.0]), np.array([0.5, 0.0]))
    assert units.standardise(np.array([[[2.0, 7.0], [np.nan, 2.0]]])) == pytest.approx(
        np.array([[[2.0, 0.0], [np.nan, 0.0]]]), nan_ok=True
    )

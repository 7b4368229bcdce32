"""Areas under label-efficiency curves against values worked out by hand."""

import numpy as np
import pytest

from leaderboards.statistics.curves import Curve, CurveError, aulc


def curve(n_labels: list[int], value: list[float]) -> Curve:
    return Curve(np.array(n_labels), np.array(value), "mp_mae, m-eurosat, knn")


def test_aulc_is_the_mean_over_log_labels() -> None:
    assert aulc(curve([1, 10, 1_000], [0.2, 0.4, 0.8])) == pytest.approx((0.3 * 1 + 0.6 * 2) / 3)
    assert aulc(curve([7, 70, 7_000], [0.2, 0.4, 0.8])) == pytest.approx((0.3 * 1 + 0.6 * 2) / 3)


@pytest.mark.parametrize(
    ("n_labels", "value"), [([10], [0.5]), ([10, 10], [0.5, 0.6]), ([0, 10], [0.5, 0.6]), ([10, 100], [0.5, np.nan])]
)
def test_a_curve_nothing_can_be_read_from_is_named(n_labels: list[int], value: list[float]) -> None:
    with pytest.raises(CurveError, match="mp_mae, m-eurosat, knn"):
        aulc(curve(n_labels, value))

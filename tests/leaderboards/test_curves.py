"""Label-efficiency curves against values worked out by hand."""

import numpy as np
import pytest

from leaderboards.statistics.curves import (
    Curve,
    CurveError,
    SeededCurve,
    aulc,
    estimate_label_saving,
    label_saving,
    labels_to_reach,
)
from leaderboards.statistics.replicates import draw_seed_noise, interval, replicate_means


def curve(n_labels: list[int], value: list[float]) -> Curve:
    return Curve(np.array(n_labels), np.array(value), "mp_mae, m-eurosat, knn")


def test_labels_to_reach_is_linear_in_log_labels() -> None:
    assert labels_to_reach(curve([100, 10_000], [0.5, 0.7]), 0.6) == pytest.approx(1_000)  # half way from 10^2 to 10^4


def test_labels_to_reach_never_extrapolates() -> None:
    assert labels_to_reach(curve([100, 10_000], [0.5, 0.7]), 0.8) is None
    assert labels_to_reach(curve([100, 10_000], [0.5, 0.7]), 0.1) == pytest.approx(100)


def test_labels_to_reach_takes_the_first_crossing_whatever_comes_later() -> None:
    assert labels_to_reach(curve([10, 100, 1_000, 10_000], [0.2, 0.6, 0.3, 0.9]), 0.4) == pytest.approx(10**1.5)


def test_labels_to_reach_of_a_flat_curve_is_its_first_point() -> None:
    assert labels_to_reach(curve([10, 100], [0.5, 0.5]), 0.5) == pytest.approx(10)


def test_aulc_is_the_mean_over_log_labels() -> None:
    assert aulc(curve([1, 10, 1_000], [0.2, 0.4, 0.8])) == pytest.approx((0.3 * 1 + 0.6 * 2) / 3)
    assert aulc(curve([7, 70, 7_000], [0.2, 0.4, 0.8])) == pytest.approx((0.3 * 1 + 0.6 * 2) / 3)


def test_label_saving_compares_with_all_labels_of_the_rival() -> None:
    a, b = curve([10, 1_000], [0.4, 0.8]), curve([10, 1_000], [0.2, 0.6])
    assert label_saving(a, b) == pytest.approx(1 - 100 / 1_000)
    assert label_saving(b, a) is None


@pytest.mark.parametrize(
    ("n_labels", "value"), [([10], [0.5]), ([10, 10], [0.5, 0.6]), ([0, 10], [0.5, 0.6]), ([10, 100], [0.5, np.nan])]
)
def test_a_curve_nothing_can_be_read_from_is_named(n_labels: list[int], value: list[float]) -> None:
    with pytest.raises(CurveError, match="mp_mae, m-eurosat, knn"):
        labels_to_reach(curve(n_labels, value), 0.5)


def seeded(values: np.ndarray) -> SeededCurve:
    return SeededCurve(np.array([10, 100, 1_000]), tuple(range(values.shape[1])), values)


def test_a_saving_that_is_not_sure_to_exist_has_no_lower_end() -> None:
    generator = np.random.default_rng(0)
    a = seeded(np.array([[0.2], [0.4], [0.61]]) + 0.02 * generator.standard_normal((3, 5)))
    b = seeded(np.array([[0.2], [0.4], [0.60]]) + 0.02 * generator.standard_normal((3, 5)))
    noise = draw_seed_noise(5, 4_000, generator)
    saving = estimate_label_saving(a, b, replicate_means(a.values, noise), replicate_means(b.values, noise)).saving
    assert saving.ci_low is None
    assert saving.ci_high is not None


def test_a_backbone_saves_nothing_over_itself() -> None:
    values = np.array([[0.2], [0.4], [0.6]]) + 0.02 * np.random.default_rng(0).standard_normal((3, 5))
    noise = draw_seed_noise(5, 1_000, np.random.default_rng(1))
    draws = replicate_means(values, noise)
    saving = estimate_label_saving(seeded(values), seeded(values), draws, draws)
    assert saving.saving.value == pytest.approx(0)
    assert saving.saving.ci_high is not None
    assert saving.saving.ci_high >= 0


def test_the_interval_of_a_label_saving_covers_the_true_one() -> None:
    """A is B moved by half a decade, so it saves 1 - 10 ** -0.5; five seeds, 400 simulated studies."""
    truth, generator = 1 - 10**-0.5, np.random.default_rng(2)
    b_true = np.array([0.3, 0.5, 0.7])
    a_true = b_true + 0.1
    covered = 0
    for _ in range(400):
        shared = 0.01 * generator.standard_normal((3, 5))  # the draw of training samples, equal for both
        a = seeded(a_true[:, None] + shared + 0.01 * generator.standard_normal((3, 5)))
        b = seeded(b_true[:, None] + shared + 0.01 * generator.standard_normal((3, 5)))
        noise = draw_seed_noise(5, 1_000, generator)
        saving = estimate_label_saving(a, b, replicate_means(a.values, noise), replicate_means(b.values, noise)).saving
        low = -np.inf if saving.ci_low is None else saving.ci_low
        covered += bool(low <= truth <= (saving.ci_high or -np.inf))
    assert 0.93 <= covered / 400 <= 0.97


def test_the_mean_of_three_seeds_gets_students_interval() -> None:
    values = np.array([[0.5, 0.6, 0.7]])
    draws = replicate_means(values, draw_seed_noise(3, 200_000, np.random.default_rng(0)))[:, 0]
    low, high = interval(draws)
    half = 4.303 * 0.1 / 3**0.5  # Student's t with 2 degrees of freedom
    assert low == pytest.approx(0.6 - half, rel=0.05)
    assert high == pytest.approx(0.6 + half, rel=0.05)


def test_a_missing_seed_is_left_out_of_its_point() -> None:
    values = np.array([[0.5, np.nan, 0.7], [0.1, 0.2, 0.3]])
    assert seeded(np.vstack([values, values[:1]])).mean().value == pytest.approx([0.6, 0.2, 0.6])
    draws = replicate_means(values, draw_seed_noise(3, 1_000, np.random.default_rng(0)))
    assert np.isfinite(draws).all()


def test_one_seed_has_no_noise() -> None:
    assert not draw_seed_noise(1, 10, np.random.default_rng(0)).any()

"""Label-efficiency curves against values worked out by hand."""

import numpy as np
import pytest

from leaderboards.statistics.curves import Curve, CurveError, LabelSaving, aulc
from leaderboards.statistics.replicates import Estimate, draw_seed_noise, interval, replicate_means


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


LABELS = np.array([10, 100, 1_000])


def saving_of(value: float | None) -> LabelSaving:
    return LabelSaving(0.6, 1_000, None, Estimate(value, None, None), at_most=False)


def test_a_saving_that_is_not_sure_to_exist_has_no_lower_end() -> None:
    generator = np.random.default_rng(0)
    a = np.array([[0.2], [0.4], [0.61]]) + 0.02 * generator.standard_normal((3, 5))
    b = np.array([[0.2], [0.4], [0.60]]) + 0.02 * generator.standard_normal((3, 5))
    noise = draw_seed_noise(5, 4_000, generator)
    saving = (
        saving_of(None).with_interval_of(LABELS, replicate_means(a, noise), replicate_means(b, noise)[:, -1]).saving
    )
    assert saving.ci_low is None
    assert saving.ci_high is not None


def test_a_backbone_saves_nothing_over_itself() -> None:
    values = np.array([[0.2], [0.4], [0.6]]) + 0.02 * np.random.default_rng(0).standard_normal((3, 5))
    draws = replicate_means(values, draw_seed_noise(5, 1_000, np.random.default_rng(1)))
    saving = saving_of(0.0).with_interval_of(LABELS, draws, draws[:, -1]).saving
    assert saving.value == 0
    assert saving.ci_high is not None
    assert saving.ci_high >= 0


def coverage_of_savings(n_seeds: int, n_full: int, n_studies: int) -> float:
    """A is B moved by half a decade, so it saves 1 - 10 ** -0.5. B has only `n_full` seeds with all labels."""
    truth, generator = 1 - 10**-0.5, np.random.default_rng(2)
    b_true = np.array([0.3, 0.5, 0.7])
    covered = 0
    for _ in range(n_studies):
        shared = 0.01 * generator.standard_normal((3, n_seeds))  # the draw of training samples, equal for both
        a = b_true[:, None] + 0.1 + shared + 0.01 * generator.standard_normal((3, n_seeds))
        b = b_true[:, None] + shared + 0.01 * generator.standard_normal((3, n_seeds))
        b[-1, n_full:] = np.nan
        noise = draw_seed_noise(n_seeds, 1_000, generator)
        low, high = (
            saving_of(None)
            .with_interval_of(LABELS, replicate_means(a, noise), replicate_means(b, noise)[:, -1])
            .saving[1:]
        )
        covered += (-np.inf if low is None else low) <= truth <= (-np.inf if high is None else high)
    return covered / n_studies


def test_the_interval_of_a_label_saving_covers_the_true_one() -> None:
    assert 0.93 <= coverage_of_savings(5, 5, 400) <= 0.97


def test_a_point_with_3_of_10_seeds_has_the_degrees_of_freedom_of_3() -> None:
    """It had those of 10, and intervals that covered 86 %."""
    assert coverage_of_savings(10, 3, 400) >= 0.93
    values = np.vstack([np.linspace(0, 1, 10), np.r_[0.5, 0.6, 0.7, np.full(7, np.nan)]])
    draws = replicate_means(values, draw_seed_noise(10, 100_000, np.random.default_rng(0)))[:, 1]
    half = 4.303 * 0.1 / 3**0.5
    assert interval(draws) == (pytest.approx(0.6 - half, rel=0.05), pytest.approx(0.6 + half, rel=0.05))


def test_the_mean_of_three_seeds_gets_students_interval() -> None:
    values = np.array([[0.5, 0.6, 0.7]])
    draws = replicate_means(values, draw_seed_noise(3, 200_000, np.random.default_rng(0)))[:, 0]
    low, high = interval(draws)
    half = 4.303 * 0.1 / 3**0.5  # Student's t with 2 degrees of freedom
    assert low == pytest.approx(0.6 - half, rel=0.05)
    assert high == pytest.approx(0.6 + half, rel=0.05)


def test_a_missing_seed_is_left_out_of_its_point() -> None:
    values = np.array([[0.5, np.nan, 0.7], [0.1, 0.2, 0.3]])
    draws = replicate_means(values, draw_seed_noise(3, 1_000, np.random.default_rng(0)))
    assert np.isfinite(draws).all()
    assert np.median(draws, axis=0) == pytest.approx([0.6, 0.2], abs=0.02)


def test_one_seed_stays_where_it_is() -> None:
    draws = replicate_means(np.array([[0.5, np.nan], [0.1, 0.2]]), draw_seed_noise(2, 10, np.random.default_rng(0)))
    assert (draws[:, 0] == 0.5).all()

"""Label savings: by hand, mirrored, and against a known truth."""

import numpy as np
import pytest

from leaderboards.simulations.savings import THIRD, study_savings
from leaderboards.statistics.curves import LabelSaving, label_saving, labels_to_reach, median_saving
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.influences import SharedTestSet
from leaderboards.statistics.reading import Point
from leaderboards.words import saving_in_words


def points(*by_labels: list[float]) -> list[Point]:
    """10, 100, 1,000 labels and so on."""
    return [
        Point("", "", 10 ** (i + 1), 0, dict(enumerate(scores)), dict.fromkeys(range(len(scores)), ""))
        for i, scores in enumerate(by_labels)
    ]


def saving(a: list[Point], b: list[Point]) -> LabelSaving:
    return label_saving(a, b, SharedTestSet({}, {}), higher_is_better=True, draws_shared=True)


def test_a_curve_reaches_a_score_linearly_in_log_labels_and_never_beyond_its_end() -> None:
    labels = np.array([10, 100, 1_000])
    assert labels_to_reach(labels, np.array([-0.2, -0.1, 0.1])) == pytest.approx(10**2.5)
    assert labels_to_reach(labels, np.array([0.0, 0.1, 0.1])) == 10
    assert labels_to_reach(labels, np.array([-0.3, -0.2, -0.1])) is None


def test_the_ends_of_the_interval_are_where_a_may_have_reached_b_and_where_it_surely_has() -> None:
    """A - B is 0.1 +- 0.05 in every seed, but for B's end, which all seeds share."""
    noise = np.array([-1.0, 0.0, 1.0])
    margin = 4.302653 / 3**0.5 * 0.01  # Student's t with 2 degrees of freedom
    a = points(*[(score + 0.01 * noise).tolist() for score in (0.3, 0.5, 0.7)])
    b = points([0.1] * 3, [0.3] * 3, [0.6] * 3)
    found = saving(a, b)
    labels = [10 ** (2.5 + shift / 0.2) for shift in (0, margin, -margin)]
    assert found.labels_needed == pytest.approx(labels[0])
    assert found.saving == pytest.approx([1 - needed / 1_000 for needed in labels])
    assert found.saving.sure


def test_a_backbone_saves_nothing_over_itself() -> None:
    generator = np.random.default_rng(0)
    curve = points(*[generator.normal(score, 0.02, 5).tolist() for score in (0.2, 0.4, 0.6)])
    found = saving(curve, curve)
    assert found.saving.value == 0
    assert not found.saving.sure


def test_savings_of_two_curves_are_mirror_images() -> None:
    generator = np.random.default_rng(1)
    a, b = (points(*[generator.normal(s, 0.05, 4).tolist() for s in (0.2, 0.4, 0.5)]) for _ in range(2))
    (value, low, high), back = saving(a, b).saving, saving(b, a).saving
    assert [1 - number for number in back] == pytest.approx([1 / (1 - number) for number in (value, high, low)])


def test_one_seed_somewhere_leaves_no_interval() -> None:
    curve = points([0.2, 0.21], [0.4, 0.43], [0.6, 0.64])
    found = saving(curve, points([0.1], [0.2, 0.25], [0.3, 0.31])).saving
    assert found.value == pytest.approx(1 - 10**1.5 / 1_000, abs=0.02)
    assert (found.ci_low, found.ci_high, found.sure) == (None, None, False)


def test_the_median_of_savings_is_that_of_the_shares_needed() -> None:
    savings = [Estimate(0.5, 0.2, 0.8), Estimate(-1.0, -3.0, 0.2)]
    assert median_saving(savings) == pytest.approx((0.0, 1 - 3.2**0.5, 1 - 0.16**0.5))
    assert median_saving([*savings, Estimate(0.9, None, None)]) == (pytest.approx(0.5), None, None)


def test_words_call_it_a_saving_only_where_the_interval_leaves_out_zero() -> None:
    assert saving_in_words(Estimate(0.82, 0.45, 0.9)) == "82% fewer labels [45%, 90%]"
    assert saving_in_words(Estimate(0.82, -0.1, 0.9)) == "no clear saving of labels [-10%, 90%]"
    assert saving_in_words(Estimate(-2.0, -99.0, -0.5)) == "200% more labels [<-900%, -50%]"


@pytest.mark.parametrize("curve", ["flat", "steep"])
def test_two_equal_backbones_save_nothing_over_each_other(curve: str) -> None:
    """Read from where points first reach the other's last, the median saving was 14 % and, of flat curves, 70 %."""
    found = study_savings(curve, saves=False, noise=0.03, n_seeds=5, n_studies=400, generator=np.random.default_rng(0))
    assert found.first_saving > 0.08
    assert abs(found.saving) < 0.08
    assert found.covered >= 0.93
    assert found.called <= 0.05


def test_a_real_saving_is_found_and_its_interval_covers_it() -> None:
    found = study_savings("steep", saves=True, noise=0.03, n_seeds=5, n_studies=400, generator=np.random.default_rng(0))
    assert found.saving == pytest.approx(THIRD, abs=0.03)
    assert found.covered >= 0.93
    assert found.called > 0.9

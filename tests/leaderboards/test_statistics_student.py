"""Intervals over few seeds: exact where theory is, and their coverage by simulation everywhere else."""

import itertools

import numpy as np
import pytest
from scipy import stats

from leaderboards.simulations.coverage import SEEDS, cover_difference, cover_mean
from leaderboards.statistics.student import Part, critical_values, margin, two_sided_p, with_interval

FEW = 4_000
MANY = 40_000


def four_deviations(rate: float, n: int) -> float:
    return 4 * (rate * (1 - rate) / n) ** 0.5


def test_one_part_is_students_t() -> None:
    assert margin([Part(0.04, 2)]) == pytest.approx(0.2 * stats.t.ppf(0.975, 2))
    assert two_sided_p(0.3, [Part(0.04, 2)]) == pytest.approx(2 * stats.t.sf(1.5, 2))


def test_what_is_known_is_normal() -> None:
    assert margin([Part(0.03, np.inf), Part(0.01, np.inf)]) == pytest.approx(0.2 * stats.norm.ppf(0.975))


def test_a_part_without_variance_changes_nothing() -> None:
    assert margin([Part(0.04, 2), Part(0.0, 1)]) == pytest.approx(margin([Part(0.04, 2)]))
    assert margin([Part(0.0, 1), Part(0.04, np.inf)]) == pytest.approx(0.2 * stats.norm.ppf(0.975))


def test_many_degrees_of_freedom_are_welchs() -> None:
    parts = [Part(0.03, 40), Part(0.01, 60)]
    welch = 1 / (0.75**2 / 40 + 0.25**2 / 60)
    assert margin(parts) == pytest.approx(0.2 * stats.t.ppf(0.975, welch), rel=1e-3)


def test_three_unknown_parts_have_welchs_degrees_of_freedom() -> None:
    assert margin([Part(0.01, 2)] * 4) == pytest.approx(0.2 * stats.t.ppf(0.975, 8))


@pytest.mark.parametrize("parts", [[Part(1, 2)], [Part(1, 1), Part(0.2, 9)], [Part(1, 1), Part(3, 4), Part(2, np.inf)]])
def test_p_is_below_5_percent_exactly_where_the_interval_leaves_out_zero(parts: list[Part]) -> None:
    assert two_sided_p(margin(parts), parts) == pytest.approx(0.05)
    assert two_sided_p(margin(parts) * 1.01, parts) < 0.05 < two_sided_p(margin(parts) * 0.99, parts)
    assert two_sided_p(0.0, parts) == 1.0
    assert two_sided_p(-2.0, parts) == two_sided_p(2.0, parts)
    assert two_sided_p(1e15, [Part(1, np.inf)]) == 1e-12


def test_nothing_known_has_no_interval() -> None:
    assert with_interval(0.5, []) == (0.5, None, None)


def test_critical_values_of_many_estimates_are_those_of_each() -> None:
    variances, degrees = np.array([[1.0, 2.0, 0.5], [0.1, 0.0, 3.0]]), np.array([1.0, 4.0, np.inf])
    several = critical_values(variances, degrees, 0.05)
    assert several == pytest.approx([critical_values(row[None], degrees, 0.05)[0] for row in variances])


@pytest.mark.parametrize(("n_a", "n_b"), [(2, 2), (2, 10), (3, 5), (10, 10)])
@pytest.mark.parametrize("of_test", [0.0, 0.3])
def test_differences_of_few_seeds_cover_and_keep_their_level(n_a: int, n_b: int, of_test: float) -> None:
    """10 seeds against 2 had 14 % of false positives; Welch's degrees of freedom leave 10 %."""
    coverage = cover_difference(n_a, n_b, of_test, FEW, np.random.default_rng(0))
    assert 0.94 - four_deviations(0.05, FEW) <= coverage <= 0.975 + four_deviations(0.05, FEW)


@pytest.mark.slow
def test_differences_of_all_numbers_of_seeds_cover_93_to_97_percent_and_keep_their_level() -> None:
    """Unpaired: 2 to 10 seeds on either side, without and with test samples; at most 6 % of false positives."""
    generator = np.random.default_rng(0)
    for of_test in (0.0, 0.1, 0.3, 1.0):
        for n_a, n_b in itertools.combinations_with_replacement(SEEDS, 2):
            coverage = cover_difference(n_a, n_b, of_test, MANY, generator)
            assert coverage + four_deviations(0.06, MANY) >= 0.94, (n_a, n_b, of_test, coverage)
            most = 0.97 if of_test == 0 else 0.975
            assert coverage - four_deviations(0.03, MANY) <= most, (n_a, n_b, of_test, coverage)


@pytest.mark.slow
def test_a_side_that_varies_twice_as_much_as_the_other_is_still_covered() -> None:
    generator = np.random.default_rng(1)
    for n_a, n_b in itertools.product(SEEDS, repeat=2):
        coverage = cover_difference(n_a, n_b, 0.0, MANY, generator, ratio=2.0)
        assert coverage + four_deviations(0.07, MANY) >= 0.93, (n_a, n_b, coverage)
        assert coverage <= 0.97 + four_deviations(0.03, MANY), (n_a, n_b, coverage)


@pytest.mark.slow
def test_means_of_all_numbers_of_seeds_cover_93_to_97_percent() -> None:
    """And differences paired by seed, which are means. Two seeds covered 87 %, three 92 %."""
    generator = np.random.default_rng(2)
    for of_test, n in itertools.product((0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0), SEEDS):
        coverage = cover_mean(n, of_test, MANY, generator)
        assert coverage + four_deviations(0.06, MANY) >= 0.93, (n, of_test, coverage)
        assert coverage <= 0.97 + four_deviations(0.03, MANY), (n, of_test, coverage)

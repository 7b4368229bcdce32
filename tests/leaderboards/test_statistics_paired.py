"""Paired tests: textbook values, agreement with stored metrics, error rates on simulated data."""

import numpy as np
import pytest

from leaderboards.statistics.paired import (
    FROM_COUNTS,
    holm,
    mcnemar,
    paired_bootstrap,
    sample_weights,
    score_counts,
)
from leaderboards.statistics.replicates import two_sided_p


def counts_of(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, C) zeros and ones -> (n, C, 3)."""
    return np.stack([target * predicted, target, predicted], axis=-1)


def one_hot(labels: np.ndarray, n_classes: int = 3) -> np.ndarray:
    return np.eye(n_classes, dtype=np.int64)[labels]


def test_mcnemar_on_a_textbook_table() -> None:
    """Agresti, Categorical Data Analysis: 150 and 86 discordant pairs; the exact p is below 0.0001."""
    correct_a = np.repeat([True, True, False, False], [794, 150, 86, 570])
    correct_b = np.repeat([True, False, True, False], [794, 150, 86, 570])
    assert mcnemar(correct_a, correct_b) == pytest.approx(3.7e-5, rel=0.05)


def test_mcnemar_by_hand() -> None:
    a, b = np.array([True] * 5 + [False]), np.array([False] * 5 + [False])
    assert mcnemar(a, b) == pytest.approx(2 / 2**5)
    assert mcnemar(a, a) == 1.0


def test_holm_on_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_metrics_from_counts_equal_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(0)
    target, predicted = generator.integers(0, 3, 200), generator.integers(0, 3, 200)
    counts = counts_of(one_hot(target), one_hot(predicted))
    assert score_counts("accuracy", counts) == pytest.approx(sklearn.accuracy_score(target, predicted))
    assert score_counts("f1_macro", counts) == pytest.approx(sklearn.f1_score(target, predicted, average="macro"))
    assert score_counts("miou", counts) == pytest.approx(sklearn.jaccard_score(target, predicted, average="macro"))
    labels, guesses = generator.integers(0, 2, (100, 4)), generator.integers(0, 2, (100, 4))
    expected = sklearn.f1_score(labels, guesses, average="micro")
    assert score_counts("f1_micro", counts_of(labels, guesses)) == pytest.approx(expected)


def test_pooled_metrics_need_only_sums_over_classes() -> None:
    generator = np.random.default_rng(0)
    counts = counts_of(generator.integers(0, 2, (50, 4)), generator.integers(0, 2, (50, 4)))
    for name, metric in FROM_COUNTS.items():
        same = score_counts(name, counts) == pytest.approx(score_counts(name, counts.sum(axis=1, keepdims=True)))
        assert same == metric.pooled, name


def test_the_bootstrap_interval_of_an_accuracy_difference_matches_its_known_variance() -> None:
    a = np.repeat([0, 0, 1, 1], [500, 200, 100, 200])  # 0: right
    b = np.repeat([0, 1, 0, 1], [500, 200, 100, 200])
    truth = one_hot(np.zeros(1000, dtype=int))
    weights = sample_weights(1000, 10_000, np.random.default_rng(0))
    difference, p = paired_bootstrap("accuracy", counts_of(truth, one_hot(a)), counts_of(truth, one_hot(b)), weights)
    half = 1.96 * (0.3 - 0.1**2) ** 0.5 / 1000**0.5  # discordant 0.3, difference 0.1
    assert difference.value == pytest.approx(0.1)
    assert (difference.ci_low, difference.ci_high) == (
        pytest.approx(0.1 - half, abs=2e-3),
        pytest.approx(0.1 + half, abs=2e-3),
    )
    assert p < 0.001


def test_every_sample_is_drawn_once_on_average() -> None:
    weights = sample_weights(50, 4_000, np.random.default_rng(0))
    assert (weights.sum(axis=1) == 50).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(50), abs=0.1)


def test_paired_bootstrap_holds_its_level_and_its_coverage() -> None:
    """1,000 simulated test sets of 300 samples on which B is truly 5 points better; and two equal backbones."""
    generator = np.random.default_rng(3)
    weights = sample_weights(300, 600, generator).astype(np.float64)
    covered = false = 0
    for _ in range(1_000):
        difficulty = generator.random(300)
        hit = {p: generator.random(300) * 0.6 + difficulty * 0.4 for p in ("a", "b", "c")}
        # P(0.6 u + 0.4 v < t) for the two thresholds: exact by the trapezoid density, both beyond 0.4
        right = {
            name: (hit[name] < threshold).astype(float) for name, threshold in (("a", 0.5), ("b", 0.5), ("c", 0.6))
        }
        draws = {name: weights @ values / 300 for name, values in right.items()}
        low, high = np.quantile(draws["c"] - draws["a"], [0.025, 0.975])
        covered += bool(low <= 0.1 / 0.6 <= high)
        false += two_sided_p(draws["b"] - draws["a"]) < 0.05
    assert 0.93 <= covered / 1_000 <= 0.97
    assert false / 1_000 <= 0.07


def test_p_is_never_zero() -> None:
    assert two_sided_p(np.full(999, 0.5)) == pytest.approx(2 / 1000)
    assert two_sided_p(np.zeros(999)) == 1.0

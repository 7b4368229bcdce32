"""Paired tests: textbook values, agreement with stored metrics and with resampling."""

import numpy as np
import pytest

from leaderboards.statistics.paired import FROM_TERMS, Terms, holm, influences, mcnemar, score_terms


def counts_of(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, C) zeros and ones -> (n, C, 3)."""
    return np.stack([target * predicted, target, predicted], axis=-1)


def one_hot(labels: np.ndarray, n_classes: int = 3) -> np.ndarray:
    return np.eye(n_classes, dtype=np.int64)[labels]


DECIDED = [name for name, metric in FROM_TERMS.items() if metric.terms is Terms.DECISIONS]
ERRORS = [name for name, metric in FROM_TERMS.items() if metric.terms is Terms.ERRORS]


def errors_of(target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(n, K) numbers -> (n, K, 5)."""
    deviation, error = target - target.mean(axis=0), predicted - target
    return np.stack([np.ones_like(target), deviation, deviation**2, error**2, np.abs(error)], axis=-1)


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
    assert score_terms("accuracy", counts) == pytest.approx(sklearn.accuracy_score(target, predicted))
    assert score_terms("f1_macro", counts) == pytest.approx(sklearn.f1_score(target, predicted, average="macro"))
    assert score_terms("miou", counts) == pytest.approx(sklearn.jaccard_score(target, predicted, average="macro"))
    labels, guesses = generator.integers(0, 2, (100, 4)), generator.integers(0, 2, (100, 4))
    expected = sklearn.f1_score(labels, guesses, average="micro")
    assert score_terms("f1_micro", counts_of(labels, guesses)) == pytest.approx(expected)


def test_pooled_metrics_need_only_sums_over_classes() -> None:
    generator = np.random.default_rng(0)
    counts = counts_of(generator.integers(0, 2, (50, 4)), generator.integers(0, 2, (50, 4)))
    for name in DECIDED:
        same = score_terms(name, counts) == pytest.approx(score_terms(name, counts.sum(axis=1, keepdims=True)))
        assert same == FROM_TERMS[name].pooled, name


def test_influences_give_the_known_variance_of_an_accuracy_difference() -> None:
    a = np.repeat([0, 0, 1, 1], [500, 200, 100, 200])  # 0: right
    b = np.repeat([0, 1, 0, 1], [500, 200, 100, 200])
    truth = one_hot(np.zeros(1000, dtype=int))
    moved = [influences("accuracy", counts_of(truth, one_hot(labels))) for labels in (a, b)]
    assert ((moved[0] - moved[1]) ** 2).sum() == pytest.approx((0.3 - 0.1**2) / 999)  # discordant 0.3, difference 0.1
    assert moved[0].sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("metric", DECIDED)
def test_influences_give_the_variance_of_a_bootstrap(metric: str) -> None:
    """Resampling 400 test samples 20,000 times agrees within 5 %, whatever the metric."""
    generator = np.random.default_rng(1)
    target = generator.integers(0, 3, 400)
    predicted = np.where(generator.random(400) < 0.6, target, generator.integers(0, 3, 400))
    counts = counts_of(one_hot(target), one_hot(predicted)) * generator.integers(1, 50, 400)[:, None, None]
    if FROM_TERMS[metric].pooled:
        counts = counts.sum(axis=1, keepdims=True)
    weights = generator.multinomial(400, np.full(400, 1 / 400), size=20_000)
    resampled = FROM_TERMS[metric].value(np.tensordot(weights, counts, axes=1).astype(np.float64))
    assert (influences(metric, counts) ** 2).sum() == pytest.approx(resampled.var(ddof=1), rel=0.05)


def by_hand(metric: str, target: np.ndarray, predicted: np.ndarray) -> float:
    """Of (n, K) numbers, by its definition."""
    error = predicted - target
    per_output = {
        "mae": np.abs(error).mean(axis=0),
        "rmse": (error**2).mean(axis=0) ** 0.5,
        "r2": 1 - (error**2).sum(axis=0) / ((target - target.mean(axis=0)) ** 2).sum(axis=0),
    }
    return float(per_output[metric].mean())


@pytest.mark.parametrize("metric", ERRORS)
def test_metrics_of_numbers_are_those_by_hand(metric: str) -> None:
    generator = np.random.default_rng(0)
    target = generator.normal((300.0, 0.0), (2.0, 50.0), (80, 2))  # kelvin and metres
    predicted = target + generator.normal(0.5, 1.0, (80, 2))
    assert score_terms(metric, errors_of(target, predicted)) == pytest.approx(by_hand(metric, target, predicted))


@pytest.mark.parametrize("metric", ERRORS)
def test_influences_give_the_variance_of_a_paired_bootstrap_of_numbers(metric: str) -> None:
    """The same 400 samples, drawn anew 20,000 times, for two models that err alike: the difference within 5 %."""
    generator = np.random.default_rng(2)
    target, common = generator.normal(0, 3, (400, 2)), generator.normal(0, 1, (400, 2))
    models = [target + common + generator.normal(0, spread, (400, 2)) for spread in (0.2, 0.4)]
    moved = [influences(metric, errors_of(target, predicted)) for predicted in models]
    weights = generator.multinomial(400, np.full(400, 1 / 400), size=20_000)
    terms = [errors_of(target, predicted).reshape(400, -1) for predicted in models]
    drawn = [FROM_TERMS[metric].value((weights @ one).reshape(-1, 2, 5)) for one in terms]
    assert ((moved[0] - moved[1]) ** 2).sum() == pytest.approx((drawn[0] - drawn[1]).var(ddof=1), rel=0.05)
    alone = sum((one**2).sum() for one in moved)
    assert ((moved[0] - moved[1]) ** 2).sum() < 0.2 * alone  # what they share cancels
    assert moved[0].sum() == pytest.approx(0, abs=1e-6)

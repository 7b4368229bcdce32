"""Intervals: a plain resampling loop gives the same, they cover what they promise, and repeat to the bit."""

import numpy as np
import pytest

from harness.metrics import METRICS, evaluate
from harness.metrics.bootstrap import N_RESAMPLES, draw_resamples, percentile_interval
from harness.records.labels import LabelKind

SINGLE, MULTI = LabelKind.SINGLE_LABEL, LabelKind.MULTI_LABEL


def split(seed, n=60, n_classes=4):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, n_classes, n)
    return targets, rng.integers(0, 6, (n, n_classes)) / 5 + 0.3 * np.eye(n_classes)[targets]


@pytest.mark.parametrize(
    ("metric", "kind"), [(metric, kind) for metric in METRICS for kind in sorted(METRICS[metric].label_kinds)]
)
def test_weighted_values_are_those_of_the_samples_repeated(metric, kind):
    entry = METRICS[metric]
    targets, scores = split(0)
    targets = targets if kind is SINGLE else (np.random.default_rng(1).random(scores.shape) < 0.1).astype(np.uint8)
    weights = draw_resamples(len(targets), seed=7)[:50].copy()
    weights[0] = 0
    weights[0, 0] = len(targets)  # one sample only
    fast = entry.resampled(targets, scores, weights)
    for value, row in zip(fast, weights.astype(int), strict=True):
        slow = entry.value(np.repeat(targets, row, axis=0), np.repeat(scores, row, axis=0))
        assert np.isnan(value) if slow is None else value == pytest.approx(slow)


def test_resamples_draw_with_replacement_as_many_as_there_are():
    resamples = draw_resamples(50, seed=0)
    assert resamples.shape == (N_RESAMPLES, 50)
    assert np.all(resamples.sum(axis=1) == 50)
    assert resamples.mean() == 1
    assert resamples.var() == pytest.approx(1 - 1 / 50, rel=0.05)  # of a binomial count
    assert np.abs(np.corrcoef(resamples[:, 0], resamples[:, 1])[0, 1]) < 0.15


def test_intervals_cover_the_truth_as_often_as_they_promise():
    """The mean of 100 normal samples, 2000 times: 95 % of the intervals hold 0, give or take binomial noise."""
    samples = np.random.default_rng(0).standard_normal((2000, 100))
    means = draw_resamples(100, seed=1) @ samples.T / 100
    intervals = np.array([percentile_interval(column) for column in means.T])
    covered = (intervals[:, 0] <= 0) & (intervals[:, 1] >= 0)
    assert 0.925 < covered.mean() < 0.965


def test_same_seed_same_bits_other_seed_other_interval():
    targets, scores = split(0)
    first, again, other = (evaluate(SINGLE, "ap_micro", targets, scores, seed) for seed in (3, 3, 4))
    assert first == again
    assert [s.value for s in first] == [s.value for s in other]
    assert [s.ci_low for s in first] != [s.ci_low for s in other]


def test_intervals_hold_the_value_and_cost_is_kept_for_the_headline():
    targets, scores = split(0)
    for headline in METRICS:
        for scored in evaluate(SINGLE, headline, targets, scores, seed=0):
            if scored.metric == headline or METRICS[scored.metric].cheap:
                assert scored.ci_low < scored.value < scored.ci_high
            else:
                assert scored.ci_low is scored.ci_high is None


def test_one_sample_has_no_interval():
    for scored in evaluate(SINGLE, "accuracy", np.array([1]), np.array([[0.1, 0.9]]), seed=0):
        assert scored.value == pytest.approx(0.1 if scored.metric == "calibration_error" else 1.0)
        assert scored.ci_low is scored.ci_high is None


def test_undefined_resamples_are_left_out():
    assert percentile_interval(np.array([0.2, np.nan, 0.2])) == (0.2, 0.2)
    assert percentile_interval(np.array([np.nan, np.nan])) is None

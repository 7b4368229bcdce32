"""Metrics: tables computed by hand, scikit-learn as oracle, and what is undefined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from harness.errors import UserError
from harness.metrics import METRICS, Scored, evaluate, headline_value, per_class, predict
from harness.records.labels import LabelKind

SINGLE, MULTI = LabelKind.SINGLE_LABEL, LabelKind.MULTI_LABEL

# Predicted classes 0, 1, 1, 0 of true ones 0, 1, 2, 1. Class 3 neither occurs nor is predicted.
TARGETS = np.array([0, 1, 2, 1])
SCORES = np.array([[0.7, 0.1, 0.1, 0.1], [0.2, 0.5, 0.2, 0.1], [0.1, 0.6, 0.3, 0.0], [0.5, 0.4, 0.1, 0.0]])
# Two labels; predicted [1 0] [1 1] [0 0] of [1 0] [0 1] [1 0].
LABELS = np.array([[1, 0], [0, 1], [1, 0]], dtype=np.uint8)
LABEL_SCORES = np.array([[0.9, 0.2], [0.6, 0.5], [0.4, 0.1]])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("accuracy", 2 / 4),
        ("f1_micro", 2 / 4),  # of single labels the accuracy
        ("f1_macro", (2 / 3 + 2 / 4 + 0) / 3),  # class 3 is left out
        # Ranked: class 0 hits at 1; class 1 at ranks 2 and 3; class 2 at rank 1.
        ("ap_macro", (1 + (1 / 2 + 2 / 3) / 2 + 1) / 3),
        # Ranked: .7 hit, .6, {.5 hit, .5} together 2 of 4, .4 hit 3 of 5, .3 hit 4 of 6.
        ("ap_micro", (1 / 1 + 2 / 4 + 3 / 5 + 4 / 6) / 4),
    ],
)
def test_single_label_values_by_hand(metric, expected):
    assert headline_value(metric, TARGETS, SCORES) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("f1_micro", 2 * 2 / (2 * 2 + 1 + 1)),
        ("f1_macro", (2 / 4 + 2 / 2) / 2),
        ("ap_macro", ((1 + 2 / 3) / 2 + 1) / 2),
        # Ranked: .9 hit, .6, .5 hit (2 of 3), .4 hit (3 of 4).
        ("ap_micro", (1 + 2 / 3 + 3 / 4) / 3),
    ],
)
def test_multi_label_values_by_hand(metric, expected):
    assert headline_value(metric, LABELS, LABEL_SCORES) == pytest.approx(expected)


def test_class_scores_by_hand():
    got = {(s.metric, s.class_index): s.value for s in per_class(SINGLE, TARGETS, SCORES)}
    assert got == {
        ("f1", 0): pytest.approx(2 / 3), ("f1", 1): pytest.approx(1 / 2), ("f1", 2): 0.0, ("f1", 3): None,
        ("recall", 0): 1.0, ("recall", 1): 0.5, ("recall", 2): 0.0, ("recall", 3): None,
        ("average_precision", 0): 1.0, ("average_precision", 1): pytest.approx(7 / 12),
        ("average_precision", 2): 1.0, ("average_precision", 3): None,
    }  # fmt: skip


def test_decisions_take_the_first_likeliest_class_and_labels_from_one_half():
    assert predict(SINGLE, np.array([[0.3, 0.4, 0.4], [0.2, 0.2, 0.1]])).tolist() == [1, 0]
    assert predict(MULTI, np.array([[0.5, 0.4999]])).tolist() == [[1, 0]]


def random_split(seed, n, n_classes):
    """Scores with many ties, as those of nearest neighbours have."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (n, n_classes)) / 5
    return rng.integers(0, n_classes, n), (rng.random((n, n_classes)) < 0.3).astype(np.uint8), scores


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(2, 6))
def test_single_label_values_equal_scikit_learns(seed, n, n_classes):
    targets, _, scores = random_split(seed, n, n_classes)
    predicted = scores.argmax(axis=1)
    assert headline_value("accuracy", targets, scores) == pytest.approx(oracle.accuracy_score(targets, predicted))
    for average in ("macro", "micro"):
        expected = oracle.f1_score(targets, predicted, average=average, zero_division=np.nan)
        assert headline_value(f"f1_{average}", targets, scores) == pytest.approx(expected)
    one_hot = np.eye(n_classes, dtype=int)[targets]
    occurs = one_hot.any(axis=0)
    expected = oracle.average_precision_score(one_hot[:, occurs], scores[:, occurs], average="macro")
    assert headline_value("ap_macro", targets, scores) == pytest.approx(expected)
    expected = oracle.average_precision_score(one_hot, scores, average="micro")
    assert headline_value("ap_micro", targets, scores) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(2, 6))
def test_multi_label_values_equal_scikit_learns(seed, n, n_classes):
    _, targets, scores = random_split(seed, n, n_classes)
    predicted = (scores >= 0.5).astype(int)
    for average in ("macro", "micro"):
        expected = oracle.f1_score(targets, predicted, average=average, zero_division=np.nan)
        got = headline_value(f"f1_{average}", targets, scores)
        assert (got is None and np.isnan(expected)) or got == pytest.approx(expected)
    occurs = targets.any(axis=0)
    if not occurs.any():
        assert headline_value("ap_macro", targets, scores) is None
        assert headline_value("ap_micro", targets, scores) is None
        return
    expected = oracle.average_precision_score(targets[:, occurs], scores[:, occurs], average="macro")
    assert headline_value("ap_macro", targets, scores) == pytest.approx(expected)
    expected = oracle.average_precision_score(targets, scores, average="micro")
    assert headline_value("ap_micro", targets, scores) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_listed_under_its_name_and_stays_in_its_range(metric):
    entry = METRICS[metric]
    assert entry.name == metric
    for seed in range(5):
        single, multi, scores = random_split(seed, 30, 4)
        for kind, targets in ((SINGLE, single), (MULTI, multi)):
            if kind in entry.label_kinds:
                assert 0 <= entry.value(targets, scores) <= 1
    perfect = np.eye(4)[single]
    assert entry.value(single, perfect) == (1 if entry.higher_is_better else 0)


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_of_the_samples_does_not_matter(metric):
    targets, _, scores = random_split(0, 50, 4)
    order = np.random.default_rng(1).permutation(50)
    assert headline_value(metric, targets[order], scores[order]) == pytest.approx(
        headline_value(metric, targets, scores), abs=1e-15
    )


def test_nothing_to_find_is_undefined_not_zero():
    none = np.zeros((4, 2), dtype=np.uint8)
    scores = np.full((4, 2), 0.1)
    for scored in evaluate(MULTI, "f1_micro", none, scores, seed=0):
        if scored.metric != "calibration_error":  # a tenth too sure of each
            assert scored == Scored(metric=scored.metric, value=None, ci_low=None, ci_high=None)
    assert all(score.value is None for score in per_class(MULTI, none, scores))


def test_an_empty_split_is_undefined():
    empty = np.empty((0, 3))
    for scored in evaluate(SINGLE, "accuracy", np.empty(0, dtype=np.int64), empty, seed=0):
        assert scored.value is None
    for scored in evaluate(MULTI, "f1_micro", empty.astype(np.uint8), empty, seed=0):
        assert scored.value is None


def test_all_metrics_of_the_kind_are_evaluated_in_order():
    assert [s.metric for s in evaluate(SINGLE, "accuracy", TARGETS, SCORES, 0)] == list(METRICS)
    assert [s.metric for s in evaluate(MULTI, "f1_micro", LABELS, LABEL_SCORES, 0)] == list(METRICS)[2:]


@pytest.mark.parametrize("headline", ["accuracy", "miou"])
def test_a_headline_that_is_no_metric_of_the_kind_is_the_users_to_mend(headline):
    with pytest.raises(UserError, match=f"'{headline}' is not a metric of multi_label.*f1_macro"):
        evaluate(MULTI, headline, LABELS, LABEL_SCORES, 0)


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        evaluate(MULTI, "f1_micro", LABELS[:, 0], LABEL_SCORES, 0)
    with pytest.raises(ValueError, match="NaN"):
        per_class(MULTI, LABELS, np.full((3, 2), np.nan))

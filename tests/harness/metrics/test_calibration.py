"""Calibration error and balanced accuracy: by hand, against scikit-learn, and whatever the order of samples."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from harness.metrics import METRICS, evaluate, headline_value
from harness.records.labels import LabelKind


def error(targets, scores):
    return headline_value("calibration_error", np.array(targets), np.array(scores, dtype=float))


def test_by_hand_two_confidences():
    """0.9 and right three times of four, 0.6 and right once of two: (4 x 0.15 + 2 x 0.1) / 6."""
    scores = [[0.9, 0.1]] * 4 + [[0.4, 0.6]] * 2
    assert error([0, 0, 0, 1, 1, 0], scores) == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)


def test_several_labels_by_hand():
    """All eight decisions pooled: at 0.8 three of four are right, at 0.3 one of four."""
    scores = [[0.8, 0.3]] * 4
    assert error([[1, 0], [1, 0], [1, 1], [0, 0]], scores) == pytest.approx((4 * 0.05 + 4 * 0.05) / 8)


def test_calibrated_probabilities_have_little_and_overconfident_ones_much():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 20_000)
    targets = (rng.uniform(size=20_000) > p).astype(np.int64)  # class 0 with probability p
    assert error(targets, np.stack([p, 1 - p], axis=1)) < 0.01
    sure = np.stack([np.ones(20_000), np.zeros(20_000)], axis=1)
    assert error(targets, sure) == pytest.approx(targets.mean())


def test_order_of_samples_and_ties_change_nothing():
    rng = np.random.default_rng(1)
    p = rng.integers(5, 10, 400) / 10  # five distinct confidences, many ties
    scores, targets = np.stack([p, 1 - p], axis=1), rng.integers(0, 2, 400)
    order = rng.permutation(400)
    assert error(targets, scores) == pytest.approx(error(targets[order], scores[order]), abs=1e-12)


def test_bins_hold_equal_numbers_so_confident_classifiers_are_told_apart():
    """All confidences are in (0.99, 1): one bin of equal width would let the two halves cancel out."""
    p = np.linspace(0.990, 0.9999, 1_000)
    targets = (np.arange(1_000) < 500).astype(np.int64)  # wrong where less sure
    scores = np.stack([p, 1 - p], axis=1)
    assert error(targets, scores) == pytest.approx(0.495, abs=0.03)


def test_balanced_accuracy_equals_scikit_learns():
    rng = np.random.default_rng(2)
    targets, scores = rng.choice(4, 300, p=[0.8, 0.1, 0.06, 0.04]), rng.uniform(size=(300, 4))
    assert headline_value("balanced_accuracy", targets, scores) == pytest.approx(
        balanced_accuracy_score(targets, scores.argmax(axis=1))
    )


def test_lower_is_better_and_only_a_headline_gets_an_interval():
    rng = np.random.default_rng(3)
    targets, scores = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)
    for headline in ("accuracy", "calibration_error"):
        found = {s.metric: s for s in evaluate(LabelKind.SINGLE_LABEL, headline, targets, scores, 0)}
        assert (found["calibration_error"].ci_low is not None) == (headline == "calibration_error")
        assert found["balanced_accuracy"].ci_low < found["balanced_accuracy"].value
    assert not METRICS["calibration_error"].higher_is_better

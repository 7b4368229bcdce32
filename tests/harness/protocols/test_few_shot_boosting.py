"""Gradient boosting by hand: on one feature of two values each tree makes one split, so every step is known."""

import numpy as np
import pytest
from toy_material import ToyMaterial, multi_label, numbers, single_label

from harness.errors import UserError
from harness.protocols import NUMBER_PROTOCOLS, PROTOCOLS
from harness.records.labels import LabelKind

TWO_VALUES = np.repeat([[-1.0], [1.0]], 10, axis=0).astype(np.float32)


def two_values(kind, n_classes, labels, metric):
    arrays = {"train": TWO_VALUES, "valid": TWO_VALUES[9:11], "test": TWO_VALUES[9:11]}
    return ToyMaterial(kind, n_classes, arrays, {"train": labels, "valid": labels[9:11]}, metric)


def run(material, seed=0):
    entry = (NUMBER_PROTOCOLS if material.label_kind is LabelKind.REGRESSION else PROTOCOLS)["few_shot_boosting"]
    return entry.function(material, entry.settings, seed)


def test_each_of_a_hundred_trees_takes_a_tenth_of_what_is_left_of_a_number():
    labels = np.column_stack([np.repeat([0.0, 10.0], 10), np.repeat([7.0, 7.0], 10)])
    left = 5 * 0.9**100
    expected = np.array([[left, 7.0], [10 - left, 7.0]])
    outcome = run(two_values(LabelKind.REGRESSION, 2, labels, "r2"))
    assert outcome.test_scores == pytest.approx(expected, abs=1e-9)
    assert outcome.n_labels_fit == 20


def logit_by_newton(fraction, steps=100, rate=0.1):
    """Of a leaf where this fraction of samples is of the class, where half of all are."""
    logit = 0.0
    for _ in range(steps):
        p = 1 / (1 + np.exp(-logit))
        logit += rate * (fraction - p) / (p * (1 - p))
    return logit


def test_classes_are_reached_by_newtons_steps():
    labels = np.array([0] * 8 + [1] * 2 + [0] * 2 + [1] * 8)
    p = 1 / (1 + np.exp(-logit_by_newton(0.8)))
    outcome = run(two_values(LabelKind.SINGLE_LABEL, 3, labels, "accuracy"))
    assert outcome.test_scores == pytest.approx(np.array([[p, 1 - p, 0], [1 - p, p, 0]]), abs=1e-6)
    assert p == pytest.approx(0.8, abs=1e-3), "the share of the leaf, nearly"


def test_each_label_has_trees_of_its_own():
    first = np.array([0] * 8 + [1] * 2 + [0] * 2 + [1] * 8)
    labels = np.column_stack([first, 1 - first, np.ones(20), np.zeros(20)]).astype(np.uint8)
    p = 1 / (1 + np.exp(-logit_by_newton(0.8)))
    scores = run(two_values(LabelKind.MULTI_LABEL, 4, labels, "f1_micro")).test_scores
    assert scores == pytest.approx(np.array([[1 - p, p, 1, 0], [p, 1 - p, 1, 0]]), abs=1e-6)


def test_it_learns_what_is_not_linear():
    """Opposite corners of a square are of one class: no line tells them apart."""
    material = single_label(n_train=400, n_classes=2, width=2)
    for split, features in material.arrays.items():
        material.targets[split] = (features[:, 0] * features[:, 1] > 0).astype(np.int64)
    assert (run(material).test_scores.argmax(axis=1) == material.targets["test"]).mean() > 0.9


@pytest.mark.parametrize("build", [single_label, multi_label, numbers])
def test_the_same_seed_gives_the_same_bits(build):
    material = build(n_train=60)
    first, again, other = (run(material, seed).test_scores.tobytes() for seed in (3, 3, 4))
    assert first == again != other


def test_numbers_that_never_vary_are_refused():
    with pytest.raises(UserError, match=r"gradient boosting needs at least two values"):
        run(two_values(LabelKind.REGRESSION, 1, np.full((20, 1), 3.0), "r2"))

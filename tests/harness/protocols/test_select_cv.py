"""Choosing inside the few labels: valid and test are never looked at, every label is predicted by the others."""

from dataclasses import replace

import numpy as np
import pytest
from toy_material import multi_label, single_label

from harness.protocols import PROTOCOLS
from harness.protocols.image.knn import KnnSettings, knn
from harness.protocols.image.linear_probe import LinearProbeSettings, linear_probe
from harness.protocols.select_cv import N_FOLDS, NEVER, PATIENCE, Search, choose_by_cv, deal_folds
from harness.records.labels import LabelKind
from harness.records.run import Selection

FROZEN = {name: entry for name, entry in PROTOCOLS.items() if not entry.trains_backbone}
CHOOSING = [name for name, entry in FROZEN.items() if Selection.CV in entry.selections]
WITHOUT_VALID = [
    (name, s) for name, entry in FROZEN.items() for s in Selection if s in entry.selections - {Selection.VALID}
]
SETTINGS = LinearProbeSettings(n_strengths=8)


def run(name, material):
    entry = FROZEN[name]
    settings = replace(entry.settings, epochs=1) if hasattr(entry.settings, "epochs") else entry.settings
    return entry.function(material, settings, 0)


def build(kind):
    return {"single": single_label, "multi": multi_label}[kind](n_train=1_100)


def test_folds_are_stratified_and_even():
    labels = np.repeat([0, 1, 2], [50, 20, 5])[np.random.default_rng(0).permutation(75)]
    folds = deal_folds(labels, LabelKind.SINGLE_LABEL)
    for fold in range(N_FOLDS):
        assert np.bincount(labels[folds == fold], minlength=3).tolist() == [10, 4, 1]


def test_the_rest_of_every_fold_has_every_class():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 3, 3])
    folds = deal_folds(labels, LabelKind.SINGLE_LABEL)
    assert folds[8] == NEVER  # the only one of its class is never held out
    assert (folds == NEVER).sum() == 1
    for fold in np.unique(folds[folds != NEVER]):
        assert set(labels[folds != fold]) == {0, 1, 2, 3}


def test_few_samples_are_left_out_one_by_one():
    assert sorted(deal_folds(np.array([0, 1, 0, 1]), LabelKind.SINGLE_LABEL)) == [0, 1, 2, 3]
    assert deal_folds(np.zeros((3, 2), np.uint8), LabelKind.MULTI_LABEL).tolist() == [0, 1, 2]


def test_every_label_is_predicted_once_and_by_others():
    material = single_label(n_train=23)
    calls = []

    def predict(rows, held):
        calls.append((rows, held))
        yield np.eye(3)[np.zeros(len(held), int)]
        yield np.eye(3)[material.targets["train"][held]]

    choice = choose_by_cv(material, predict)
    assert (choice.candidate, choice.score) == (1, 1.0)
    assert sorted(np.concatenate([held for _, held in calls])) == list(range(23))
    for rows, held in calls:
        assert sorted([*rows, *held]) == list(range(23))


@pytest.mark.parametrize("name", ["knn", "few_shot_ridge"])
def test_a_single_sample_has_no_others_to_be_predicted_from(name):
    material = replace(multi_label(n_train=1), selection=Selection.CV)
    assert choose_by_cv(material, lambda *_: [np.zeros((1, 5))]) is None
    single = run(name, material)
    assert single.test_scores == pytest.approx(np.tile(material.targets["train"].astype(float), (200, 1)))


def test_the_metric_is_computed_once_over_all_folds():
    """The six samples that are held out make folds of two and of one: 4/6 together, 3/5 as a mean over folds."""
    material = single_label(n_train=7, n_classes=2)
    material.targets["train"] = np.array([0, 0, 0, 0, 0, 0, 1])
    hits = iter([1, 1, 0, 0, 1, 1])
    score = choose_by_cv(material, lambda rows, held: [np.array([[next(hits), 0.5] for _ in held])]).score
    assert score == pytest.approx(4 / 6)


def test_of_equal_candidates_the_first_is_chosen():
    material = single_label(n_train=30)
    assert choose_by_cv(material, lambda rows, held: [np.ones((len(held), 3))] * 4).candidate == 0


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize(("name", "selection"), WITHOUT_VALID)
def test_valid_and_test_cannot_influence_a_choice_inside_train(name, selection, kind):
    material, other = build(kind), build(kind)
    material.selection = other.selection = selection
    rng = np.random.default_rng(9)
    other.targets = {
        "train": material.targets["train"],
        "valid": rng.permutation(material.targets["valid"]),
        "test": rng.permutation(material.targets["test"]),
    }
    other.arrays = {**other.arrays, "valid": other.arrays["valid"][::-1]}
    a, b = run(name, material), run(name, other)
    assert a.ran_with == b.ran_with
    assert a.test_scores.tobytes() == b.test_scores.tobytes()
    assert material.scored == []  # valid was never scored
    assert (a.n_labels_fit, a.n_labels_select) == (1_100, 0)


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize("name", [name for name, entry in FROZEN.items() if Selection.VALID in entry.selections])
def test_test_labels_and_features_cannot_influence_a_choice_on_valid(name, kind):
    material, other = build(kind), build(kind)
    other.targets["test"] = np.random.default_rng(9).permutation(other.targets["test"])
    other.arrays["test"] = other.arrays["test"][:50] * 3
    a, b = run(name, material), run(name, other)
    assert a.ran_with == b.ran_with
    assert a.valid_scores.tobytes() == b.valid_scores.tobytes()
    assert (a.n_labels_fit, a.n_labels_select) == (1_100, 200)


@pytest.mark.parametrize("kind", ["single", "multi"])
@pytest.mark.parametrize("name", CHOOSING)
def test_cross_validation_chooses_nearly_as_well_as_valid(name, kind):
    def score(selection):
        material = {"single": single_label, "multi": multi_label}[kind](n_train=300)
        material.selection = selection
        outcome = run(name, material)
        return material.score(material.targets["test"], outcome.test_scores), outcome.ran_with

    (by_cv, ran_with), (by_valid, _) = score(Selection.CV), score(Selection.VALID)
    assert by_cv > by_valid - 0.03
    assert 0.0 <= ran_with.get("cv_score", 0.5) <= 1.0


def test_cross_validation_sees_that_shuffled_labels_teach_nothing():
    material = single_label(n_train=300, signal=4.0)
    material.selection = Selection.CV
    assert linear_probe(material, SETTINGS, 0).ran_with["cv_score"] == 1.0
    material.targets["train"] = np.random.default_rng(5).permutation(material.targets["train"])
    assert linear_probe(material, SETTINGS, 0).ran_with["cv_score"] < 0.5


@pytest.mark.parametrize("selection", [Selection.CV, Selection.NONE])
def test_one_label_per_class_leaves_the_defaults(selection):
    material = single_label(n_train=120)
    material.selection = selection
    one_each = [int(np.flatnonzero(material.targets["train"] == c)[0]) for c in range(3)]
    for arrays in (material.arrays, material.targets):
        arrays["train"] = arrays["train"][one_each]
    probe = linear_probe(material, SETTINGS, 0)
    assert probe.ran_with["strength"] == pytest.approx(1 / 10)  # ten features
    assert probe.ran_with["cv_score"] is None
    assert knn(material, KnnSettings(), 0).ran_with["k"] == 3
    assert run("few_shot_ridge", material).ran_with["penalty"] == 10.0


def test_two_multi_label_samples_leave_the_defaults():
    material = multi_label(n_train=200)
    material.selection = Selection.CV
    differing = next(
        i for i, label in enumerate(material.targets["train"]) if (label != material.targets["train"][0]).any()
    )
    for arrays in (material.arrays, material.targets):
        arrays["train"] = arrays["train"][[0, differing]]
    for name in CHOOSING:
        assert np.isfinite(run(name, material).test_scores).all()
    assert linear_probe(material, SETTINGS, 0).ran_with["cv_score"] is None


def test_the_strength_chosen_by_cross_validation_is_refitted_on_all_of_train():
    material, fixed = single_label(n_train=60), single_label(n_train=60)
    material.selection = Selection.CV
    outcome = linear_probe(material, SETTINGS, 0)
    strength = outcome.ran_with["strength"]
    expected = linear_probe(fixed, LinearProbeSettings(n_strengths=1, strongest=strength), 0)
    assert outcome.test_scores == pytest.approx(expected.test_scores, abs=1e-4)
    grid = np.geomspace(SETTINGS.strongest, SETTINGS.weakest, SETTINGS.n_strengths)
    assert np.isclose(grid, strength).any()


def test_the_search_ends_where_candidates_only_get_worse():
    material = single_label(n_train=30)
    right = np.eye(3)[material.targets["train"]]
    worked = []

    def predict(rows, held):
        for candidate in range(100):
            worked.append(candidate)
            yield right[held] if candidate == 4 else np.roll(right[held], 1, axis=1)

    assert choose_by_cv(material, predict) == (4, 1.0)
    assert max(worked) == 4 + PATIENCE


def tried(scores, patience=2):
    """The best candidate, and how many were tried."""
    search, count = Search(patience), 0
    for score in scores:
        count += 1
        search.improves(score)
        if search.is_over:
            break
    return search.best.candidate, count


def test_equal_candidates_and_those_after_the_first_cost_no_patience():
    assert tried([0.1] * 20 + [0.7, 0.3, 0.3, 0.9]) == (20, 23)
    assert tried([0.5, 0.4, 0.3, 0.2, 0.8]) == (4, 5), "nothing has beaten the first"
    assert tried([0.1, 0.7, 0.7, 0.7, 0.6, 0.7, 0.9]) == (6, 7), "one was worse"
    assert tried([0.1, 0.7, 0.6, 0.7, 0.6, 0.9]) == (1, 5), "two were"


def test_candidates_that_were_never_defined_do_not_end_the_search():
    material = single_label(n_train=30)
    right = np.eye(3)[material.targets["train"]]
    material.score = lambda labels, scores: -np.inf if scores[0, 0] == 9 else 0.5
    candidates = [9 * np.ones((30, 3))] * (PATIENCE + 5) + [right]
    assert choose_by_cv(material, lambda rows, held: (scores[held] for scores in candidates)) == (PATIENCE + 5, 0.5)

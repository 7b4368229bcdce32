"""Five classifiers on few labels: right on separable clouds, equal to scikit-learn's where it has the same."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler
from toy_material import multi_label, single_label

from harness.protocols import PROTOCOLS
from harness.protocols.image.few_shot import NearestMeanSettings, few_shot, few_shot_nearest_mean
from harness.protocols.image.few_shot_ridge import few_shot_ridge
from harness.protocols.image.linear_probe import LinearProbeSettings, linear_probe
from harness.protocols.image.ridge import RidgeSettings
from harness.records.run import Selection
from harness.solvers.ridge_path import RidgePath

FEW = [name for name, entry in PROTOCOLS.items() if entry.few_labels]


def run(name, material, seed=0):
    return PROTOCOLS[name].function(material, PROTOCOLS[name].settings, seed)


def keep(material, rows):
    for arrays in (material.arrays, material.targets):
        arrays["train"] = arrays["train"][rows]
    return material


def k_each(material, k):
    return keep(
        material, [i for c in range(material.n_classes) for i in np.flatnonzero(material.targets["train"] == c)[:k]]
    )


def test_the_five_classifiers_are_listed():
    assert FEW == ["few_shot", "few_shot_nearest_mean", "few_shot_forest", "few_shot_ridge", "few_shot_boosting"]


@pytest.mark.parametrize("name", FEW)
def test_five_labels_a_class_tell_separable_classes_apart_and_shuffled_ones_do_not(name):
    material = k_each(single_label(signal=4.0), 5)
    assert (run(name, material).test_scores.argmax(axis=1) == material.targets["test"]).mean() > 0.97
    material = single_label(n_train=600, signal=4.0)
    material.targets = {s: np.random.default_rng(5).permutation(t) for s, t in material.targets.items()}
    right = (run(name, material).test_scores.argmax(axis=1) == material.targets["test"]).mean()
    assert right == pytest.approx(1 / 3, abs=0.12)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("selection", Selection)
@pytest.mark.parametrize("k", [1, 2])
def test_one_and_two_labels_a_class_suffice(name, selection, k):
    material = k_each(single_label(n_classes=4), k)
    material.selection = selection
    outcome = run(name, material)
    assert outcome.test_scores.shape == (200, 4)
    assert outcome.test_scores.sum(axis=1) == pytest.approx(np.ones(200))
    assert outcome.test_scores.min() >= 0
    assert outcome.n_labels_fit == 4 * k


@pytest.mark.parametrize("name", FEW)
def test_a_class_absent_from_train_is_never_predicted(name):
    material = single_label(n_classes=4)
    material = keep(material, material.targets["train"] != 2)
    scores = run(name, material).test_scores
    assert scores.shape == (200, 4)
    assert (scores.argmax(axis=1) != 2).all()
    assert scores.sum(axis=1) == pytest.approx(np.ones(200))


@pytest.mark.parametrize("name", FEW)
def test_labels_of_several_are_learnt_and_constant_ones_are_kept(name):
    material = multi_label(n_train=300)
    material.targets["train"][:, 1], material.targets["train"][:, 3] = 1, 0
    scores = run(name, material).test_scores
    assert scores.shape == (200, 5)
    assert scores[:, 1] == pytest.approx(1.0)
    assert scores[:, 3] == pytest.approx(0.0)
    right = (scores[:, [0, 2, 4]] >= 0.5) == material.targets["test"][:, [0, 2, 4]]
    assert right.mean() > 0.75


@pytest.mark.parametrize("name", FEW)
def test_constant_features_are_harmless(name):
    material = single_label(signal=4.0)
    material.arrays = {s: np.column_stack([x, np.ones(len(x))]).astype(np.float32) for s, x in material.arrays.items()}
    outcome = run(name, material)
    assert outcome.ran_with["constant_features"] == 1
    assert (outcome.test_scores.argmax(axis=1) == material.targets["test"]).mean() > 0.97


def test_logistic_few_shot_is_the_converged_linear_probe():
    settings = LinearProbeSettings(n_strengths=8)
    a, b = few_shot(single_label(), settings, 0), linear_probe(single_label(), settings, 0)
    assert a.test_scores.tobytes() == b.test_scores.tobytes()


def standardised(material):
    train, test = (material.arrays[split].astype(np.float64) for split in ("train", "test"))
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def test_nearest_mean_decides_as_scikit_learns():
    material = single_label()
    train, test = standardised(material)
    expected = NearestCentroid().fit(train, material.targets["train"]).predict(test)
    scores = few_shot_nearest_mean(material, NearestMeanSettings(), 0).test_scores
    assert np.array_equal(scores.argmax(axis=1), expected)


def test_nearest_mean_of_labels_by_hand():
    """Standardised, the two samples with the label are at 1 and those without at -1; halfway the score is 1/2."""
    material = multi_label(n_train=4, n_labels=1, width=1)
    material.arrays = {"train": np.array([[1], [1], [3], [3]], np.float32), "valid": np.array([[2.0]], np.float32)}
    material.arrays["test"] = np.array([[3.0], [2.5]], np.float32)
    material.targets["train"] = np.array([[0], [0], [1], [1]], np.uint8)
    outcome = few_shot_nearest_mean(material, NearestMeanSettings(), 0)
    assert outcome.valid_scores == pytest.approx(np.array([[0.5]]))
    assert outcome.test_scores[:, 0] == pytest.approx(1 / (1 + np.exp([-2.0, -1.0])))


@pytest.mark.parametrize("n", [6, 30, 200])
def test_ridge_path_equals_scikit_learns(n):
    rng = np.random.default_rng(0)
    features, queries = rng.standard_normal((n, 20)) * 3 + 1, rng.standard_normal((9, 20))
    targets = np.eye(3)[rng.integers(0, 3, n)]
    penalties = [1e5, 1e2, 1e-2]
    path = RidgePath(features, targets)
    for penalty, values in zip(penalties, path.predict_all(queries, penalties), strict=True):
        expected = Ridge(alpha=penalty).fit(features, targets).predict(queries)
        assert values == pytest.approx(expected, abs=1e-7)
        assert path.predict(queries, penalty) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_ridge_keeps_the_penalty_best_on_valid_and_its_decisions(build):
    material = build()
    outcome = few_shot_ridge(material, RidgeSettings(), 0)
    tried = [material.score(material.targets["valid"], scores) for scores in material.scored]
    assert len(tried) == 28
    penalties = np.geomspace(1e7, 1e-2, 28)
    assert outcome.ran_with["penalty"] == pytest.approx(penalties[int(np.argmax(tried))])
    train, test = standardised(material)
    single = material.targets["train"].ndim == 1
    targets = np.eye(3)[material.targets["train"]] if single else material.targets["train"]
    values = Ridge(alpha=outcome.ran_with["penalty"]).fit(train, targets).predict(test)
    decide = (lambda v: v.argmax(axis=1)) if single else (lambda v: v >= 0.5)
    assert np.array_equal(decide(outcome.test_scores), decide(values))
    inside = (values >= 0).all(axis=1) & (values <= 1).all(axis=1)
    assert inside.any()
    assert outcome.test_scores[inside] == pytest.approx(values[inside])


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_forest_votes_as_scikit_learns_classifier(build):
    """Trees that regress on zeros and ones split by Gini's impurity; of 100 a few break a tie differently."""
    material = build()
    train, test = standardised(material)
    classifier = RandomForestClassifier(random_state=0).fit(train, material.targets["train"])
    votes = classifier.predict_proba(test)
    expected = votes if isinstance(votes, np.ndarray) else np.stack([vote[:, 1] for vote in votes], axis=1)
    scores = run("few_shot_forest", material).test_scores
    assert scores == pytest.approx(expected, abs=0.05)
    assert np.abs(scores - expected).mean() < 0.005


def test_forest_of_one_label():
    scores = run("few_shot_forest", multi_label(n_labels=1)).test_scores
    assert scores.shape == (200, 1)


@pytest.mark.parametrize("name", ["few_shot_forest", "few_shot_boosting"])
def test_the_seed_is_the_draw_of_trees(name):
    material = single_label()
    a, b, other = (run(name, material, seed).test_scores for seed in (0, 0, 1))
    assert a.tobytes() == b.tobytes() != other.tobytes()

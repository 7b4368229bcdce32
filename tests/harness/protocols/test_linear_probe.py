"""The linear probe chooses on valid only, copes with what small partitions lack, and scores what it should."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from toy_material import multi_label, single_label

from harness.errors import UserError
from harness.protocols import PROTOCOLS
from harness.protocols.image.linear_probe import LinearProbeSettings, linear_probe
from harness.protocols.select_cv import Search
from harness.records.labels import LabelKind

SETTINGS = LinearProbeSettings(n_strengths=8)
ON_FEATURES = [name for name, entry in PROTOCOLS.items() if not entry.trains_backbone]


def accuracy(scores, labels):
    return (scores.argmax(axis=1) == labels).mean()


def test_separable_classes_are_all_told_apart():
    material = single_label(signal=4.0)
    outcome = linear_probe(material, SETTINGS, seed=0)
    assert accuracy(outcome.test_scores, material.targets["test"]) == 1.0
    assert outcome.valid_scores.shape == outcome.test_scores.shape == (200, 3)
    assert outcome.test_scores.sum(axis=1) == pytest.approx(np.ones(200))
    assert (outcome.n_labels_fit, outcome.n_labels_select) == (120, 200)
    assert json.loads(json.dumps(outcome.ran_with)) == outcome.ran_with


def test_shuffled_labels_score_at_chance():
    material = single_label(n_train=600, signal=4.0)
    rng = np.random.default_rng(5)
    material.targets = {split: rng.permutation(labels) for split, labels in material.targets.items()}
    outcome = linear_probe(material, SETTINGS, seed=0)
    assert accuracy(outcome.test_scores, material.targets["test"]) == pytest.approx(1 / 3, abs=0.12)


def test_probabilities_are_scikit_learns_on_standardised_features():
    material = single_label()
    outcome = linear_probe(material, SETTINGS, seed=0)
    scaler = StandardScaler().fit(material.arrays["train"].astype(np.float64))
    oracle = LogisticRegression(C=outcome.ran_with["strength"], tol=1e-9, max_iter=10_000)
    oracle.fit(scaler.transform(material.arrays["train"]), material.targets["train"])
    expected = oracle.predict_proba(scaler.transform(material.arrays["test"]))
    assert np.abs(outcome.test_scores - expected).max() < 1e-3


def test_two_classes_are_scikit_learns_binary_problem():
    material = single_label(n_classes=2)
    outcome = linear_probe(material, SETTINGS, seed=0)
    scaler = StandardScaler().fit(material.arrays["train"].astype(np.float64))
    oracle = LogisticRegression(C=outcome.ran_with["strength"], tol=1e-9, max_iter=10_000)
    oracle.fit(scaler.transform(material.arrays["train"]), material.targets["train"])
    expected = oracle.predict_proba(scaler.transform(material.arrays["test"]))
    assert np.abs(outcome.test_scores - expected).max() < 1e-3


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_the_strength_with_the_best_valid_score_is_chosen(build):
    material = build()
    outcome = linear_probe(material, SETTINGS, seed=0)
    tried = [material.valid_score(scores) for scores in list(material.scored)]
    assert len(tried) == 8
    strengths = np.geomspace(SETTINGS.strongest, SETTINGS.weakest, 8)
    assert outcome.ran_with["strength"] == pytest.approx(strengths[int(np.argmax(tried))])  # argmax: first of equals
    assert outcome.ran_with["valid_score"] == max(tried)
    assert np.array_equal(outcome.valid_scores, material.scored[int(np.argmax(tried))])


def test_equal_valid_scores_choose_the_strongest_regularisation():
    material = single_label()
    material.valid_score = lambda scores: 0.5
    outcome = linear_probe(material, SETTINGS, seed=0)
    assert outcome.ran_with["strength"] == SETTINGS.strongest
    assert outcome.ran_with["strength_at_edge"] is True


def test_test_features_change_nothing_but_test_scores():
    material, other = single_label(), single_label()
    other.arrays = {**other.arrays, "test": other.arrays["test"][::-1] * 100}
    a, b = (linear_probe(m, SETTINGS, seed=0) for m in (material, other))
    assert a.ran_with == b.ran_with
    assert np.array_equal(a.valid_scores, b.valid_scores)


def test_valid_labels_choose_but_never_fit():
    """With so few strengths none is only approximated, which would be the valid score's doing."""
    settings = replace(SETTINGS, n_strengths=3)
    material, other = single_label(signal=0.3), single_label(signal=0.3)
    other.targets = {**other.targets, "valid": (other.targets["valid"] + 1) % 3}
    for m in (material, other):
        linear_probe(m, settings, seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(material.scored, other.scored, strict=True))


def test_a_class_absent_from_train_gets_probability_0():
    material = single_label(n_classes=4)
    known = material.targets["train"] != 2
    for arrays in (material.arrays, material.targets):
        arrays["train"] = arrays["train"][known]
    outcome = linear_probe(material, SETTINGS, seed=0)
    assert outcome.test_scores.shape == (200, 4)
    assert np.all(outcome.test_scores[:, 2] == 0)
    assert outcome.test_scores.sum(axis=1) == pytest.approx(np.ones(200))
    assert outcome.ran_with["absent_classes"] == [2]


def test_a_train_split_with_one_class_is_the_users_to_mend():
    material = single_label()
    material.targets["train"][:] = 2
    with pytest.raises(UserError, match=r"only class 2.*at least two.*larger partition"):
        linear_probe(material, SETTINGS, seed=0)


def test_a_label_constant_in_train_is_predicted_as_that_constant():
    material = multi_label(n_labels=4)
    material.targets["train"][:, 1], material.targets["train"][:, 3] = 1, 0
    outcome = linear_probe(material, SETTINGS, seed=0)
    assert np.all(outcome.test_scores[:, 1] == 1)
    assert np.all(outcome.test_scores[:, 3] == 0)
    assert outcome.ran_with["constant_labels"] == [1, 3]
    assert np.ptp(outcome.test_scores[:, 0]) > 0.8


def test_labels_that_never_vary_are_the_users_to_mend():
    material = multi_label()
    material.targets["train"][:] = 0
    with pytest.raises(UserError, match="no label varies"):
        linear_probe(material, SETTINGS, seed=0)


def test_a_headline_metric_undefined_on_valid_is_the_users_to_mend():
    material = multi_label()
    material.metric = "ap_micro"
    material.targets["valid"][:] = 0
    with pytest.raises(UserError, match="undefined on the valid split"):
        linear_probe(material, SETTINGS, seed=0)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_an_empty_split_is_the_users_to_mend(split):
    material = single_label()
    material.arrays[split], material.targets[split] = material.arrays[split][:0], material.targets[split][:0]
    with pytest.raises(UserError, match=f"{split} split is empty"):
        linear_probe(material, SETTINGS, seed=0)


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        (single_label, {"signal": 0.05, "width": 60}),
        (single_label, {"signal": 0.15, "width": 30, "n_classes": 5}),
        (single_label, {"signal": 0.2, "n_classes": 2}),
        (multi_label, {"width": 40}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_approximations_past_the_best_change_no_choice(monkeypatch, build, arguments, seed):
    settings, material = LinearProbeSettings(), build(seed=seed, **arguments)
    quick = linear_probe(material, settings, seed=0)
    assert quick.ran_with["approximated"] > 0
    monkeypatch.setattr(Search, "is_falling", False)  # every strength is solved to its end
    exact = linear_probe(build(seed=seed, **arguments), settings, seed=0)
    assert exact.ran_with["approximated"] == 0
    assert quick.ran_with["strength"] == exact.ran_with["strength"]
    assert quick.ran_with["valid_score"] == pytest.approx(exact.ran_with["valid_score"], abs=1e-4)
    assert quick.test_scores == pytest.approx(exact.test_scores, abs=2e-3)
    assert quick.ran_with["hessian_products"] < exact.ran_with["hessian_products"]


def test_what_an_approximation_scores_is_not_what_is_kept():
    """The fifth of seven is worse than the fourth, so the sixth is approximated, twice, before it is solved."""
    material = single_label()
    scores = iter([0.1, 0.2, 0.3, 0.4, 0.1, *(0.5, 0.6, 0.7), 0.5])
    material.valid_score = lambda _: next(scores)
    outcome = linear_probe(material, replace(SETTINGS, n_strengths=7), seed=0)
    assert outcome.ran_with["valid_score"] == 0.7
    assert outcome.ran_with["approximated"] == 2
    assert outcome.ran_with["relative_gap"] <= 1e-7


@pytest.mark.parametrize("protocol", ON_FEATURES)
@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_name_split_sample_and_feature(protocol, split, value):
    material = single_label()
    material.arrays[split][7, 3] = value
    entry = PROTOCOLS[protocol]
    with pytest.raises(UserError, match=rf"{split} split.*feature 3 of sample 7 is {value}"):
        entry.function(material, entry.settings, 0)


def test_constant_features_carry_nothing():
    material, with_constants = single_label(), single_label()
    for split, features in with_constants.arrays.items():
        rounding = np.float32(1e6) + np.arange(len(features)) % 2 * np.float32(0.0625)  # one unit in the last place
        constant = np.full(len(features), 0.1 if split == "train" else 9.0)
        with_constants.arrays[split] = np.column_stack([features, constant, rounding]).astype(np.float32)
    plain, padded = (linear_probe(m, SETTINGS, seed=0) for m in (material, with_constants))
    assert padded.ran_with["constant_features"] == 2
    assert padded.test_scores == pytest.approx(plain.test_scores, abs=1e-6)


def test_the_scale_of_a_feature_changes_nothing():
    material, scaled = single_label(), single_label()
    scaled.arrays = {s: (f * np.geomspace(1e-12, 1e12, 10)).astype(np.float32) for s, f in scaled.arrays.items()}
    a, b = (linear_probe(m, SETTINGS, seed=0) for m in (material, scaled))
    assert a.ran_with["strength"] == b.ran_with["strength"]
    assert a.test_scores == pytest.approx(b.test_scores, abs=1e-3)


@pytest.mark.parametrize("build", [single_label, multi_label])
def test_two_samples_and_more_features_than_samples_suffice(build):
    material = build(n_train=200, width=40)
    first = material.targets["train"][0]
    keep = [0, next(i for i, label in enumerate(material.targets["train"]) if np.any(label != first))]
    for arrays in (material.arrays, material.targets):
        arrays["train"] = arrays["train"][keep]
    outcome = linear_probe(material, SETTINGS, seed=0)
    assert np.isfinite(outcome.test_scores).all()
    assert outcome.n_labels_fit == 2


@pytest.mark.parametrize("protocol", ON_FEATURES)
@pytest.mark.parametrize("build", [single_label, multi_label])
def test_same_input_same_bits_and_the_seed_matters_only_where_something_is_random(protocol, build):
    entry = PROTOCOLS[protocol]
    settings = replace(entry.settings, epochs=1) if hasattr(entry.settings, "epochs") else entry.settings
    a, b, other = (entry.function(build(n_train=1_100), settings, seed) for seed in (0, 0, 1))
    assert a.test_scores.tobytes() == b.test_scores.tobytes()
    assert a.ran_with == b.ran_with
    is_random = entry.function.__name__ in ("linear_probe_sgd", "few_shot_forest", "few_shot_boosting")
    assert (a.test_scores.tobytes() != other.test_scores.tobytes()) == is_random


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_listed_under_its_name_with_settings_for_the_identity(name):
    entry = PROTOCOLS[name]
    assert name.startswith(entry.function.__name__)
    settings = asdict(entry.settings)
    assert isinstance(settings["version"], int)
    assert json.dumps(settings, allow_nan=False)
    assert entry.selections
    assert LabelKind.SEGMENTATION not in entry.label_kinds

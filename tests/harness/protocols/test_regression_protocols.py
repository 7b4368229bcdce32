"""Numbers from frozen features: what is linear is found, chance is no better than the mean, and units do not matter."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor
from toy_material import ToyMaterial, numbers, split_three

from harness.errors import UserError
from harness.protocols import NUMBER_PROTOCOLS, find_protocol
from harness.records.labels import LabelKind
from harness.records.run import Selection

ON_FEATURES = [name for name, entry in NUMBER_PROTOCOLS.items() if not entry.trains_backbone]


def run(name, material, seed=0):
    entry = NUMBER_PROTOCOLS[name]
    return entry.function(replace(material, selection=entry.selection(material.selection)), entry.settings, seed)


def r2(material, outcome):
    return r2_score(material.targets["test"], outcome.test_scores)


@pytest.mark.parametrize("selection", Selection)
def test_the_linear_probe_explains_all_but_the_noise(selection):
    """A third of noise beside a deviation of one: R2 of the truth itself is 1 - 0.09 / 1.09."""
    material = replace(numbers(n_train=300), selection=selection)
    assert r2(material, run("linear_probe", material)) == pytest.approx(1 - 0.09 / 1.09, abs=0.02)


def test_what_is_linear_without_noise_is_found_to_the_last_digits():
    material = numbers(noise=0.0)
    assert r2(material, run("linear_probe", material)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_shuffled_labels_are_no_better_than_the_mean(name):
    material = numbers(n_train=200)
    rng = np.random.default_rng(1)
    shuffled = {split: rng.permutation(labels) for split, labels in material.targets.items()}
    material = replace(material, targets=shuffled)
    assert -0.5 < r2(material, run(name, material)) < 0.03


def test_the_probe_is_scikit_learns_ridge_at_the_penalty_chosen():
    material = numbers(n_train=40)
    outcome = run("linear_probe", material)
    train = material.arrays["train"].astype(np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    ridge = Ridge(alpha=outcome.ran_with["penalty"]).fit((train - mean) / std, material.targets["train"])
    expected = ridge.predict((material.arrays["test"] - mean) / std)
    assert outcome.test_scores == pytest.approx(expected)
    scores = [material.score(material.targets["valid"], tried) for tried in material.scored]
    assert len(scores) == 28
    assert outcome.ran_with["penalty"] == pytest.approx(np.geomspace(1e7, 1e-2, 28)[int(np.argmax(scores))])


def test_a_unit_changes_nothing_but_the_unit():
    material = numbers(n_train=60)
    other = replace(material, targets={split: 5 * labels - 300 for split, labels in material.targets.items()})
    for name in ON_FEATURES:
        assert run(name, other).test_scores == pytest.approx(5 * run(name, material).test_scores - 300)


def test_an_error_is_made_small_where_it_is_the_headline():
    """The negative of an error is what is maximised: with rmse the same penalty wins as with r2 of one output."""
    material = numbers(n_train=40, n_outputs=1, noise=1.0)
    chosen = {metric: run("linear_probe", replace(material, metric=metric)) for metric in ("r2", "rmse")}
    assert chosen["r2"].ran_with["penalty"] == chosen["rmse"].ran_with["penalty"]
    assert not chosen["rmse"].ran_with["penalty_at_edge"]


def test_neighbours_are_averaged():
    material = numbers(n_train=50)
    outcome = run("knn", replace(material, selection=Selection.NONE))
    train, test = (material.arrays[split].astype(np.float64) for split in ("train", "test"))
    mean, std = train.mean(axis=0), train.std(axis=0)
    oracle = KNeighborsRegressor(5, metric="cosine").fit((train - mean) / std, material.targets["train"])
    assert outcome.test_scores == pytest.approx(oracle.predict((test - mean) / std))


def test_cross_validation_chooses_among_neighbours_too():
    outcome = run("knn", replace(numbers(n_train=200), selection=Selection.CV))
    assert outcome.ran_with["cv_score"] > 0.5
    assert outcome.n_labels_select == 0


def test_labels_that_never_vary_are_refused_in_one_line():
    material = numbers(n_train=20)
    constant = replace(material, targets={split: np.full((len(t), 2), 3.5) for split, t in material.targets.items()})
    with pytest.raises(UserError, match=r"the 20 train samples all have the label \[3.5, 3.5\]; a linear probe needs"):
        run("linear_probe", constant)


def test_one_output_that_never_varies_is_predicted_and_left_out_of_r2():
    material = numbers(n_train=60)
    for labels in material.targets.values():
        labels[:, 1] = 3.5
    outcome = run("linear_probe", material)
    assert outcome.test_scores[:, 1] == pytest.approx(3.5)
    assert material.score(material.targets["test"], outcome.test_scores) > 0.8


def test_a_valid_split_that_never_varies_cannot_choose():
    material = numbers(n_train=20)
    material.targets["valid"][:] = 1.0
    with pytest.raises(UserError, match=r"undefined on the valid split .* Pass --select cv"):
        run("linear_probe", material)
    assert run("linear_probe", replace(material, selection=Selection.CV)).n_labels_select == 0


def test_one_sample_is_predicted_everywhere_by_its_neighbour():
    features = np.random.default_rng(0).standard_normal((21, 3)).astype(np.float32)
    labels = np.arange(21.0)[:, None]
    material = ToyMaterial(LabelKind.REGRESSION, 1, split_three(features, 1, 10), split_three(labels, 1, 10), "r2")
    assert (run("knn", material).test_scores == 0.0).all()


def test_protocols_of_classes_do_not_take_numbers():
    assert find_protocol("few_shot_nearest_mean", LabelKind.REGRESSION) is None
    assert find_protocol("linear_probe_sgd", LabelKind.REGRESSION) is None

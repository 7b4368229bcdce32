"""Areas from pooled features: what is linear is found, the penalty is chosen by others, and test is never looked at."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from toy_material import correlated_features, split_three

from harness.errors import UserError
from harness.protocols import MASK_PROTOCOLS, PROTOCOL_NAMES, PROTOCOLS, find_protocol, runs_on_few_labels
from harness.protocols.area.few_shot_area import AreaSettings, few_shot_area
from harness.records.labels import LabelKind, Split
from harness.records.run import Selection
from harness.solvers.ridge_path import RidgePath
from harness.tasks import AREAS

SETTINGS = AreaSettings()


@dataclass
class ToyAreas:
    """`records.AreaMaterial` over arrays in memory; `scored` keeps what was asked to be judged."""

    arrays: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    n_unlabelled: int = 0
    scored: list[np.ndarray] = field(default_factory=list)

    def features(self, split: Split) -> np.ndarray:
        return self.arrays[split]

    def labels(self, split: str) -> np.ndarray:
        assert split == "train", "areas are chosen and fitted inside train"
        return self.targets[split]

    def score(self, labels: np.ndarray, areas: np.ndarray) -> float:
        self.scored.append(areas)
        return AREAS.score("r2", labels, areas, labels.shape[1])


def toy_areas(n_train=60, width=12, noise=0.02, seed=0):
    """Two classes whose fractions are linear in the features, and the rest."""
    rng = np.random.default_rng(seed)
    features = correlated_features(rng, n_train + 200, width)
    areas = 0.3 + features @ rng.standard_normal((width, 2)) * 0.06 + noise * rng.standard_normal((n_train + 200, 2))
    areas = np.clip(areas, 0, 0.5)
    areas = np.column_stack([areas, 1 - areas.sum(axis=1)])
    return ToyAreas(split_three(features, n_train, 100), split_three(areas, n_train, 100))


def r2(material, outcome):
    return AREAS.score("r2", material.targets["test"], outcome.test_scores, 3)


@pytest.mark.parametrize("n", [20, 60, 300])
def test_areas_that_are_linear_in_the_features_are_found(n):
    material = toy_areas(n_train=n)
    outcome = few_shot_area(material, SETTINGS, 0)
    assert r2(material, outcome) > (0.75 if n == 20 else 0.9)
    assert (outcome.n_labels_fit, outcome.n_labels_select) == (n, 0)
    assert outcome.valid_scores.shape == outcome.test_scores.shape == (100, 3)


def test_shuffled_areas_are_not_found_and_the_penalty_says_so():
    material = toy_areas()
    material.targets["train"] = np.random.default_rng(1).permutation(material.targets["train"])
    outcome = few_shot_area(material, SETTINGS, 0)
    assert -0.2 < r2(material, outcome) < 0.1
    assert outcome.ran_with["penalty"] > 10 * few_shot_area(toy_areas(), SETTINGS, 0).ran_with["penalty"]


def test_predictions_are_fractions():
    material = toy_areas()
    material.arrays["test"] = material.arrays["test"] * 50  # far outside of what was seen
    scores = few_shot_area(material, SETTINGS, 0).test_scores
    assert scores.min() == 0
    assert scores.max() == 1


@pytest.mark.parametrize(("n", "width"), [(2, 5), (12, 30), (40, 8)])
def test_leave_one_out_equals_fitting_without_each_image(n, width):
    rng = np.random.default_rng(0)
    features, targets = rng.standard_normal((n, width)) * 2 + 1, rng.random((n, 3))
    penalties = [1e4, 3.0, 1e-1]
    for penalty, fast in zip(penalties, RidgePath(features, targets).leave_one_out(penalties), strict=True):
        for i in range(n):
            rest = np.arange(n) != i
            slow = Ridge(alpha=penalty).fit(features[rest], targets[rest]).predict(features[[i]])[0]
            assert fast[i] == pytest.approx(slow, abs=1e-8)


def test_the_penalty_is_the_best_by_the_headline_of_left_out_images():
    material = toy_areas(n_train=25, noise=0.1)
    outcome = few_shot_area(material, SETTINGS, 0)
    train = material.arrays["train"].astype(np.float64)
    train = (train - train.mean(axis=0)) / train.std(axis=0)
    penalties = np.geomspace(1e7, 1e-2, 28)
    scores = []
    for penalty in penalties:
        left_out = np.empty((25, 3))
        for i in range(25):
            rest = np.arange(25) != i
            left_out[i] = Ridge(alpha=penalty).fit(train[rest], material.targets["train"][rest]).predict(train[[i]])[0]
        scores.append(AREAS.score("r2", material.targets["train"], left_out.clip(0, 1), 3))
    assert len(material.scored) == 28
    assert outcome.ran_with["penalty"] == pytest.approx(penalties[int(np.argmax(scores))])
    assert not outcome.ran_with["penalty_at_edge"]


def test_one_image_predicts_what_it_shows_and_constant_areas_are_kept():
    material = toy_areas(n_train=1)
    outcome = few_shot_area(material, SETTINGS, 0)
    assert outcome.test_scores == pytest.approx(np.tile(material.targets["train"], (100, 1)))
    material = toy_areas()
    material.targets["train"] = np.tile([0.25, 0.75, 0.0], (60, 1))
    outcome = few_shot_area(material, SETTINGS, 0)
    assert outcome.test_scores == pytest.approx(np.tile([0.25, 0.75, 0.0], (100, 1)))
    assert outcome.ran_with["penalty"] == SETTINGS.strongest


def test_without_any_labelled_pixel_in_train_the_user_is_told():
    material = replace(toy_areas(), n_unlabelled=7)
    for arrays in (material.arrays, material.targets):
        arrays["train"] = arrays["train"][:0]
    with pytest.raises(UserError, match="none of the 7 train images has a labelled pixel"):
        few_shot_area(material, SETTINGS, 0)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_features_that_are_not_finite_are_named(split):
    material = toy_areas()
    material.arrays[split][7, 3] = np.nan
    with pytest.raises(UserError, match=rf"{split} split.*feature 3 of sample 7 is nan"):
        few_shot_area(material, SETTINGS, 0)


def test_constant_features_are_harmless_and_counted():
    material = toy_areas()
    plain = few_shot_area(material, SETTINGS, 0)
    material.arrays = {s: np.column_stack([x, np.ones(len(x))]).astype(np.float32) for s, x in material.arrays.items()}
    padded = few_shot_area(material, SETTINGS, 0)
    assert padded.ran_with["constant_features"] == 1
    assert padded.test_scores == pytest.approx(plain.test_scores)


def test_same_input_same_bits_whatever_the_seed():
    a, b = (few_shot_area(toy_areas(), SETTINGS, seed) for seed in (0, 1))
    assert a.test_scores.tobytes() == b.test_scores.tobytes()


def test_it_takes_masks_only_and_always_chooses_inside_train():
    entry = find_protocol("few_shot_area", LabelKind.SEGMENTATION)
    assert find_protocol("few_shot_area", LabelKind.SINGLE_LABEL) is None
    assert find_protocol("few_shot_area", LabelKind.MULTI_LABEL) is None
    assert [entry.selection(asked) for asked in Selection] == [Selection.CV] * len(Selection)
    assert runs_on_few_labels("few_shot_area")
    assert not runs_on_few_labels("linear_probe")


def test_names_of_both_tables_are_known_once():
    assert set(PROTOCOL_NAMES) == {*PROTOCOLS, *MASK_PROTOCOLS}
    assert len(set(PROTOCOL_NAMES)) == len(PROTOCOL_NAMES)

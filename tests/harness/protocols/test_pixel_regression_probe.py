"""A number a pixel from frozen features: what is linear is found, chance is no better than the mean."""

import numpy as np
import pytest
from sklearn.metrics import r2_score
from toy_masks import ToyMasks, toy_heights

from harness.errors import UserError
from harness.protocols import find_protocol
from harness.protocols.masks.linear_probe_pixel_regression import (
    LinearProbePixelRegressionSettings,
    linear_probe_pixel_regression,
)
from harness.records.labels import LabelKind
from harness.records.run import Selection

SETTINGS = LinearProbePixelRegressionSettings()


def r2(material: ToyMasks, outcome) -> float:
    targets = material.targets["test"]
    return r2_score(targets[~np.isnan(targets)], outcome.test_scores[~np.isnan(targets)])


@pytest.mark.parametrize("selection", Selection)
def test_all_but_the_noise_is_explained(selection):
    """A tenth of noise beside a deviation of one: R2 of the truth itself is 1 - 0.01 / 1.01."""
    material = toy_heights(selection=selection, n=(12, 4, 30))
    outcome = linear_probe_pixel_regression(material, SETTINGS, 0)
    assert r2(material, outcome) == pytest.approx(1 - 0.01 / 1.01, abs=0.01)
    assert outcome.test_scores.dtype == np.float32
    assert np.isfinite(outcome.test_scores).all()
    assert outcome.n_labels_select == (4 if selection is Selection.VALID else 0)
    assert set(material.asked) == ({"train", "valid"} if selection is Selection.VALID else {"train"})


def test_shuffled_labels_are_no_better_than_the_mean():
    material = toy_heights(n=(30, 10, 10))
    rng = np.random.default_rng(0)
    for labels in material.targets.values():
        labels[:] = rng.permutation(labels.reshape(-1)).reshape(labels.shape)
    assert -0.05 < r2(material, linear_probe_pixel_regression(material, SETTINGS, 0)) < 0.02


def test_pixels_without_a_label_are_never_drawn():
    material = toy_heights()
    outcome = linear_probe_pixel_regression(material, SETTINGS, 0)
    assert outcome.ran_with["pixels"] == 5 * (12 * 12 - 4)  # one of six images and a corner of each have none


@pytest.mark.parametrize(
    ("split", "value", "said"),
    [
        ("train", np.nan, r"train has no labelled pixel \(6 samples\); a linear probe needs at least two values"),
        ("train", 7.0, r"train has only the value 7.0 \(6 samples\)"),
        ("valid", np.nan, "none of the valid split's 4 masks has a labelled pixel"),
        ("valid", 7.0, r"undefined on the valid split .* Pass --select cv"),
    ],
)
def test_labels_that_tell_nothing_are_refused(split, value, said):
    material = toy_heights()
    material.targets[split][:] = value
    with pytest.raises(UserError, match=said):
        linear_probe_pixel_regression(material, SETTINGS, 0)


def test_one_image_leaves_the_default_penalty():
    outcome = linear_probe_pixel_regression(toy_heights(n=(2, 2, 2), selection=Selection.CV), SETTINGS, 0)
    assert outcome.ran_with["penalty"] == 5.0  # features that vary in the one image that has labels


def test_only_what_takes_pixels_takes_them():
    assert find_protocol("linear_probe", LabelKind.PIXEL_REGRESSION).function is linear_probe_pixel_regression
    assert find_protocol("knn", LabelKind.PIXEL_REGRESSION) is None

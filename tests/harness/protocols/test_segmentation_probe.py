"""Linear probe of masks: hypercolumns, drawn pixels, choices, and what is learned."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F
from toy_masks import SIDE, reached_miou, toy

from harness.errors import UserError
from harness.protocols import find_protocol
from harness.protocols.masks import hypercolumn
from harness.protocols.masks.hypercolumn import hypercolumns, likeliest, pixel_logits
from harness.protocols.masks.linear_probe_masks import LinearProbeMasksSettings, linear_probe_masks
from harness.protocols.masks.pixel_classifier import fit_pixels
from harness.protocols.masks.pixel_sample import draw_pixels
from harness.records.labels import IGNORED, LabelKind
from harness.records.run import Selection

SETTINGS = LinearProbeMasksSettings(n_strengths=4)


def draw_maps(rng, size=(10, 14), strides=(1, 2, 4)):
    """Maps as an encoder gives them that padded the image to a multiple of 4."""
    padded = [-(-side // 4) * 4 for side in size]
    return [
        rng.standard_normal((padded[0] // s, padded[1] // s, 3 + i)).astype(np.float32) for i, s in enumerate(strides)
    ]


def test_hypercolumns_equal_torchs_bilinear_resampling():
    maps = draw_maps(np.random.default_rng(0))
    y, x = (grid.reshape(-1) for grid in np.mgrid[:10, :14])
    expected = [
        F.interpolate(torch.from_numpy(m).permute(2, 0, 1)[None], scale_factor=s, mode="bilinear", align_corners=False)
        for m, s in zip(maps, (1, 2, 4), strict=True)
    ]
    expected = torch.cat([level[0, :, :10, :14] for level in expected]).permute(1, 2, 0).reshape(140, -1).numpy()
    np.testing.assert_allclose(hypercolumns(maps, (1, 2, 4), y, x), expected, atol=1e-6)


def test_hypercolumn_by_hand():
    """Pixel 2 of a map with stride 4 lies at 2.5 / 4 - 1/2 = 1/8 cells; pixel 0 before the first cell's centre."""
    level = np.array([[[8.0], [16.0]]])
    columns = hypercolumns([level], [4], np.array([0, 0, 0]), np.array([0, 2, 7]))
    assert columns[:, 0].tolist() == [8.0, 9.0, 16.0]


def test_levels_resampled_after_the_classifier_equal_the_whole_hypercolumn():
    rng = np.random.default_rng(1)
    maps, strides = draw_maps(rng), (1, 2, 4)
    weights = [rng.standard_normal((3, level.shape[-1])).astype(np.float32) for level in maps]
    bias = rng.standard_normal(3).astype(np.float32)
    y, x = (grid.reshape(-1) for grid in np.mgrid[:10, :14])
    whole = hypercolumns(maps, strides, y, x) @ np.hstack(weights).T + bias
    levelwise = pixel_logits(maps, strides, weights, bias, (10, 14))
    np.testing.assert_allclose(levelwise, whole.T.reshape(3, 10, 14), atol=1e-5)


def test_large_maps_give_what_they_give_cell_by_cell(monkeypatch):
    """They are taken part by part, and the last part is smaller."""
    rng = np.random.default_rng(0)
    maps = [rng.standard_normal((9, 7, 5)).astype(np.float16), rng.standard_normal((3, 4, 6)).astype(np.float32)]
    weights = [rng.standard_normal((3, level.shape[-1])).astype(np.float32) for level in maps]
    bias = rng.standard_normal(3).astype(np.float32)
    whole = pixel_logits(maps, (1, 3), weights, bias, (9, 7))
    monkeypatch.setattr(hypercolumn, "AT_ONCE_BYTES", 4 * 5 * 10)
    np.testing.assert_allclose(pixel_logits(maps, (1, 3), weights, bias, (9, 7)), whole, atol=1e-5)
    y, x = np.divmod(np.arange(63), 7)
    columns = hypercolumns(maps, (1, 3), y, x) @ np.hstack(weights).T + bias
    np.testing.assert_allclose(whole, columns.T.reshape(3, 9, 7), atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_maps_may_be_read_only_as_stored_ones_are(monkeypatch):
    """Older NumPy hands PyTorch none of these by DLPack."""
    monkeypatch.delattr(torch, "from_dlpack")
    level = np.arange(2 * 2 * 3, dtype=np.float16).reshape(2, 2, 3)
    level.setflags(write=False)
    logits = pixel_logits([level], [1], [np.ones((1, 3), np.float32)], np.float32([1]), (2, 2))
    np.testing.assert_array_equal(logits, [[[4, 13], [22, 31]]])
    assert hypercolumn.in_single_precision(level).flags.writeable


def test_the_likeliest_class_is_the_first_of_equals():
    values = np.random.default_rng(0).integers(0, 4, (9, 50)).astype(np.float32)
    np.testing.assert_array_equal(likeliest(values), values.argmax(axis=0))
    assert likeliest(values[:1]).max() == 0


def test_a_map_that_does_not_reach_the_border_repeats_its_last_cell():
    """The published geometry drops rows of images that are no multiple of a patch."""
    maps = [np.arange(4.0).reshape(2, 2, 1)]
    y, x = (grid.reshape(-1) for grid in np.mgrid[:10, :9])
    one = [np.ones((1, 1), np.float32)]
    levelwise = pixel_logits(maps, (4,), one, np.zeros(1, np.float32), (10, 9))
    np.testing.assert_allclose(levelwise.reshape(-1), hypercolumns(maps, (4,), y, x)[:, 0], atol=1e-6)
    assert levelwise[0, 9, 8] == 3.0


def test_drawn_pixels_keep_the_frequencies_of_the_split():
    """Half of the second image has no label, so it gives half as many; none is drawn twice, none without a label."""
    masks = np.zeros((3, 20, 20), np.uint8)
    masks[1, :10] = IGNORED
    masks[2] = IGNORED
    masks[0, :, 5:] = 1
    sample = draw_pixels(masks, 150, seed=0)
    assert [len(pixels.labels) for pixels in sample] == [100, 50, 0]
    for mask, (y, x, labels) in zip(masks, sample, strict=True):
        assert len({*(y * 20 + x).tolist()}) == len(y)
        assert np.array_equal(mask[y, x], labels)
        assert IGNORED not in labels
    assert np.mean(sample[0].labels) == pytest.approx(0.75, abs=0.12)


def test_drawn_pixels_are_all_there_are_if_the_budget_is_larger():
    masks = np.zeros((2, 3, 3), np.uint8)
    masks[0, 0] = IGNORED
    assert [len(pixels.labels) for pixels in draw_pixels(masks, 1_000, seed=0)] == [6, 9]


def test_pixels_are_drawn_by_the_seed_and_each_image_on_its_own():
    masks = np.zeros((2, 20, 20), np.uint8)
    first, again, other = (draw_pixels(masks, 20, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a.y, b.y) and np.array_equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].y, other[0].y)
    assert not np.array_equal(first[0].y, first[1].y)
    alone = draw_pixels(masks[:1], 10, 0)
    assert np.array_equal(alone[0].y, first[0].y)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_fits_equal_scikit_learns(n_classes):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 4))
    labels = (features @ rng.standard_normal((4, n_classes)) + rng.gumbel(size=(300, n_classes))).argmax(axis=1) + 5
    (fit,) = fit_pixels(features, labels.astype(np.uint8), [0.1])
    oracle = LogisticRegression(C=0.1, tol=1e-10, max_iter=1_000).fit(features, labels)
    assert np.array_equal(fit.predict(features), oracle.predict(features))
    ours = fit.slopes - fit.slopes.mean(axis=0)
    theirs = np.vstack([-oracle.coef_, oracle.coef_]) / 2 if n_classes == 2 else oracle.coef_
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("selection", [Selection.VALID, Selection.CV])
def test_separable_masks_are_learned(selection):
    material = toy(selection=selection)
    outcome = linear_probe_masks(material, SETTINGS, 0)
    assert outcome.test_scores.shape == (5, SIDE, SIDE)
    assert outcome.test_scores.dtype == np.uint8
    assert reached_miou(material, outcome) > 0.98
    assert outcome.n_labels_fit == 6
    assert outcome.n_labels_select == (4 if selection is Selection.VALID else 0)


def test_shuffled_labels_give_chance():
    """Three equally frequent classes guessed at random overlap by 1/5: (1/9) / (1/3 + 1/3 - 1/9)."""
    material = toy(n=(30, 10, 20))
    rng = np.random.default_rng(1)
    for split in ("train", "valid"):
        material.targets[split] = rng.permuted(material.targets[split].reshape(-1)).reshape(-1, SIDE, SIDE)
    assert reached_miou(material, linear_probe_masks(material, SETTINGS, 0)) < 0.3


def test_cross_validation_looks_at_no_label_of_valid():
    material = toy(selection=Selection.CV)
    linear_probe_masks(material, SETTINGS, 0)
    assert set(material.asked) == {"train"}


def test_predictions_do_not_depend_on_other_images():
    material = toy(signal=1.0)
    together = linear_probe_masks(material, SETTINGS, 0)
    material.targets["test"] = material.targets["test"][2:3]
    material.levels["test"] = [level[2:3] for level in material.levels["test"]]
    alone = linear_probe_masks(material, SETTINGS, 0)
    assert np.array_equal(alone.test_scores[0], together.test_scores[2])
    assert np.array_equal(alone.valid_scores, together.valid_scores)


def test_same_seed_same_masks_other_seed_other_pixels():
    few = LinearProbeMasksSettings(n_strengths=4, pixels_per_image=10)
    first, again, other = (linear_probe_masks(toy(signal=1.0), few, seed) for seed in (0, 0, 1))
    assert np.array_equal(first.test_scores, again.test_scores)
    assert first.ran_with == again.ran_with
    assert not np.array_equal(first.test_scores, other.test_scores)


def test_levels_can_be_left_out():
    material = toy()
    material.levels = {split: [0 * fine, coarse] for split, (fine, coarse) in material.levels.items()}
    both = linear_probe_masks(material, SETTINGS, 0)
    coarse = linear_probe_masks(material, LinearProbeMasksSettings(n_strengths=4, levels=(1,)), 0)
    assert np.array_equal(both.test_scores, coarse.test_scores)
    assert (both.ran_with["constant_features"], both.ran_with["features"], coarse.ran_with["features"]) == (5, 7, 2)


def test_units_and_offsets_of_channels_change_nothing():
    material = toy(signal=1.5)
    before = linear_probe_masks(material, SETTINGS, 0)
    moved = {
        s: [a.astype(np.float64) * 300 - 7_000, b.astype(np.float64) / 90] for s, (a, b) in material.levels.items()
    }
    material.levels = moved
    after = linear_probe_masks(material, SETTINGS, 0)
    assert np.mean(before.test_scores != after.test_scores) < 0.01


def test_a_class_that_train_lacks_is_never_predicted_and_said():
    material = toy()
    material.targets["train"] = np.where(material.targets["train"] == 1, IGNORED, material.targets["train"])
    outcome = linear_probe_masks(material, SETTINGS, 0)
    assert outcome.ran_with["absent_classes"] == [1]
    assert set(np.unique(outcome.test_scores).tolist()) == {0, 2}


def test_one_training_image_is_enough():
    for selection in (Selection.VALID, Selection.CV):
        material = toy(n=(1, 4, 5), selection=selection)
        outcome = linear_probe_masks(material, SETTINGS, 0)
        assert outcome.n_labels_fit == 1
        assert reached_miou(material, outcome) > 0.8
    assert outcome.ran_with["score"] is None  # one image cannot be held out of itself
    assert outcome.ran_with["strength"] == pytest.approx(1 / 7)


def test_an_image_without_any_label_is_passed_over():
    material = toy()
    material.targets["train"][2] = IGNORED
    material.levels["train"][0][2] = np.nan  # so it cannot have been read
    assert reached_miou(material, linear_probe_masks(material, SETTINGS, 0)) > 0.98


@pytest.mark.parametrize(
    ("split", "fill", "message"),
    [
        ("train", IGNORED, "none of the train split's 6 masks has a labelled pixel"),
        ("valid", IGNORED, "none of the valid split's 4 masks has a labelled pixel"),
        ("train", 2, "train's masks have only class 2"),
    ],
)
def test_what_leaves_nothing_to_learn_is_the_users_to_mend(split, fill, message):
    material = toy()
    material.targets[split][:] = fill
    with pytest.raises(UserError, match=message):
        linear_probe_masks(material, SETTINGS, 0)


def test_features_that_are_not_finite_are_named():
    material = toy()
    material.levels["train"][1][3] = np.nan
    with pytest.raises(UserError, match="image 3 of the train split are not finite"):
        linear_probe_masks(material, SETTINGS, 0)


def test_knn_takes_no_masks_and_the_linear_probe_does():
    assert find_protocol("knn", LabelKind.SEGMENTATION) is None
    assert find_protocol("linear_probe", LabelKind.SEGMENTATION).function is linear_probe_masks
    assert find_protocol("linear_probe", LabelKind.SINGLE_LABEL).function is not linear_probe_masks

"""Metrics of masks: by hand, against scikit-learn, and what is left out or undefined."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from harness.errors import UserError
from harness.metrics import MASK_METRICS, evaluate_masks, headline_mask_value, per_class_masks
from harness.metrics.segmentation import confusion_matrices
from harness.records.labels import IGNORED

# Of five labelled pixels class 0 is hit twice and once taken for 1; class 1 is hit once and once taken for 0.
TARGETS = np.array([[[0, 0, 0], [1, IGNORED, IGNORED]], [[1, IGNORED, IGNORED], [IGNORED, IGNORED, IGNORED]]], np.uint8)
MASKS = np.array([[[0, 0, 1], [1, 0, 2]], [[0, 2, 2], [2, 2, 2]]], np.uint8)


def by_metric(confusions):
    return {scored.metric: scored.value for scored in evaluate_masks("miou", confusions, seed=0)}


def draw_split(seed, n=6, n_classes=4):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, n_classes, (n, 8, 9)).astype(np.uint8)
    masks = np.where(rng.random(targets.shape) < 0.6, targets, rng.integers(0, n_classes, targets.shape))
    targets[rng.random(targets.shape) < 0.2] = IGNORED
    return targets, masks.astype(np.uint8)


def test_confusions_by_hand():
    assert confusion_matrices(TARGETS, MASKS, 3).tolist() == [
        [[2, 1, 0], [0, 1, 0], [0, 0, 0]],
        [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
    ]


def test_values_by_hand():
    """Class 2 is predicted where no label is, so it is neither in the targets nor counted as predicted."""
    iou = [2 / 4, 1 / 3]
    f1 = [4 / 6, 2 / 4]
    confusions = confusion_matrices(TARGETS, MASKS, 3)
    assert by_metric(confusions) == pytest.approx(
        {"miou": np.mean(iou), "pixel_accuracy": 3 / 5, "pixel_f1_macro": np.mean(f1)}
    )
    assert {(s.metric, s.class_index): s.value for s in per_class_masks(confusions)} == {
        ("iou", 0): pytest.approx(iou[0]), ("iou", 1): pytest.approx(iou[1]), ("iou", 2): None,
        ("pixel_f1", 0): pytest.approx(f1[0]), ("pixel_f1", 1): pytest.approx(f1[1]), ("pixel_f1", 2): None,
        ("pixel_recall", 0): pytest.approx(2 / 3), ("pixel_recall", 1): 0.5, ("pixel_recall", 2): None,
    }  # fmt: skip


def test_a_class_that_is_only_predicted_counts_as_zero():
    confusions = confusion_matrices(np.array([[[0, 0]]], np.uint8), np.array([[[0, 1]]], np.uint8), 3)
    assert headline_mask_value("miou", confusions) == pytest.approx((1 / 2 + 0) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_values_equal_those_of_scikit_learn(seed):
    targets, masks = draw_split(seed)
    if seed == 4:  # a class that is nowhere: both leave it out
        masks[masks == 2] = 1
        targets[targets == 2] = 1
    values = by_metric(confusion_matrices(targets, masks, 4))
    pixels = targets[targets != IGNORED], masks[targets != IGNORED]
    assert values["miou"] == pytest.approx(jaccard_score(*pixels, average="macro"))
    assert values["pixel_f1_macro"] == pytest.approx(f1_score(*pixels, average="macro"))
    assert values["pixel_accuracy"] == pytest.approx(accuracy_score(*pixels))


def test_a_split_is_not_the_mean_of_its_images():
    targets, masks = draw_split(0, n=2)
    targets[1, 1:] = IGNORED
    together = confusion_matrices(targets, masks, 4)
    alone = [headline_mask_value("miou", together[i : i + 1]) for i in range(2)]
    whole = headline_mask_value("miou", together)
    assert whole != pytest.approx(np.mean(alone), abs=1e-3)
    pooled = confusion_matrices(targets.reshape(1, 16, 9), masks.reshape(1, 16, 9), 4)
    assert whole == pytest.approx(headline_mask_value("miou", pooled), abs=1e-15)


@pytest.mark.parametrize("batches", [[6], [1, 5], [2, 2, 2], [5, 1]])
def test_batches_change_nothing(batches):
    targets, masks = draw_split(1)
    bounds = np.cumsum(batches)[:-1]
    pairs = zip(np.split(targets, bounds), np.split(masks, bounds), strict=True)
    parts = [confusion_matrices(*pair, 4) for pair in pairs]
    assert evaluate_masks("miou", np.concatenate(parts), 0) == evaluate_masks(
        "miou", confusion_matrices(targets, masks, 4), 0
    )


def test_intervals_come_from_resampled_images():
    """The first resample by hand: images drawn with the same generator, their confusion matrices summed."""
    targets, masks = draw_split(2, n=40)
    confusions = confusion_matrices(targets, masks, 4)
    generator = np.random.default_rng(3)
    drawn = [
        headline_mask_value("miou", confusions[generator.integers(0, 40, size=40)].sum(axis=0)[None])
        for _ in range(1_000)
    ]
    (scored,) = [s for s in evaluate_masks("miou", confusions, seed=3) if s.metric == "miou"]
    assert (scored.ci_low, scored.ci_high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
    assert scored.ci_low < scored.value < scored.ci_high


def test_one_image_has_a_value_and_no_interval():
    targets, masks = draw_split(0, n=1)
    for scored in evaluate_masks("miou", confusion_matrices(targets, masks, 4), seed=0):
        assert scored.value is not None
        assert scored.ci_low is scored.ci_high is None


@pytest.mark.parametrize("n", [0, 3])
def test_masks_without_a_label_are_undefined_not_zero(n):
    targets = np.full((n, 4, 4), IGNORED, np.uint8)
    confusions = confusion_matrices(targets, np.zeros_like(targets), 2)
    for scored in evaluate_masks("miou", confusions, seed=0):
        assert scored.value is scored.ci_low is scored.ci_high is None
    assert all(score.value is None for score in per_class_masks(confusions))


def test_an_unlabelled_image_changes_no_value():
    targets, masks = draw_split(0)
    more = confusion_matrices(np.concatenate([targets, np.full_like(targets, IGNORED)]), np.tile(masks, (2, 1, 1)), 4)
    assert by_metric(more) == by_metric(confusion_matrices(targets, masks, 4))


@pytest.mark.parametrize("metric", MASK_METRICS)
def test_every_metric_is_listed_under_its_name_and_perfect_masks_reach_its_end(metric):
    entry = MASK_METRICS[metric]
    targets, masks = draw_split(0)
    assert entry.name == metric
    assert 0 < headline_mask_value(metric, confusion_matrices(targets, masks, 4)) < 1
    perfect = np.where(targets == IGNORED, 0, targets)
    assert headline_mask_value(metric, confusion_matrices(targets, perfect, 4)) == 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(UserError, match="'accuracy' is not a metric of masks; there are: miou"):
        evaluate_masks("accuracy", confusion_matrices(TARGETS, MASKS, 3), 0)
    with pytest.raises(ValueError, match="do not fit"):
        confusion_matrices(TARGETS, MASKS[:1], 3)
    with pytest.raises(ValueError, match="predicted class 2 of 2"):
        confusion_matrices(TARGETS, MASKS, 2)

"""Metrics of numbers: by hand, against scikit-learn, and what is undefined or left out."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from harness.metrics import higher_is_better
from harness.metrics.bootstrap import N_RESAMPLES, draw_resamples
from harness.metrics.regression import (
    VALUE_METRICS,
    evaluate_errors,
    headline_error_value,
    image_errors,
    per_output,
    pixel_errors,
    r2_per_output,
)
from harness.records.labels import IGNORED
from harness.tasks.areas import area_fractions

# Squared errors of class 0: 0, 1/16, 1/16 of a squared deviation 1/2; the share of class 1 is the same in all images.
TARGETS = np.array([[0.0, 0.25], [0.5, 0.25], [1.0, 0.25]])
PREDICTED = np.array([[0.0, 0.25], [0.25, 0.25], [0.75, 0.5]])


def draw_split(seed, n=40, n_classes=4):
    rng = np.random.default_rng(seed)
    targets = rng.dirichlet(np.ones(n_classes), n)
    return targets, np.clip(targets + 0.2 * rng.standard_normal(targets.shape), 0, 1)


def evaluate(targets, predicted, seed=0):
    return evaluate_errors("r2", image_errors(targets, predicted), seed)


def r2(targets, predicted):
    return headline_error_value("r2", image_errors(targets, predicted))


def values(targets, predicted):
    return {scored.metric: scored.value for scored in evaluate(targets, predicted)}


def test_fractions_are_of_the_labelled_pixels():
    masks = np.array([[[0, 2], [2, IGNORED]], [[1, 1], [1, 1]], [[IGNORED] * 2] * 2], np.uint8)
    fractions = area_fractions(masks, 3)
    assert fractions[0] == pytest.approx([1 / 3, 0, 2 / 3])
    assert fractions[1].tolist() == [0, 1, 0]
    assert np.isnan(fractions[2]).all()
    assert area_fractions(masks[:0], 3).shape == (0, 3)


def test_values_by_hand():
    assert values(TARGETS, PREDICTED) == {
        "r2": pytest.approx(1 - (2 / 16) / (1 / 2)),  # of class 0 alone: class 1 does not vary
        "mae": pytest.approx((0.5 / 3 + 0.25 / 3) / 2),
        "rmse": pytest.approx((np.sqrt(2 / 16 / 3) + np.sqrt(1 / 16 / 3)) / 2),
    }
    found = {(score.metric, score.class_index): score.value for score in per_output(image_errors(TARGETS, PREDICTED))}
    assert found == {
        ("r2", 0): pytest.approx(0.75),
        ("r2", 1): None,
        ("mae", 0): pytest.approx(0.5 / 3),
        ("mae", 1): pytest.approx(0.25 / 3),
        ("rmse", 0): pytest.approx(np.sqrt(2 / 16 / 3)),
        ("rmse", 1): pytest.approx(np.sqrt(1 / 16 / 3)),
    }


@pytest.mark.parametrize("seed", range(5))
def test_values_equal_scikit_learns(seed):
    targets, predicted = draw_split(seed)
    found = values(targets, predicted)
    assert found["r2"] == pytest.approx(r2_score(targets, predicted))
    assert found["mae"] == pytest.approx(mean_absolute_error(targets, predicted))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(targets, predicted))
    per_class = per_output(image_errors(targets, predicted))
    expected = [*r2_score(targets, predicted, multioutput="raw_values")]
    expected += [*mean_absolute_error(targets, predicted, multioutput="raw_values")]
    expected += [*root_mean_squared_error(targets, predicted, multioutput="raw_values")]
    assert [score.value for score in per_class] == pytest.approx(expected)
    assert [score.metric for score in per_class] == ["r2"] * 4 + ["mae"] * 4 + ["rmse"] * 4


@pytest.mark.parametrize("metric", VALUE_METRICS)
def test_weighted_values_are_those_of_the_images_repeated(metric):
    targets, predicted = draw_split(0, n=12)
    targets[:, 3] = 0.1  # which no computer holds exactly
    targets[1:, 2] = 0.0  # constant in the resamples that miss the first image
    weights = draw_resamples(12, seed=1)[:60]
    assert (weights[:, 0] == 0).any()
    fast = VALUE_METRICS[metric].resampled(image_errors(targets, predicted), weights)
    once = np.ones((1, 12))
    for value, row in zip(fast, weights.astype(int), strict=True):
        (slow,) = VALUE_METRICS[metric].resampled(
            image_errors(np.repeat(targets, row, 0), np.repeat(predicted, row, 0)), once
        )
        assert value == pytest.approx(slow)


def test_a_class_that_a_resample_shows_as_constant_is_undefined_there_whatever_rounding_leaves():
    rng = np.random.default_rng(0)
    targets = np.tile(rng.random(200), (15, 1))
    targets[0] = rng.random(200)  # the only image of another fraction
    weights = np.ones((2, 15))
    weights[1] = [0, 2, *[1] * 13]
    values = r2_per_output(image_errors(targets, rng.random(targets.shape)), weights)
    assert np.isfinite(values[0]).all()
    assert np.isnan(values[1]).all()


def test_the_interval_is_of_the_images_drawn_again():
    targets, predicted = draw_split(3, n=30)
    drawn = draw_resamples(30, seed=5).astype(int)
    slow = [r2_score(np.repeat(targets, row, 0), np.repeat(predicted, row, 0)) for row in drawn]
    headline = next(s for s in evaluate(targets, predicted, 5) if s.metric == "r2")
    assert len(slow) == N_RESAMPLES
    assert [headline.ci_low, headline.ci_high] == pytest.approx(np.quantile(slow, [0.025, 0.975]))


def test_a_prediction_worse_than_the_mean_is_negative_and_the_mean_itself_is_zero():
    targets, _ = draw_split(0)
    assert r2(targets, np.tile(targets.mean(axis=0), (40, 1))) == pytest.approx(0)
    assert r2(targets, 1 - targets) < -1


@pytest.mark.parametrize("metric", VALUE_METRICS)
def test_every_metric_is_listed_under_its_name_and_ends_its_range_at_a_perfect_prediction(metric):
    entry = VALUE_METRICS[metric]
    targets, _ = draw_split(0)
    assert entry.name == metric
    assert values(targets, targets)[metric] == pytest.approx(1 if entry.higher_is_better else 0)


def test_images_without_a_labelled_pixel_do_not_count():
    targets, predicted = draw_split(0)
    with_blank = np.vstack([targets, np.full((1, 4), np.nan)]), np.vstack([predicted, np.zeros((1, 4))])
    assert evaluate(*with_blank, 0) == evaluate(targets, predicted, 0)
    assert per_output(image_errors(*with_blank)) == per_output(image_errors(targets, predicted))


def test_nothing_labelled_is_undefined_and_one_image_has_no_interval():
    none = np.full((3, 2), np.nan)
    assert [(s.metric, s.value) for s in evaluate(none, np.zeros((3, 2)), 0)] == [(m, None) for m in VALUE_METRICS]
    assert per_output(image_errors(none, np.zeros((3, 2)))) == []
    one = {s.metric: s for s in evaluate(TARGETS[1:2], PREDICTED[1:2], 0)}
    assert one["r2"].value is None
    assert one["mae"].value == pytest.approx(0.125)
    assert one["mae"].ci_low is one["mae"].ci_high is None


def test_areas_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        evaluate(TARGETS, PREDICTED[:, :1], 0)


def test_pixels_are_judged_by_all_labelled_values_together():
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((6, 3, 4)).astype(np.float32) + 300
    predicted = targets + rng.standard_normal(targets.shape).astype(np.float32)
    targets[0, 0] = np.nan
    targets[5] = np.nan
    labelled = ~np.isnan(targets)
    exact = targets.astype(np.float64)
    found = {s.metric: s for s in evaluate_errors("r2", pixel_errors(targets, predicted), 0)}
    assert found["r2"].value == pytest.approx(r2_score(exact[labelled], predicted[labelled]))
    assert found["mae"].value == pytest.approx(mean_absolute_error(exact[labelled], predicted[labelled]))
    assert found["rmse"].value == pytest.approx(root_mean_squared_error(exact[labelled], predicted[labelled]))
    drawn = draw_resamples(5, seed=0).astype(int)  # images, and the one without labels is not drawn
    slow = []
    for row in drawn:
        t, p = (np.repeat(array[:5], row, 0) for array in (exact, predicted))
        slow.append(r2_score(t[~np.isnan(t)], p[~np.isnan(t)]))
    assert [found["r2"].ci_low, found["r2"].ci_high] == pytest.approx(np.quantile(slow, [0.025, 0.975]))


def test_values_far_from_zero_keep_their_digits():
    rng = np.random.default_rng(0)
    targets = 1e9 + rng.standard_normal((50, 1))
    predicted = targets + 0.1 * rng.standard_normal((50, 1))
    assert r2(targets, predicted) == pytest.approx(r2_score(targets, predicted), abs=1e-6)


def test_a_metric_declares_its_direction_once():
    directions = {name: higher_is_better(name) for name in ("accuracy", "miou", "calibration_error", *VALUE_METRICS)}
    assert directions == {
        "accuracy": True, "miou": True, "calibration_error": False, "r2": True, "mae": False, "rmse": False,
    }  # fmt: skip


def test_predictions_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="contain NaN"):
        image_errors(np.zeros((2, 1)), np.array([[0.0], [np.nan]]))

"""Every kind of labels: what it reads, refuses and holds; its loss and predictions by hand; what train must show."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.metrics import METRICS, higher_is_better
from harness.metrics.regression import VALUE_METRICS
from harness.protocols import TABLES
from harness.records.labels import IGNORED, LabelKind, is_labelled
from harness.records.outcome import Outcome
from harness.tasks import TASKS, are_labels, parse_label

NAN = float("nan")
REGRESSION, PIXELS = LabelKind.REGRESSION, LabelKind.PIXEL_REGRESSION

RAW = {
    LabelKind.SINGLE_LABEL: [2, 0, 1],
    LabelKind.MULTI_LABEL: [[0, 1, 1], np.array([1, 0, 0]), (True, False, False)],
    LabelKind.SEGMENTATION: [np.array([[0, 1], [2, -1]]), np.full((2, 2), 255), np.ones((2, 2), np.float32)],
    LabelKind.REGRESSION: [[0.5, -3, 1e9], np.array([1, 2, 3]), (np.float32(1), 0, 2)],
    LabelKind.PIXEL_REGRESSION: [np.array([[0.5, NAN], [-3, 2]]), np.ones((2, 2), np.int16), np.full((2, 2), NAN)],
}
"""Labels of three samples as files may have them, of 2 x 2 pixels and three classes or numbers."""


@pytest.mark.parametrize("kind", LabelKind)
def test_a_label_is_held_as_its_kind_says(kind):
    labels = np.stack([parse_label(raw, kind, 3, "x") for raw in RAW[kind]])
    assert TASKS[kind].kind is kind
    assert are_labels(labels, 3, (2, 2), kind, 3)
    assert not are_labels(labels, 4, (2, 2), kind, 3)
    assert not are_labels(labels.astype(np.complex128), 3, (2, 2), kind, 3)
    assert TASKS[kind].per_pixel == (labels.shape == (3, 2, 2))


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (LabelKind.SINGLE_LABEL, np.array([0, 3])),
        (LabelKind.MULTI_LABEL, np.array([[0, 1, 2]] * 2, np.uint8)),
        (LabelKind.SEGMENTATION, np.full((2, 2, 2), 3, np.uint8)),
        (REGRESSION, np.array([[0.0, 1.0, NAN]] * 2)),
        (REGRESSION, np.array([[0.0, 1.0, -3.4e38]] * 2)),
        (PIXELS, np.full((2, 2, 2), np.inf, np.float32)),
    ],
)
def test_values_that_no_label_has_are_seen_in_arrays_too(kind, labels):
    assert not are_labels(labels, 2, (2, 2), kind, 3)


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        (REGRESSION, None, r"x: its label is missing; 3 number\(s\) are wanted"),
        (REGRESSION, [1.0, 2.0], r"x: its label is a list of 2 values; 3 number\(s\)"),
        (REGRESSION, [1.0, "2", 3.0], r"3 number\(s\) are wanted"),
        (REGRESSION, [True, 2, 3], r"3 number\(s\) are wanted"),
        (REGRESSION, [1.0, NAN, 3.0], r"its label \[1.0, nan, 3.0\] has a number that nobody measured"),
        (REGRESSION, [1.0, 10**400, 3.0], "has a number that nobody measured"),
        (PIXELS, 0.5, "its label is a float; numbers in two dimensions are wanted"),
        (PIXELS, np.zeros((2, 2, 1)), r"an array of shape \(2, 2, 1\)"),
    ],
)
def test_what_is_no_number_is_refused_in_one_line(kind, raw, said):
    with pytest.raises(UserError, match=said):
        parse_label(raw, kind, 3, "x")


def test_a_masked_pixel_has_no_label():
    """Sources that read rasters get masked arrays; what stands under the mask is a filler."""
    heights = parse_label(np.ma.masked_equal(np.array([[7, -9999]], np.int16), -9999), PIXELS, 1, "x")
    classes = parse_label(np.ma.masked_array([[1, 0, 99]], mask=[[False, True, True]]), LabelKind.SEGMENTATION, 2, "x")
    np.testing.assert_array_equal(heights, np.array([[7, NAN]], np.float32))
    np.testing.assert_array_equal(classes, np.array([[1, IGNORED, IGNORED]], np.uint8))
    assert type(heights) is type(classes) is np.ndarray


def test_one_number_needs_no_list():
    assert parse_label(4, REGRESSION, 1, "x").tolist() == parse_label(np.float64(4), REGRESSION, 1, "x").tolist() == [4]


def test_losses_of_numbers_by_hand():
    task = TASKS[REGRESSION]
    outputs, labels = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 2.0], [3.0, -1.0]], np.float32)
    assert float(task.loss_sum(outputs, torch.from_numpy(labels), 0.0)) == 1 + 9 + 1
    assert task.count_terms(labels) == 4
    task, mask = TASKS[PIXELS], np.array([[[1.0, NAN], [0.0, 4.0]]], np.float32)
    outputs = torch.tensor([[[[1.0, 7.0], [2.0, 1.0]]]], requires_grad=True)
    loss = task.loss_sum(outputs, torch.from_numpy(mask), 0.0)
    loss.backward()
    assert loss.item() == 4 + 9
    assert outputs.grad.flatten().tolist() == [0, 0, 4, -6]  # a pixel without a label pulls nowhere
    assert task.count_terms(mask) == 3
    assert task.predictions(outputs.detach()).tolist() == [[[1, 7], [2, 1]]]


@pytest.mark.parametrize("kind", LabelKind)
def test_train_that_leaves_nothing_to_learn_is_refused_and_other_is_not(kind):
    labels = np.stack([parse_label(raw, kind, 3, "x") for raw in RAW[kind]])
    TASKS[kind].check_learnable(labels, "a probe")
    with pytest.raises(UserError, match=r"partition$"):
        TASKS[kind].check_learnable(labels[1:2], "a probe")


def test_classes_that_train_lacks_are_told_and_numbers_lack_none():
    absent = {
        kind: TASKS[kind].absent_classes(np.stack([parse_label(raw, kind, 3, "x") for raw in RAW[kind][1:2]]), 3)
        for kind in LabelKind
    }
    assert absent == {
        LabelKind.SINGLE_LABEL: [1, 2],
        LabelKind.MULTI_LABEL: [1, 2],
        LabelKind.SEGMENTATION: [0, 1, 2],
        REGRESSION: [],
        PIXELS: [],
    }


def test_a_score_is_the_larger_the_better_and_undefined_is_the_least():
    task, targets = TASKS[REGRESSION], np.array([[0.0], [2.0]])
    assert task.score("rmse", targets, targets + 1, 1) == -1
    assert task.score("r2", targets, targets, 1) == 1
    assert task.score("r2", np.ones((2, 1)), targets, 1) == -np.inf
    assert TASKS[LabelKind.SINGLE_LABEL].score("accuracy", np.array([0, 1]), np.eye(2), 2) == 1


def test_sums_of_an_image_are_those_of_its_labelled_pixels():
    targets = np.array([[[1.0, NAN], [3.0, 2.0]], [[NAN] * 2] * 2], np.float32)
    predicted = np.array([[[2.0, 9.0], [3.0, 0.0]], [[5.0] * 2] * 2], np.float32)
    outcome = Outcome(valid_scores=predicted, test_scores=predicted, n_labels_fit=1, n_labels_select=0)
    run = SimpleNamespace(metric="r2", seed=0)
    rows = TASKS[PIXELS].rows(run, ("height",), ("a", "b"), {"valid": targets, "test": targets}, outcome)
    first, second = rows.error_sums
    sums = (
        first.sum_target, first.sum_squared_target, first.sum_error, first.sum_squared_error, first.sum_absolute_error,
    )  # fmt: skip
    assert (first.sample, first.n_pixels) == ("a", 3)
    assert sums == pytest.approx((6, 14, -1, 5, 3))
    assert (second.n_pixels, second.sum_target, second.sum_squared_error) == (0, 0, 0)
    assert {row.class_name for row in rows.classes} == {"height"}


@pytest.mark.parametrize("kind", LabelKind)
def test_every_kind_has_a_headline_that_is_a_metric_and_protocols_that_take_it(kind):
    assert higher_is_better(TASKS[kind].headline)
    assert TABLES[kind]
    for entry in TABLES[kind].values():
        assert kind in entry.label_kinds
    if kind in (REGRESSION, PIXELS):
        assert TASKS[kind].headline in VALUE_METRICS
    elif not TASKS[kind].per_pixel:
        assert kind in METRICS[TASKS[kind].headline].label_kinds


def test_pixels_without_a_label_are_told_by_the_type_of_the_labels():
    assert is_labelled(np.array([0, IGNORED], np.uint8)).tolist() == [True, False]
    assert is_labelled(np.array([255.0, NAN], np.float32)).tolist() == [True, False]

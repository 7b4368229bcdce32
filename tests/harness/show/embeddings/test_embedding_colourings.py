"""What images are coloured by, of every kind of labels."""

from types import SimpleNamespace

import numpy as np
import pytest

from harness.errors import UserError
from harness.records.labels import IGNORED, LabelKind
from harness.show.embeddings.colourings import choose_colourings, read_colourings

NAN = float("nan")
MASKS = np.array([[[0, 1], [1, 1]], [[0, 0], [IGNORED, 1]], [[IGNORED, IGNORED]] * 2], np.uint8)
HEIGHTS = np.array([[[1, 3], [NAN, 2]], [[5, 5], [5, 5]], [[NAN, NAN]] * 2], np.float32)


def colourings(kind, labels, names=("a", "b"), places=None):
    spec = SimpleNamespace(label_kind=kind, class_names=names, n_classes=len(names))
    arrays = SimpleNamespace(labels=np.asarray(labels), places=places)
    return read_colourings(spec, arrays, np.arange(len(labels)))


@pytest.mark.parametrize(
    ("kind", "labels", "expected"),
    [
        (LabelKind.SINGLE_LABEL, np.array([1, 0, 1]), {"class": [1, 0, 1]}),
        (
            LabelKind.MULTI_LABEL,
            np.array([[1, 1], [0, 1], [0, 0]], np.uint8),
            {"labels of an image": [2, 1, 0], "a": [1, 0, 0], "b": [1, 1, 0]},
        ),
        (LabelKind.REGRESSION, np.array([[1.5, -2.0], [3.0, 0.0]]), {"a": [1.5, 3.0], "b": [-2.0, 0.0]}),
        (
            LabelKind.SEGMENTATION,
            MASKS,
            {"most common class": [1, 0, NAN], "a": [25, 200 / 3, NAN], "b": [75, 100 / 3, NAN]},
        ),
        (LabelKind.PIXEL_REGRESSION, HEIGHTS, {"a": [2, 5, NAN]}),
    ],
)
def test_every_kind_of_labels_is_read_image_by_image(kind, labels, expected):
    found = {each.name: each.values for each in colourings(kind, labels)}
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values)


def test_place_is_latitude_and_longitude():
    found = colourings(LabelKind.SINGLE_LABEL, [0, 1], places=np.array([[9.5, 47.1], [NAN, NAN]]))
    latitude, longitude = choose_colourings(found, "place", "toy")
    assert (latitude.values[0], longitude.values[0]) == (47.1, 9.5)
    assert not latitude.known[1]


def test_a_word_that_means_nothing_is_answered_by_those_that_do():
    found = colourings(LabelKind.REGRESSION, [[1.0, 2.0]] * 2)
    assert choose_colourings(found, "label", "toy") == [found[0]]
    assert choose_colourings(found, "b", "toy") == [found[1]]
    with pytest.raises(UserError, match=r"toy does not say where its images were taken. Choose among label, a, b"):
        choose_colourings(found, "place", "toy")
    with pytest.raises(UserError, match=r"toy has nothing called 'c'"):
        choose_colourings(found, "c", "toy")

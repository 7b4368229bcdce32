"""Arrays of a notebook as datasets: which kind of labels they are, how they are split, what is refused."""

import numpy as np
import pytest

import harness as h
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.errors import UserError
from harness.records.labels import LabelKind

N, SIDE = 40, 8
BANDS = ["B4", "VV"]
CLASSES = np.arange(N) % 4


def given(y, **words):
    return h.Dataset.from_arrays(np.zeros((N, 2, SIDE, SIDE), np.uint16), y, **{"bands": BANDS, **words})


@pytest.mark.parametrize(
    ("y", "kind", "class_names"),
    [
        (CLASSES, LabelKind.SINGLE_LABEL, ("0", "1", "2", "3")),
        (CLASSES * 10, LabelKind.SINGLE_LABEL, ("0", "10", "20", "30")),
        (np.array(["b", "a"])[CLASSES % 2], LabelKind.SINGLE_LABEL, ("a", "b")),
        (np.eye(4, dtype=bool)[CLASSES], LabelKind.MULTI_LABEL, ("0", "1", "2", "3")),
        (CLASSES / 3, LabelKind.REGRESSION, ("0",)),
        (np.zeros((N, 3)), LabelKind.REGRESSION, ("0", "1", "2")),
        (np.tile(CLASSES[:, None, None], (SIDE, SIDE)), LabelKind.SEGMENTATION, ("0", "1", "2", "3")),
        (np.full((N, SIDE, SIDE), np.nan), LabelKind.PIXEL_REGRESSION, ("0",)),
    ],
)
def test_the_kind_of_labels_follows_from_type_and_shape(y, kind, class_names):
    described = given(y).described
    assert (described.label_kind, described.class_names) == (kind, class_names)


def test_texts_are_numbered_as_their_names_are_given():
    mine = given(np.array(["b", "a"])[CLASSES % 2], class_names=["b", "a"])
    np.testing.assert_array_equal(mine.labels, CLASSES % 2)


def test_pixels_without_a_label_stay_without():
    masks = np.tile(CLASSES[:, None, None] * 10, (SIDE, SIDE))
    masks[:, 0] = 255
    mine = given(masks)
    assert mine.described.class_names == ("0", "10", "20", "30")
    assert set(mine.labels[:, 0].ravel().tolist()) == {255}


def test_samples_read_back_are_the_rows_that_were_given(tmp_path):
    X = np.random.default_rng(0).integers(0, 10_000, (N, 2, SIDE, SIDE), np.uint16)
    split = ["train", "valid", "test", "train"] * (N // 4)
    mine = h.Dataset.from_arrays(X, CLASSES, bands=BANDS, unit={"B4": "dn_10000", "VV": "dB"}, split=split)
    root = mine.store(tmp_path)
    (ref,) = discover(root)
    dataset = open_dataset(ref)
    sample = dataset.read_sample("07")
    np.testing.assert_array_equal(sample.pixels, X[7])
    assert sample.label == CLASSES[7]
    assert [(band.name, band.kind, str(band.unit)) for band in dataset.bands] == [
        ("B4", "Sentinel2", "reflectance x 10,000"),
        ("VV", "Sentinel1", "dB"),
    ]
    assert {int(name) for name in dataset.partition("default").test} == {row for row in range(N) if row % 4 == 2}
    assert mine.store(tmp_path) == root, "the same is not written twice"


def test_train_splits_are_nested_and_have_each_class(tmp_path):
    (ref,) = discover(given(CLASSES).store(tmp_path))
    dataset = open_dataset(ref)
    half, whole = (dataset.partition(name).train for name in ("0.50x_train", "default"))
    assert whole[: len(half)] == half
    assert {CLASSES[int(name)] for name in half} == {0, 1, 2, 3}


def test_a_split_at_random_is_the_same_every_time_and_has_each_class_s_share():
    rows = given(CLASSES).described.rows
    assert rows == given(CLASSES).described.rows
    assert [len(rows[split]) for split in ("train", "valid", "test")] == [28, 4, 8]
    assert np.bincount(CLASSES[list(rows["test"])]).tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"y": CLASSES[:-1]}, "y: one label for each of the 40 images is wanted"),
        ({"y": np.full(N, "same")}, "a single class (same) leaves nothing to predict"),
        ({"y": CLASSES, "class_names": ["a", "b"]}, "values that no single_label label of 2 classes"),
        ({"y": np.array(["a", "c"])[CLASSES % 2], "class_names": ["a", "b"]}, "y: c is none of class_names: a, b"),
        ({"y": np.full((N, 3), 7)}, "values that no multi_label label"),
        ({"y": np.full(N, np.nan)}, "values that no regression label"),
        ({"y": CLASSES, "bands": ["B4"]}, "bands: 2 different names are wanted"),
        ({"y": CLASSES, "unit": {"B8": "dB"}}, "unit: B8 is none of the bands B4 VV"),
        ({"y": CLASSES, "split": ["train"] * N}, "and each of train, valid, test; found 40 of train"),
        ({"y": CLASSES, "name": "../x"}, "name: letters, digits, _ and - are wanted"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(words, told):
    with pytest.raises(UserError) as refused:
        given(**words)
    assert told in str(refused.value)


def test_pixels_of_another_shape_are_refused():
    with pytest.raises(UserError, match=r"X: numbers of shape \(N, C, H, W\) are wanted, found float64 \(40, 8, 8\)"):
        h.Dataset.from_arrays(np.zeros((N, SIDE, SIDE)), CLASSES, bands=BANDS)


def test_a_damaged_description_is_told_in_one_line(tmp_path):
    (ref,) = discover(given(CLASSES).store(tmp_path))
    (ref.directory / "arrays.json").write_text('{"label_kind": "odd"}')
    with pytest.raises(UserError, match=r"mine/arrays.json: label_kind: .*make the dataset again"):
        open_dataset(ref)

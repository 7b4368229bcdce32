"""What any source may say of its samples reaches the arrays: no data, dates, places, labels of every kind."""

import json
from dataclasses import replace

import numpy as np
import pytest

import harness.data.convert
import harness.data.train_statistics
from harness.data.arrays import is_converted, open_arrays
from harness.data.band_statistics import MeanAndStd
from harness.data.dataset import normalisation
from harness.data.sources import SOURCES, open_dataset
from harness.data.suites import discover
from harness.data.train_statistics import compute_statistics
from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.records.progress import Silent
from harness.tasks import TASKS
from toy_source import TOY, write_toy

CLASSES = {"label_kind": "single_label", "class_names": ["a", "b"]}
LABELS = np.array([0, 1, 0, 1])


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, TOY.name, TOY)
    return tmp_path / "data"


def open_toy(root):
    (ref,) = discover(root)
    return open_dataset(ref)


def convert(root, tmp_path):
    return open_arrays(open_toy(root), tmp_path / "cache", Silent())


def test_the_declared_value_for_no_data_becomes_nan_and_is_counted(root, tmp_path):
    pixels = np.ones((4, 2, 3, 3), np.int16)
    pixels[2, 1, 0] = -1
    write_toy(root, "holes", pixels, LABELS, **CLASSES)
    arrays = convert(root, tmp_path)
    assert arrays.pixels.dtype == np.float32
    np.testing.assert_array_equal(arrays.pixels[:], np.where(pixels == -1, np.nan, pixels))
    assert (arrays.n_nonfinite, arrays.n_nonfinite_samples) == ({"nir": 3}, 1)
    assert is_converted(open_toy(root), tmp_path / "cache")


def test_days_and_places_stand_beside_the_pixels(root, tmp_path):
    said = {"dates": {"001": "1970-01-11", "002": "1969-12-31"}, "places": {"000": [7.5, -46.25]}}
    write_toy(root, "dated", np.ones((4, 2, 3, 3), np.float32), LABELS, **CLASSES, **said)
    arrays = convert(root, tmp_path)
    np.testing.assert_array_equal(arrays.days, [np.nan, 10.0, -1.0, np.nan])
    np.testing.assert_array_equal(arrays.places, [[7.5, -46.25], *[[np.nan, np.nan]] * 3])


def test_another_date_is_another_sample(root, tmp_path):
    """A network may be told of it, so what it says of the sample can change."""
    pixels = np.ones((4, 2, 3, 3), np.float32)
    folder = write_toy(root, "dated", pixels, LABELS, **CLASSES)
    before = convert(root, tmp_path)
    assert (before.days, before.places) == (None, None)
    described = json.loads((folder / "toy.json").read_text())
    (folder / "toy.json").write_text(json.dumps({**described, "dates": {"001": "2020-02-29"}}))
    after = open_arrays(open_toy(root), tmp_path / "another cache", Silent())
    assert [name for name in after.samples if after.sample_sha256[name] != before.sample_sha256[name]] == ["001"]
    assert after.content_sha256 != before.content_sha256


@pytest.mark.parametrize(
    ("kind", "labels", "dtype"),
    [
        ("regression", np.array([[1.5, -2], [0, 1], [3, 4], [5, 6]]), np.float64),
        ("pixel_regression", np.full((4, 3, 3), np.nan, np.float32), np.float32),
        ("segmentation", np.zeros((4, 3, 3), np.uint8), np.uint8),
    ],
)
def test_labels_of_every_kind_come_back(root, tmp_path, kind, labels, dtype):
    if kind == "pixel_regression":
        labels[:, 0] = 7.25
    names = ["one", "two"][: 1 if kind == "pixel_regression" else 2]
    write_toy(root, "labelled", np.ones((4, 2, 3, 3), np.float32), labels, label_kind=kind, class_names=names)
    arrays = convert(root, tmp_path)
    assert arrays.labels.dtype == dtype
    np.testing.assert_array_equal(arrays.labels, labels)


@pytest.mark.parametrize(("metric", "fits"), [("f1_macro", True), ("miou", False), ("Accuracy", False)])
def test_a_headline_metric_of_other_labels_is_refused(root, metric, fits):
    write_toy(root, "judged", np.ones((4, 2, 3, 3), np.float32), LABELS, metric=metric, **CLASSES)
    if fits:
        assert open_toy(root).spec.metric == metric
    else:
        with pytest.raises(UserError, match=rf"judged: .*{metric}.* none of single_label labels; there are: accuracy"):
            open_toy(root)


@pytest.mark.parametrize("kind", LabelKind)
def test_the_usual_metric_of_a_kind_is_one_of_its_metrics(kind):
    assert TASKS[kind].headline in TASKS[kind].metrics


def test_a_label_that_is_none_is_refused_with_the_sample_and_its_file(root, tmp_path, monkeypatch):
    write_toy(root, "labelled", np.ones((4, 2, 3, 3), np.float32), LABELS, **CLASSES)

    def read_wrong(dataset, names, workers):
        yield from (replace(dataset.read_sample(name), label=np.array(7)) for name in names)

    monkeypatch.setattr(harness.data.convert, "read_samples", read_wrong)
    with pytest.raises(UserError, match=r"^labelled/pixels\.npy, sample 000: its label of type int64"):
        convert(root, tmp_path)


def test_statistics_are_those_of_train_however_many_images_are_read_at_a_time(root, tmp_path, monkeypatch):
    generator = np.random.default_rng(1)
    pixels = generator.normal(300, 50, (40, 2, 5, 5)).astype(np.float32)
    pixels[:, 1] = -1  # never measured
    pixels[7, 0, 2, 2:] = -1
    write_toy(root, "many", pixels, np.arange(40) % 2, **CLASSES)
    arrays, default = convert(root, tmp_path), open_toy(root).partition("default")
    found = compute_statistics(arrays, default)
    train = np.where(pixels[:20, 0] == -1, np.nan, pixels[:20, 0].astype(np.float64))
    np.testing.assert_allclose(found.of_channel["red"], [np.nanmean(train), np.nanstd(train)], rtol=1e-12)
    assert np.isnan(found.of_channel["nir"]).all()
    monkeypatch.setattr(harness.data.train_statistics, "_BLOCK_BYTES", 1)
    assert compute_statistics(arrays, default).of_channel["red"] == MeanAndStd(*found.of_channel["red"])


def test_what_was_computed_is_told_where_it_cannot_normalise(root, tmp_path):
    write_toy(root, "flat", np.ones((4, 2, 3, 3), np.float32), LABELS, **CLASSES)
    dataset = open_toy(root)
    assert dataset.statistics is None
    computed = compute_statistics(convert(root, tmp_path), dataset.partition("default"))
    with pytest.raises(UserError, match=r"^flat, statistics of default's train split: band .red. has mean 1\.0"):
        normalisation(replace(dataset, computed_statistics=computed), ["red"])

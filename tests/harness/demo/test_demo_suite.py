"""What the demo suite promises: nested partitions, nothing to read labels off but pixels, difficulty in between."""

import ast
import json
from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.data.arrays import open_arrays
from harness.data.sources import open_dataset
from harness.data.sources.geobench.unpickle import safe_unpickle
from harness.data.suites import discover
from harness.demo.stratify import FRACTIONS
from harness.demo.tasks import TASKS
from harness.records.progress import Silent
from mp_mae.data.world.hashing import mix, word
from mp_mae.data.world.places import draw_places
from mp_mae.data.world.simulate import simulate

NAMES = list(TASKS)


@pytest.fixture(scope="session")
def opened(suite, tmp_path_factory):
    """By task: our dataset and its arrays."""
    cache = tmp_path_factory.mktemp("cache")
    datasets = [open_dataset(ref) for ref in discover(suite)]
    return {dataset.name: (dataset, open_arrays(dataset, cache, Silent())) for dataset in datasets}


def labels_of(opened, name, partition="default", split="train"):
    dataset, arrays = opened[name]
    return arrays.labels[arrays.rows(getattr(dataset.partition(partition), split))]


def content_of(labels, n_classes):
    """(n, K): one-hot, 0/1 labels, or shares of the pixels."""
    if labels.ndim == 2:
        return labels
    return (labels.reshape(len(labels), -1, 1) == np.arange(n_classes)).mean(axis=1)


def test_it_is_a_suite_of_its_own(suite):
    assert [(ref.suite, ref.name) for ref in discover(suite)] == [("demo", name) for name in sorted(NAMES)]


@pytest.mark.parametrize("name", NAMES)
def test_partitions_are_nested_and_keep_valid_and_test(opened, name):
    dataset, _ = opened[name]
    default = dataset.partition("default")
    smaller: set[str] = set()
    for partition, fraction in FRACTIONS.items():
        found = dataset.partition(partition)
        assert len(found.train) == max(1, round(fraction * len(default.train)))
        assert smaller <= set(found.train)
        assert (found.valid, found.test) == (default.valid, default.test)
        smaller = set(found.train)
    assert smaller == set(default.train)


@pytest.mark.parametrize("name", NAMES)
def test_small_partitions_are_stratified(opened, name):
    n_classes = len(TASKS[name].class_names)
    whole = content_of(labels_of(opened, name), n_classes)
    tenth, half = (content_of(labels_of(opened, name, part), n_classes) for part in ("0.10x_train", "0.50x_train"))
    assert (tenth.any(axis=0) == whole.any(axis=0)).all(), "a tenth covers every class that occurs"
    assert np.abs(half.mean(axis=0) - whole.mean(axis=0)).max() < 0.04


@pytest.mark.parametrize("name", ["demo-landcover", "demo-climate"])
def test_no_class_dominates(opened, name):
    labels = labels_of(opened, name)
    shares = np.bincount(labels, minlength=10) / len(labels)
    assert shares.max() <= 0.125
    assert (shares > 0).sum() == 10


@pytest.mark.parametrize("name", NAMES)
def test_files_tell_nothing_but_bands_and_label(opened, name):
    """Metadata, names of HDF5 datasets and sizes of files are the same in all samples."""
    import h5py

    dataset, _ = opened[name]
    seen = set()
    for sample in sorted(dataset.samples)[::5]:
        with h5py.File(dataset.directory / f"{sample}.hdf5") as file:
            described = safe_unpickle(ast.literal_eval(file.attrs["pickle"]), sample)
            keys = tuple(file)
        described.pop("label", None) if name != "demo-crops" else None
        for band in described["bands_order"]:
            assert [described[band][fact] for fact in ("date", "date_id", "meta_info", "transform", "crs")] == [
                None
            ] * 5
        seen.add(repr((described, keys)))
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["demo-landcover", "demo-climate"])
def test_names_and_their_order_do_not_foretell_labels(opened, name):
    dataset, arrays = opened[name]
    names = sorted(dataset.samples)
    labels = arrays.labels[arrays.rows(names)]
    digits = np.array([[int(digit, 16) for digit in name] for name in names])
    position = np.arange(len(names))[:, None] / len(names)
    for cue in (digits, np.concatenate([position, np.sin(20 * position)], axis=1)):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
        assert cross_val_score(model, cue, labels, cv=3).mean() < 0.2  # the largest class has 0.12
    same_as_neighbour = (labels[1:] == labels[:-1]).mean()
    assert same_as_neighbour < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_partition_files_list_names_in_alphabetical_order(opened, name):
    dataset, _ = opened[name]
    for path in dataset.directory.glob("*_partition.json"):
        assert all(names == sorted(names) for names in json.loads(path.read_bytes()).values())


@pytest.mark.parametrize("name", NAMES)
def test_splits_and_pretraining_are_far_apart(name):
    """Great-circle distance between any two places of different purposes."""
    points = {}
    for purpose in ("pretrain", "train", "valid", "test"):
        places = draw_places(0, purpose, np.arange(1500), stream="" if purpose == "pretrain" else name)
        phi, lam = np.radians(places.latitude), np.radians(places.longitude)
        points[purpose] = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)
    for first, second in combinations(points, 2):
        nearest_km = 6371 * np.arccos(np.clip((points[first] @ points[second].T).max(), -1, 1))
        assert nearest_km > 20, (first, second)


def test_pixels_are_the_worlds_by_name_of_band(opened):
    """MMEarth stores B8A before B8, GEO-Bench after."""
    dataset, arrays = opened["demo-climate"]
    places = draw_places(0, "train", np.arange(16), stream="demo-climate")
    names = [f"{name:016x}" for name in mix(places.key, word("sample name"))]
    rows = [row for row, name in enumerate(names) if name in dataset.samples]
    assert rows
    tiles = simulate(0, places)
    stored = {"02 - Blue": 1, "08 - NIR": 8, "08A - Vegetation Red Edge": 7, "10 - SWIR - Cirrus": 10, "12 - SWIR": 12}
    for row in rows:
        found = arrays.pixels[arrays.rows([names[row]])[0]]
        for band, channel in stored.items():
            np.testing.assert_array_equal(found[arrays.bands.index(band)], tiles.modalities["sentinel2"][row, channel])
        assert arrays.labels[arrays.rows([names[row]])[0]] == tiles.climate_zone[row]
        assert tiles.s2_level[row] == "l1c"


def test_no_sample_is_in_two_tasks(opened):
    names = [name for dataset, _ in opened.values() for name in dataset.samples]
    assert len(set(names)) == len(names)


def band_statistics(pixels):
    flat = pixels.reshape(*pixels.shape[:2], -1).astype(np.float32)
    return np.concatenate([flat.mean(axis=2), flat.std(axis=2)], axis=1)


def fitted(features, labels):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(features, labels)


@pytest.mark.parametrize(("name", "chance"), [("demo-landcover", 0.125), ("demo-climate", 0.125)])
def test_image_statistics_are_above_chance_and_below_ceiling(opened, name, chance):
    dataset, arrays = opened[name]
    features, partition = band_statistics(arrays.pixels[:]), dataset.partition("default")
    train, test = arrays.rows(partition.train), arrays.rows(partition.test)
    accuracy = (fitted(features[train], arrays.labels[train]).predict(features[test]) == arrays.labels[test]).mean()
    assert 1.5 * chance < accuracy < 0.75


def test_image_statistics_on_the_multilabel_task(opened):
    dataset, arrays = opened["demo-multilabel"]
    features, partition = band_statistics(arrays.pixels[:]), dataset.partition("default")
    train, test = arrays.rows(partition.train), arrays.rows(partition.test)
    truth = arrays.labels[test]
    usable = [k for k in range(truth.shape[1]) if 0 < arrays.labels[train][:, k].sum() < len(train)]
    found = np.zeros_like(truth)
    for k in usable:
        found[:, k] = fitted(features[train], arrays.labels[train][:, k]).predict(features[test])
    prior = np.tile(arrays.labels[train].mean(axis=0) > 0.5, (len(test), 1))

    def f1_micro(guess):
        return 2 * (guess & truth).sum() / (guess.sum() + truth.sum())

    assert f1_micro(prior) + 0.05 < f1_micro(found) < 0.8


def test_the_spectrum_of_a_pixel_tells_some_of_its_crop(opened):
    dataset, arrays = opened["demo-crops"]
    partition = dataset.partition("default")

    def pixels(names):
        rows = arrays.rows(names)
        return arrays.pixels[rows].transpose(0, 2, 3, 1).reshape(-1, 13)[::11], arrays.labels[rows].reshape(-1)[::11]

    features, labels = pixels(partition.train)
    test_features, truth = pixels(partition.test)
    found = fitted(features, labels).predict(test_features)
    ious = [((found == k) & (truth == k)).sum() / ((found == k) | (truth == k)).sum() for k in range(9)]
    nothing_but_other = (truth == 0).mean() / 9
    assert nothing_but_other < np.mean(ious) < 0.5

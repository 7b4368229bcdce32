"""The official `geobench` package reads the demo suite, and reads the same as we do."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from harness.data.arrays import open_arrays
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.demo.tasks import TASKS
from harness.records.progress import Silent

NAMES = list(TASKS)


def open_both(geobench, suite, name):
    ours = open_dataset(next(ref for ref in discover(suite) if ref.name == name))
    return ours, geobench.dataset.GeobenchDataset(ours.directory, band_names=None)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_and_split_reads_alike(geobench, suite, name, tmp_path):
    ours, official = open_both(geobench, suite, name)
    arrays = open_arrays(ours, tmp_path, Silent())
    for partition in ours.partitions():
        official.set_partition(partition)
        found = ours.partition(partition)
        theirs = official.active_partition.partition_dict
        assert theirs == {"train": list(found.train), "valid": list(found.valid), "test": list(found.test)}
    n_seen = 0
    for split in ("train", "valid", "test"):
        official.set_partition("default")
        official.set_split(split)
        for sample in official.iter_dataset():
            row = arrays.rows([sample.sample_name])[0]
            pixels, band_names = sample.pack_to_3d(band_names=official.band_names)
            np.testing.assert_array_equal(arrays.pixels[row], np.moveaxis(pixels, -1, 0), strict=True)
            assert band_names == [band.name for band in ours.bands]
            label = sample.label.data if hasattr(sample.label, "data") and name == "demo-crops" else sample.label
            np.testing.assert_array_equal(arrays.labels[row], label)
            n_seen += 1
    assert n_seen == len(ours.samples)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:No geotransformation")
def test_it_passes_the_packages_own_checks(geobench, suite, name, recwarn):
    _, official = open_both(geobench, suite, name)
    geobench.dataset.check_dataset_integrity(official, samples=None, max_count=40)
    assert not [warning for warning in recwarn if "Partition names" in str(warning.message)]


@pytest.mark.parametrize("name", NAMES)
def test_task_and_statistics_read_alike(geobench, suite, name):
    ours, official = open_both(geobench, suite, name)
    task = official.task_specs
    assert task.bands_info == geobench.dataset.sentinel2_13_bands
    assert [asdict_of(band) for band in task.bands_info] == [
        asdict_of(band) for band in geobench.dataset.sentinel2_13_bands
    ]
    assert (task.dataset_name, task.benchmark_name, task.patch_size) == (name, "demo", (64, 64))
    assert task.label_type.n_classes == ours.spec.n_classes == len(TASKS[name].class_names)
    assert ours.spec.class_names == TASKS[name].class_names
    theirs = {band: statistics.to_dict() for band, statistics in official.band_stats.items()}
    assert {band: asdict(statistics) for band, statistics in ours.band_statistics().items()} == theirs


def asdict_of(band):
    return {**vars(band), "alt_names": tuple(band.alt_names)}


@pytest.mark.parametrize("name", NAMES)
def test_statistics_are_those_the_package_computes_over_train(geobench, suite, name):
    ours, official = open_both(geobench, suite, name)
    official.set_split("train")
    _, computed = geobench.dataset.compute_dataset_statistics(official, n_value_per_image=None)
    stored = json.loads((ours.directory / "band_stats.json").read_bytes())
    for band in ours.bands:
        assert stored[band.name] == pytest.approx(computed[band.name].to_dict(), rel=1e-9), band.name
    assert stored.keys() == {band.name for band in ours.bands} | {"label"}

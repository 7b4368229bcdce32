"""Tasks of MMEarth-Bench come back as they were written, and each share of train is tested at two kinds of places."""

import json

import h5py
import numpy as np
import pytest

import harness.data.sources.mmearth_bench.tiles
from harness.data.sources import open_dataset
from harness.data.sources.mmearth_bench.dataset import ELSEWHERE, TASKS_OF_TILES
from harness.data.suites import discover
from harness.errors import UserError
from mmearth_bench_files import S2, SIDE, SPECIES, SPLITS, N, simulated_patches, write_task


@pytest.fixture(scope="module")
def patches():
    return simulated_patches()


def read(root, test=""):
    (ref,) = [ref for ref in discover(root) if ref.name.endswith(ELSEWHERE) == bool(test)]
    return open_dataset(ref)


@pytest.mark.parametrize("task", TASKS_OF_TILES)
def test_a_task_has_its_kind_of_labels(tmp_path, patches, task):
    write_task(tmp_path, task, patches)
    dataset = read(tmp_path)
    label = dataset.read_sample("000003").label
    assert (dataset.suite, len(dataset.samples)) == ("mmearth-bench", 10)
    if task == "species":
        assert dataset.spec.class_names == tuple(sorted(SPECIES, key=SPECIES.__getitem__))
        assert label.tolist() == [1, 1, 1]
        assert dataset.read_sample("000001").label.tolist() == [0, 1, 0]
    elif task == "biomass":
        np.testing.assert_allclose(label[::4, ::4], patches.optical["B8"][3, ::4, ::4] / 100, rtol=1e-6)
        assert np.isnan(label).sum() == SIDE * SIDE - (SIDE // 4) ** 2
    else:
        np.testing.assert_allclose(label, [patches.optical["B8"][3].mean() / 1000])


@pytest.mark.parametrize("block_bytes", [2**29, 10_000], ids=["whole chunks", "row by row"])
def test_pixels_are_the_bands_of_their_names(tmp_path, patches, monkeypatch, block_bytes):
    monkeypatch.setattr(harness.data.sources.mmearth_bench.tiles, "BLOCK_BYTES", block_bytes)
    write_task(tmp_path, "soil_pH", patches)
    dataset = read(tmp_path)
    for row in (7, 2, 11):
        sample = dataset.read_sample(f"{row:06}")
        found = dict(zip([band.name for band in dataset.bands], sample.pixels, strict=True))
        for name in S2:
            np.testing.assert_array_equal(found[name], patches.optical[name][row], err_msg=name)
        np.testing.assert_array_equal(found["asc VH"], patches.radar["VH"][row] - 1)
        np.testing.assert_array_equal(found["desc VV"], patches.radar["VV"][row] - 4)
        assert sample.date == patches.days[row]
        assert sample.place == pytest.approx((-20 + 70 * row / 11, -30 + 60 * row / 11))


def test_each_share_of_train_is_tested_at_random_places_and_in_africa(tmp_path, patches):
    write_task(tmp_path, "species", patches)
    random, elsewhere = read(tmp_path), read(tmp_path, ELSEWHERE)
    assert [random.name, elsewhere.name] == ["species", "species-geographic"]
    assert random.file_of("000000") == elsewhere.file_of("000000")
    for name, percent in {"default": 100, "0.50x_train": 50, "0.05x_train": 5}.items():
        near, far = random.partition(name), elsewhere.partition(name)
        assert (near.train, near.valid) == (far.train, far.valid)
        assert [int(row) for row in near.train] == SPLITS[f"train_{percent}%_indices"]
        assert [int(row) for row in near.test] == SPLITS["random_test_indices"]
        assert [int(row) for row in far.test] == SPLITS["geographic_test_indices"]
    assert random.partitions() == elsewhere.partitions() == ["0.05x_train", "0.50x_train", "default"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda file: file.__delitem__("Sentinel1"), "holds no array 'Sentinel1'"),
        (lambda file: file.__delitem__("soil_pH"), "holds no array 'soil_pH'"),
        (lambda file: _replace(file, "soil_pH", [1.0]), "soil_pH has 1 rows, row 3 is wanted"),
        (lambda file: _replace(file, "Sentinel2", np.zeros((N, 3, 4, 4))), "Sentinel2 has shape"),
        (lambda file: _replace(file, "sentinel2_date", ["yesterday"] * N), "sentinel2_date has 'yesterday' in row 3"),
        (lambda file: _replace(file, "ETH_GCH", h5py.SoftLink("/id")), "holds no array 'ETH_GCH'"),
    ],
)
def test_what_is_missing_or_damaged_is_one_line(tmp_path, patches, damage, problem):
    folder = write_task(tmp_path, "soil_pH", patches)
    with h5py.File(folder / "soil_pH.h5", "r+") as file:
        damage(file)
    with pytest.raises(UserError, match=rf"^soil_pH/soil_pH\.h5: {problem}[^\n]*Download the file again$"):
        read(tmp_path).read_sample("000003")


def _replace(file, key, values):
    del file[key]
    file[key] = values


def test_a_file_that_is_cut_off_is_one_line(tmp_path, patches):
    file = write_task(tmp_path, "species", patches) / "species.h5"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"^species/species\.h5: cannot be read \("):
        read(tmp_path).partition("default")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("species_split_data.json", SPLITS | {"val_indices": [1.5]}, "val_indices is no list of rows"),
        ("species_split_data.json", SPLITS | {"val_indices": [0]}, "000000 is in train and valid"),
        ("species_split_data.json", SPLITS | {"val_indices": [99]}, "000099 is missing"),
        ("species_labels.json", {"a": 0, "b": 0}, "numbers from 0 on, one a species"),
        ("species_labels.json", {"Canis lupus": 0}, "'Lepus capensis' is no species"),
    ],
)
def test_splits_and_names_that_do_not_fit_are_told(tmp_path, patches, name, content, problem):
    (write_task(tmp_path, "species", patches) / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match=problem):
        (dataset := read(tmp_path)).partition("default") and dataset.read_sample("000001")

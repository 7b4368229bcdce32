"""Broken files are named one by one, and stored statistics are held against those of the pixels."""

import json

import h5py
import numpy as np
import pytest

from geobench_files import BLUE, RED, read_dataset, write_dataset, write_mask_dataset, write_partition
from harness.data.downloads.verify import verify_dataset, verify_images
from harness.records.progress import Silent
from own_images import write_classes


@pytest.fixture
def toy(tmp_path):
    """Six samples of blue and red, whose statistics are those of the train split."""
    directory = write_dataset(tmp_path)
    write_true_statistics(directory)
    return directory


def write_true_statistics(directory):
    """By NumPy, over the samples that the partition `default` trains on."""
    train = json.loads((directory / "default_partition.json").read_text())["train"]
    stored = json.loads((directory / "band_stats.json").read_text())
    for name in stored:
        values = np.stack([h5py.File(directory / f"{sample}.hdf5")[name][:] for sample in train]).astype(float)
        stored[name] |= {"mean": values.mean(), "std": values.std()}
    (directory / "band_stats.json").write_text(json.dumps(stored))


def problems(tmp_path, name="toy"):
    return verify_dataset(read_dataset(tmp_path, name), Silent(), 1).problems


def test_a_sound_dataset_has_no_problems(tmp_path, toy):
    verdict = verify_dataset(read_dataset(tmp_path), Silent(), 1)
    assert (verdict.n_samples, verdict.n_compared, verdict.problems) == (6, 2, ())


def test_every_broken_file_is_named_and_the_others_are_read(tmp_path, toy):
    (toy / "id_1.hdf5").write_bytes((toy / "id_1.hdf5").read_bytes()[:700])
    (toy / "id_2.hdf5").write_bytes(b"")
    found = problems(tmp_path)
    assert [line.split(": ")[0] for line in found] == ["toy/id_1.hdf5", "toy/id_2.hdf5"]


def test_what_nobody_foresaw_costs_the_samples_that_it_happens_to(tmp_path, toy, monkeypatch):
    def read(dataset, names, workers):
        yield from ()
        raise ZeroDivisionError(names[0])

    monkeypatch.setattr("harness.data.downloads.verify.read_samples", read)
    found = problems(tmp_path)
    assert [line.split(".")[0] for line in found[:6]] == [f"ZeroDivisionError: id_{i}" for i in range(6)]
    assert all("no value in the files" in line for line in found[6:])


def test_a_missing_sample_is_told(tmp_path, toy):
    (toy / "id_4.hdf5").unlink()
    assert "id_4.hdf5 is missing: the download is incomplete" in problems(tmp_path)[0]


@pytest.mark.parametrize(
    ("key", "factor", "told"), [("mean", 1.01, False), ("mean", 2, True), ("std", 1.05, False), ("std", 2, True)]
)
def test_statistics_of_other_pixels_are_told_by_band(tmp_path, toy, key, factor, told):
    path = toy / "band_stats.json"
    stored = json.loads(path.read_text())
    stored["04 - Red"][key] *= factor
    path.write_text(json.dumps(stored))
    assert ["toy/band_stats.json: 04 - Red has mean" in line for line in problems(tmp_path)] == [True] * told


def test_a_band_without_statistics_is_told(tmp_path, toy):
    stored = json.loads((toy / "band_stats.json").read_text())
    del stored["02 - Blue"]
    (toy / "band_stats.json").write_text(json.dumps(stored))
    assert problems(tmp_path) == ("toy/band_stats.json: no statistics of band 02 - Blue. Download the file again",)


def test_statistics_are_of_the_train_split_alone(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 100, (4, 2, 8, 8)).astype("uint16")
    masks = np.zeros((4, 8, 8), "uint8")
    splits = {
        split: {"pixels": pixels + (1000 if split == "test" else 0), "masks": masks}
        for split in ("train", "valid", "test")
    }
    directory = write_mask_dataset(tmp_path, splits, [BLUE, RED], ["a", "b"])
    assert len(problems(tmp_path, "fields")) == 2  # the writer's are over all splits
    write_true_statistics(directory)
    assert problems(tmp_path, "fields") == ()


def test_a_damaged_partition_is_one_line_and_no_statistics_are_compared(tmp_path, toy):
    write_partition(toy, "default", train=[], valid=["id_0"], test=["id_1"])
    verdict = verify_dataset(read_dataset(tmp_path), Silent(), 1)
    assert verdict.n_compared == 0
    assert ["is empty" in line for line in verdict.problems] == [True]


def test_images_that_cannot_be_opened_are_named(tmp_path):
    write_classes(tmp_path / "pictures", n=3)
    (tmp_path / "pictures" / "dark" / "1.png").write_bytes(b"no picture")
    verdict = verify_images(tmp_path / "pictures", Silent())
    assert verdict.n_samples == 6
    assert [str(tmp_path / "pictures" / "dark" / "1.png") in line for line in verdict.problems] == [True]

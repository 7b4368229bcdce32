"""Bad input: one clear line that names the file and the remedy, and the other runs unharmed."""

import json
import shutil

import h5py
import numpy as np
import pytest

from command_line import harness
from generated_patches import COVERS, SCENES
from geobench_files import SUITE, write_dataset, write_partition

GOOD = SCENES
PATCHES = object()
"""Stands for the root of the generated patches."""
DEFAULT = "default_partition.json"


def edit_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def lose_partition(folder):
    (folder / DEFAULT).unlink()


def lose_sample(folder):
    (folder / "id_0007.hdf5").unlink()


def cut_sample(folder):
    content = (folder / "id_0000.hdf5").read_bytes()
    (folder / "id_0000.hdf5").write_bytes(content[: len(content) // 3])


def poison_sample(folder):
    with h5py.File(folder / "id_0005.hdf5", "a") as file:
        file.attrs["pickle"] = repr(b"cos\nsystem\n(S'touch EXECUTED'\ntR.")


def poison_task(folder):
    (folder / "task_specs.pkl").write_bytes(b"cos\nsystem\n(S'touch EXECUTED'\ntR.")


def escape_folder(folder):
    edit_json(folder / DEFAULT, lambda splits: splits["train"].append("../../../secret"))


def flatten_band(folder):
    edit_json(folder / "band_stats.json", lambda stats: stats["04 - Red"].update(std=0.0))


def empty_test(folder):
    edit_json(folder / DEFAULT, lambda splits: splits["test"].clear())


DAMAGES = [
    (lose_partition, ["default_partition.json", "0.50x_train"]),
    (lose_sample, ["id_0007", "download"]),
    (cut_sample, ["id_0000.hdf5"]),
    (poison_sample, ["id_0005.hdf5", "system"]),
    (poison_task, ["task_specs.pkl", "system"]),
    (escape_folder, ["default_partition.json", "../../../secret"]),
    (flatten_band, ["band_stats.json", "04 - Red", "std 0"]),
    (empty_test, ["default_partition.json", "test"]),
]


@pytest.mark.parametrize(("damage", "expected"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_damaged_dataset_fails_alone_with_one_line(damage, expected, patches, tmp_path):
    suite = tmp_path / "data" / SUITE
    for name in (GOOD, "damaged"):
        shutil.copytree(patches / SUITE / GOOD, suite / name)
    damage(suite / "damaged")
    finished = run("--geobench-dir", tmp_path / "data", cwd=tmp_path)
    assert finished.returncode == 1
    lines = [line for line in finished.stderr.splitlines() if line.startswith("failed: ")]
    assert len(lines) == 1, finished.stderr
    assert "Traceback" not in finished.stderr
    for words in ("damaged", *expected):
        assert words in lines[0]
    assert not list(tmp_path.rglob("EXECUTED"))
    assert rows(tmp_path) == [GOOD]


def run(*arguments, cwd):
    return harness(
        "run", "--backbone", "image_statistics", "--protocols", "knn", "--cache-dir", cwd / "cache", *arguments, cwd=cwd
    )  # fmt: skip


def rows(folder):
    return harness("sql", "SELECT dataset FROM runs", "--format", "csv", cwd=folder).stdout.split()[1:]


def test_pixels_without_data_are_told_and_counted(patches, tmp_path):
    suite = tmp_path / "data" / SUITE
    shutil.copytree(patches / SUITE / GOOD, suite / GOOD)
    with h5py.File(suite / GOOD / "id_0003.hdf5", "a") as file:
        file["VV"][5, 5:8] = np.nan
    finished = run("--geobench-dir", tmp_path / "data", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    notes = [line for line in finished.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert "id_0003" in notes[0]
    assert "VV" in notes[0]
    provenance = harness("sql", "SELECT provenance FROM runs", "--format", "json", cwd=tmp_path).stdout
    assert json.loads(json.loads(provenance)[0]["provenance"])["pixels_without_data"] == {"VV": 3}


def test_a_train_split_with_one_class_fails_the_linear_probe_alone(tmp_path):
    """`write_dataset` gives sample i the class i % 3, so samples 0 and 3 are of one class."""
    toy = write_dataset(tmp_path / "data", n_samples=6)
    write_partition(toy, "default", train=["id_0", "id_3"], valid=["id_1"], test=["id_2", "id_4", "id_5"])
    finished = run("--geobench-dir", tmp_path / "data", "--protocols", "linear_probe,knn", cwd=tmp_path)
    assert finished.returncode == 1
    (failure,) = [line for line in finished.stderr.splitlines() if line.startswith("failed: ")]
    assert "at least two" in failure
    query = "SELECT protocol FROM runs"
    assert harness("sql", query, "--format", "csv", cwd=tmp_path).stdout.split() == ["protocol", "knn"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--geobench-dir", "nowhere"), "nowhere (given as --geobench-dir) is not a directory"),
        (("--geobench-dir", PATCHES, "--datasets", "scene"), f"Did you mean {SCENES}?"),
        (("--geobench-dir", PATCHES, "--seeds", "a"), "--seeds"),
        (("--geobench-dir", PATCHES, "--datasets", COVERS), "nothing to run"),
        (("--geobench-dir", PATCHES, "--backbone", "mp_mae", "--datasets", GOOD), "--weights"),
    ],
)
def test_wrong_usage_exits_2_with_one_line(arguments, expected, patches, tmp_path):
    finished = run(*(patches if value is PATCHES else value for value in arguments), cwd=tmp_path)
    assert finished.returncode == 2
    assert expected in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("option", ["--cache-dir", "--db"])
def test_a_directory_that_is_not_writable_is_named(option, patches, tmp_path):
    (tmp_path / "file").write_text("in the way")
    target = tmp_path / "file" / "below"
    finished = run("--geobench-dir", patches, option, target, cwd=tmp_path)
    assert finished.returncode != 0
    assert str(target) in finished.stderr.replace("\n", "")
    assert "Pass --cache-dir" in finished.stderr or "Name a place you can write to" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_debug_shows_the_traceback(tmp_path):
    finished = run("--geobench-dir", "nowhere", "--debug", cwd=tmp_path)
    assert "Traceback" in finished.stderr

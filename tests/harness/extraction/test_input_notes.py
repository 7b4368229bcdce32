"""Odd input: a dataset that is one number everywhere is refused, a band that is one is written into the row."""

import csv
import io
import json

import numpy as np
import pytest

from command_line import harness
from geobench_files import BLUE, RED, SUITE, write_dataset, write_sample


def run(cwd, backbone, *more):
    return harness(
        "run", "--backbone", backbone, "--geobench-dir", cwd / "data", "--cache-dir", cwd / "cache", "--protocols",
        "knn", "--workers", 1, *more, cwd=cwd,
    )  # fmt: skip


def notes(cwd):
    query = "SELECT provenance->'input_notes' AS notes FROM runs"
    (row,) = csv.DictReader(io.StringIO(harness("sql", query, "--format", "csv", cwd=cwd).stdout))
    return json.loads(row["notes"])


@pytest.fixture
def constant(tmp_path):
    """Makes bands of the toy dataset one number in all samples."""
    directory = write_dataset(tmp_path / "data", n_samples=9)

    def make(*bands):
        for i in range(9):
            noise = np.random.default_rng(i).integers(0, 4000, (4, 4)).astype(np.uint16)
            values = [(band, np.full((4, 4), 700, np.uint16) if band in bands else noise, None) for band in (BLUE, RED)]
            write_sample(directory.parent.parent / SUITE / "toy", f"id_{i}", values, label=i % 3)

    return make


def test_a_band_that_is_one_number_is_noted(constant, tmp_path):
    constant(RED)
    assert run(tmp_path, "image_statistics").returncode == 0
    assert notes(tmp_path) == ["band 04 - Red is the same in all pixels of 9 images"]


def test_images_that_are_one_number_are_refused(constant, tmp_path):
    constant(BLUE, RED)
    done = run(tmp_path, "image_statistics")
    assert done.returncode == 1
    assert "02 - Blue 04 - Red entered the network as one number each" in done.stderr
    assert "Traceback" not in done.stderr


def test_bands_that_are_mostly_filled_are_noted_in_the_plan_and_in_the_row(tmp_path):
    write_dataset(tmp_path / "data", n_samples=9)
    done = run(tmp_path, "random_init_demo", "--missing-bands", "zero")
    assert "10 of 12 bands are not in the dataset and are filled" in done.stderr
    assert notes(tmp_path) == ["10 of 12 bands are not in the dataset and were filled"]


def test_ordinary_input_needs_no_note(tmp_path):
    write_dataset(tmp_path / "data", n_samples=9)
    assert run(tmp_path, "image_statistics").returncode == 0
    assert notes(tmp_path) == []

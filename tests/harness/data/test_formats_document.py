"""Whoever follows docs/formats.md alone writes arrays that are read: the program in it is run as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

from geobench_files import BLUE, RED, read_dataset, write_dataset, write_sample
from harness.data.arrays import is_converted, open_arrays
from harness.records.progress import Silent
from recorded_progress import Log

DOCUMENT = Path(__file__).parents[3] / "docs" / "formats.md"


@pytest.fixture
def write_arrays():
    programs = [text for text in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.S) if "def " in text]
    assert len(programs) == 1
    defined = {}
    exec(programs[0], defined)
    return defined["write_arrays"]


def write_by_hand(dataset, cache_dir, write_arrays, change=0):
    names = sorted(dataset.samples)
    samples = [dataset.read_sample(name) for name in names]
    write_arrays(
        cache_dir,
        dataset.suite,
        dataset.name,
        {name: dataset.directory / f"{name}.hdf5" for name in names},
        [("02 - Blue", "Sentinel2", None), ("04 - Red", "Sentinel2", None)],
        "single_label",
        3,
        np.stack([sample.pixels for sample in samples]) + np.float32(change),
        np.stack([sample.label for sample in samples]),
    )


@pytest.fixture
def dataset(tmp_path):
    directory = write_dataset(tmp_path, dtype="float32", n_samples=40)
    holes = np.full((4, 4), np.nan, np.float32)
    write_sample(directory, "id_7", [(BLUE, np.ones((4, 4), np.float32), None), (RED, holes, None)], label=1)
    return read_dataset(tmp_path)


def test_arrays_that_were_written_by_hand_are_compared_once_and_then_used(dataset, tmp_path, write_arrays):
    converted = open_arrays(dataset, tmp_path / "ours", Silent())
    write_by_hand(dataset, tmp_path / "theirs", write_arrays)
    log = Log()
    found = open_arrays(dataset, tmp_path / "theirs", log)
    assert log.steps == [("reading toy again", 40)], "compared with the files, not converted"
    assert is_converted(dataset, tmp_path / "theirs")
    assert found.content_sha256 == converted.content_sha256
    np.testing.assert_array_equal(found.pixels[:], converted.pixels[:])
    np.testing.assert_array_equal(found.labels, converted.labels)
    of_holes = [(a.n_nonfinite, a.n_nonfinite_samples, a.first_nonfinite_band) for a in (found, converted)]
    assert of_holes == [({"04 - Red": 16}, 1, "04 - Red")] * 2


def test_arrays_that_are_not_of_these_files_are_made_anew(dataset, tmp_path, write_arrays):
    write_by_hand(dataset, tmp_path / "theirs", write_arrays, change=1)
    log = Log()
    found = open_arrays(dataset, tmp_path / "theirs", log)
    assert log.steps[-1] == ("converting toy", 40)
    np.testing.assert_array_equal(found.pixels[0], dataset.read_sample(found.samples[0]).pixels)

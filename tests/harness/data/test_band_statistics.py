"""Band statistics, their unit, and statistics that cannot normalise."""

import json

import numpy as np
import pytest

from geobench_files import BLUE, RED, STATISTICS, band, read_dataset, write_dataset, write_statistics, write_task
from harness.data.dataset import normalisation
from harness.errors import UserError


def test_statistics_are_read_by_band(tmp_path):
    write_statistics(write_dataset(tmp_path), [BLUE], mean=5.0, percentile_99_9=7.0)
    blue = read_dataset(tmp_path).band_statistics()["02 - Blue"]
    assert (blue.mean, blue.std, blue.percentile_99_9) == (5.0, 1.0, 7.0)


def test_so2sat_statistics_are_brought_to_the_unit_of_its_pixels(tmp_path):
    directory = write_dataset(tmp_path, "m-so2sat")
    radar = band("06 - VV.LEE Filtered", "Sentinel1")
    write_task(directory, [radar, BLUE, RED])
    write_statistics(directory, [radar, BLUE, RED], mean=2_000.0, std=500.0)
    statistics = read_dataset(tmp_path, "m-so2sat").band_statistics()
    assert (statistics["02 - Blue"].mean, statistics["02 - Blue"].std) == (0.2, 0.05)
    assert statistics["06 - VV.LEE Filtered"].mean == 2_000.0


def test_normalisation_follows_the_sources_and_leaves_zeros_alone(tmp_path):
    directory = write_dataset(tmp_path)
    values = {
        "04 - Red": {**dict.fromkeys(STATISTICS, 1.0), "mean": 10.0, "std": 2.0},
        "02 - Blue": {**dict.fromkeys(STATISTICS, 1.0), "mean": 20.0, "std": 4.0},
    }
    (directory / "band_stats.json").write_text(json.dumps(values))
    mean, std = normalisation(read_dataset(tmp_path), ("02 - Blue", None, "04 - Red", "02 - Blue"))
    assert (mean.tolist(), std.tolist()) == ([20, 0, 10, 20], [4, 1, 2, 4])
    assert (mean.dtype, std.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(
    "changed",
    [
        {"std": 0.0},
        {"std": -1.0},
        {"std": float("nan")},
        {"std": float("inf")},
        {"mean": float("nan")},
        {"std": 1e-50},
        {"mean": 1e39},
        {"mean": 10**400},
    ],
    ids=str,
)
def test_statistics_that_cannot_normalise_name_file_band_and_remedy(tmp_path, changed):
    write_statistics(write_dataset(tmp_path), [BLUE, RED], **changed)
    with pytest.raises(UserError, match=r'toy/band_stats\.json: band "04 - Red" has mean .* Correct the file'):
        normalisation(read_dataset(tmp_path), ["04 - Red"])


def test_a_band_without_statistics_is_named_with_those_that_have_some(tmp_path):
    write_statistics(write_dataset(tmp_path), [BLUE])
    with pytest.raises(UserError, match=r'toy/band_stats\.json: no statistics of band "04 - Red", only of 02 - Blue'):
        normalisation(read_dataset(tmp_path), ["02 - Blue", "04 - Red"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[1]", "a JSON object is wanted"),
        ('{"02 - Blue": 3}', "02 - Blue: an object of statistics is wanted"),
        ('{"02 - Blue": {"mean": 3}}', "02 - Blue: min is missing"),
        (json.dumps({"02 - Blue": dict.fromkeys(STATISTICS, "3")}), "02 - Blue: min is not a number"),
    ],
)
def test_a_damaged_file_of_statistics_is_named(tmp_path, text, said):
    (write_dataset(tmp_path) / "band_stats.json").write_text(text)
    with pytest.raises(UserError, match=rf"^toy/band_stats\.json: .*{said}"):
        read_dataset(tmp_path).band_statistics()


def test_missing_statistics_are_named(tmp_path):
    (write_dataset(tmp_path) / "band_stats.json").unlink()
    with pytest.raises(UserError, match=r"toy/band_stats\.json: cannot be read \(No such file"):
        read_dataset(tmp_path).band_statistics()


def test_statistics_of_an_open_dataset_are_read_once(tmp_path):
    """A plan asks for them in each of its cells."""
    write_statistics(write_dataset(tmp_path), [BLUE, RED], mean=5.0)
    dataset = read_dataset(tmp_path)
    assert dataset.statistics.of_channel["04 - Red"].mean == 5.0
    (dataset.directory / "band_stats.json").unlink()
    assert normalisation(dataset, ["02 - Blue"]).mean.tolist() == [5.0]


def test_statistics_in_which_a_fill_value_counted_as_a_measurement_are_refused(tmp_path):
    write_statistics(write_dataset(tmp_path), [BLUE, RED], mean=-3.4e36, std=1e37)
    with pytest.raises(UserError, match=r"toy/band_stats\.json: band \"02 - Blue\" has mean .*Look for a fill value"):
        normalisation(read_dataset(tmp_path), ["02 - Blue"])

"""What the benchmark against torchgeo-bench writes and concludes, without torchgeo-bench."""

import numpy as np
import pytest
from against_torchgeo_bench.environment import NotInstallableError, make_environment
from against_torchgeo_bench.images import PARTITIONS, draw_images, write_images
from bench_against_torchgeo_bench import disagreements, missed, table

from geobench_files import read_dataset
from harness.demo.geobench_format import BANDS

STATISTICS = {band.name: (1_000.0 + 100 * row, 200.0) for row, band in enumerate(BANDS)}


def took(seconds: float) -> dict[str, float]:
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_gb": 1.5}


def test_its_images_are_a_dataset_that_our_reader_reads(tmp_path):
    write_images(tmp_path, {"train": 24, "valid": 4, "test": 4}, STATISTICS)
    dataset = read_dataset(tmp_path, "m-eurosat")
    assert set(dataset.partitions()) == {"default", *PARTITIONS}
    assert len(dataset.partition("0.50x_train").train) == 12
    assert len(dataset.partition("0.01x_train").train) == 10
    expected = list(draw_images(32, STATISTICS))
    sample = dataset.read_sample("id_00017")
    np.testing.assert_array_equal(sample.pixels, expected[17])
    assert sample.label == 7
    assert np.mean(expected) == pytest.approx(np.mean([mean for mean, _ in STATISTICS.values()]), rel=0.1)


def test_a_ratio_is_the_median_of_those_of_each_turn():
    turns = [{"ours": took(a), "theirs": took(b), "cached": took(2)} for a, b in ((10, 20), (20, 60), (10, 40))]
    head = "| EfficientNet-Lite0, k-NN + linear probe, from nothing | 4,000 |"
    assert f"{head} 10.0 s | 40.0 s | **3.0** | 3 | 3.0 | 1.50 / 1.50 |" in table({"lite0": turns}, lambda _: 4_000)
    assert missed({"lite0": turns}) == []
    turns[2]["theirs"] = took(25)
    (words,) = missed({"lite0": turns})
    assert words.endswith("2.5 times as fast, goal 3")


def test_scores_that_differ_are_said():
    scores = {"ours": {"knn": 0.9, "linear_probe": 0.90}, "theirs": {"knn": 0.80, "linear_probe": 0.92}}
    found = disagreements("lite0", {**scores, "neighbours_by_their_rule": 0.805})
    assert found == ["lite0: linear probe: ours 0.900, torchgeo-bench 0.920, more than 0.015 apart"]
    assert disagreements("statistics", scores) == []


def test_where_it_cannot_be_installed_one_line_says_why(tmp_path):
    with pytest.raises(NotInstallableError, match=r"cannot be installed by /no/python: No such file or directory$"):
        make_environment(tmp_path, "/no/python")

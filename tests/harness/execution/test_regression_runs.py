"""Numbers through the whole command: from labels in GEO-Bench's layout to the leaderboard."""

import json

import numpy as np
import pytest
from sklearn.metrics import r2_score

from command_line import harness
from geobench_files import BLUE, RED, write_number_dataset
from harness.data.sources.geobench.published import ENTRIES, Entry
from harness.metrics.regression import VALUE_METRICS

NAMES = ("yield", "moisture")


def draw_split(rng, n, shuffled=False):
    """The mean colours of an image decide its two numbers, but for a little noise; or nothing does."""
    colours = rng.random((n, 2))
    pixels = (1_000 + 1_000 * colours[:, :, None, None] + rng.integers(0, 50, (n, 2, 8, 8))).astype(np.uint16)
    numbers = np.column_stack([10 * colours[:, 0], 300 + colours[:, 0] - colours[:, 1]])
    numbers += np.array([0.3, 0.03]) * rng.standard_normal(numbers.shape)
    return {"pixels": pixels, "numbers": rng.permutation(numbers) if shuffled else numbers}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    for dataset, shuffled in (("yields", False), ("nonsense", True)):
        rng = np.random.default_rng(0)
        sizes = {"train": 60, "valid": 30, "test": 80}
        splits = {split: draw_split(rng, n, shuffled) for split, n in sizes.items()}
        write_number_dataset(folder / "data", splits, [BLUE, RED], NAMES, dataset)
    arguments = (
        "run", "--backbone", "image_statistics", "--geobench-dir", folder / "data", "--cache-dir", folder / "cache",
        "--device", "cpu", "--protocols", "linear_probe,knn,few_shot", "--partitions", "default", "--shots", "5",
        "--budgets", "10,40", "--seeds", "0-1", "--select", "cv",
    )  # fmt: skip
    return folder, harness(*arguments, cwd=folder)


def rows(folder, query):
    return json.loads(harness("sql", query, "--format", "json", cwd=folder).stdout)


def test_numbers_are_predicted_and_nonsense_is_not(finished):
    folder, _ = finished
    found = rows(folder, "SELECT dataset, protocol, avg(value) AS r2 FROM leaderboard GROUP BY ALL")
    r2 = {(row["dataset"], row["protocol"]): row["r2"] for row in found}
    assert set(r2) == {(d, p) for d in ("yields", "nonsense") for p in ("linear_probe", "knn", "few_shot")}
    assert r2["yields", "linear_probe"] > 0.97  # the noise is a tenth of the deviation
    assert r2["yields", "knn"] > 0.8
    assert r2["yields", "few_shot"] > 0.9
    assert all(r2["nonsense", protocol] < 0.1 for protocol in ("linear_probe", "knn", "few_shot"))


def test_every_metric_is_stored_with_its_interval_and_of_each_number(finished):
    folder, _ = finished
    found = rows(folder, "SELECT DISTINCT split, metric FROM metrics WHERE ci_low < value AND value < ci_high")
    assert {(row["split"], row["metric"]) for row in found} >= {("test", metric) for metric in VALUE_METRICS}
    found = rows(folder, "SELECT DISTINCT metric, class_name FROM class_metrics")
    assert {(row["metric"], row["class_name"]) for row in found} == {(m, name) for m in VALUE_METRICS for name in NAMES}


def test_numbers_have_no_classes_to_draw_shots_from(finished):
    folder, told = finished
    partitions = rows(folder, "SELECT DISTINCT partition FROM runs WHERE protocol = 'few_shot' ORDER BY ALL")
    assert [row["partition"] for row in partitions] == ["n=10", "n=40"]
    assert "--shots of numbers: they have no classes to be drawn by. Use --budgets" in " ".join(told.stderr.split())


def test_single_predictions_are_kept_as_they_were_made(finished):
    folder, _ = finished
    found = rows(
        folder,
        "SELECT target, predicted FROM value_predictions JOIN runs USING (run_id)"
        " WHERE dataset = 'yields' AND protocol = 'linear_probe' AND split = 'test' ORDER BY position",
    )
    target, predicted = (np.array([row[name] for row in found]) for name in ("target", "predicted"))
    assert target.shape == predicted.shape == (80, 2)
    (stored,) = rows(
        folder,
        "SELECT value FROM leaderboard WHERE dataset = 'yields' AND protocol = 'linear_probe'",
    )
    assert r2_score(target, predicted) == pytest.approx(stored["value"])


def test_a_row_says_which_way_its_headline_points(finished):
    folder, _ = finished
    assert rows(folder, "SELECT DISTINCT metric, higher_is_better FROM runs") == [
        {"metric": "r2", "higher_is_better": True}
    ]


def test_two_protocols_are_compared_image_by_image(finished):
    folder, _ = finished
    sides = "image_statistics:linear_probe", "image_statistics:knn"
    told = harness("compare", *sides, "--format", "json", cwd=folder)
    assert told.returncode == 0, told.stderr
    (yields,) = [row for row in json.loads(told.stdout) if row["dataset"] == "yields"]
    assert yields["difference"] == pytest.approx(0.121, abs=5e-4)
    assert yields["p_adjusted"] < 0.001  # of no difference, paired over 80 images


def test_where_a_benchmark_ranks_by_an_error_the_smallest_is_chosen_and_the_row_says_so(
    finished, tmp_path, monkeypatch
):
    folder, _ = finished
    monkeypatch.setitem(ENTRIES, "yields", Entry(metric="rmse"))
    arguments = (
        "run", "--backbone", "image_statistics", "--geobench-dir", folder / "data", "--cache-dir", folder / "cache",
        "--device", "cpu", "--datasets", "yields", "--protocols", "linear_probe,knn", "--partitions", "default",
    )  # fmt: skip
    told = harness(*arguments, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    found = rows(
        tmp_path,
        "SELECT protocol, metric, higher_is_better, value FROM runs JOIN metrics USING (run_id, metric)"
        " WHERE split = 'test'",
    )
    assert {(row["metric"], row["higher_is_better"]) for row in found} == {("rmse", False)}
    error = {row["protocol"]: row["value"] for row in found}
    assert error["linear_probe"] == pytest.approx((0.3 + 0.03) / 2, rel=0.2)  # the noise of the two numbers
    assert error["linear_probe"] < error["knn"]

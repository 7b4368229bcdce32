"""A number a pixel goes through the whole command, and what is kept of each image gives every metric again."""

import json

import numpy as np
import pytest

from command_line import harness
from harness.data.sources import SOURCES
from toy_source import TOY, write_toy

N, SIDE = 24, 12


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Heights are a linear map of both channels but for noise; a strip of each image and one test image have none."""
    folder = tmp_path_factory.mktemp("heights")
    rng = np.random.default_rng(0)
    pixels = rng.random((N, 2, SIDE, SIDE)).astype(np.float32)
    heights = 300 + 10 * pixels[:, 0] - 5 * pixels[:, 1] + 0.3 * rng.standard_normal((N, SIDE, SIDE))
    heights[:, :3] = np.nan
    heights[-1] = np.nan
    described = {"label_kind": "pixel_regression", "class_names": ["height"]}
    write_toy(folder / "data", "heights", pixels, heights.astype(np.float32), **described)
    arguments = (
        "run", "--backbone", "image_statistics", "--geobench-dir", folder / "data", "--cache-dir", folder / "cache",
        "--device", "cpu", "--protocols", "linear_probe,knn", "--partitions", "default", "--seeds", "0-1",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SOURCES, TOY.name, TOY)
        return folder, harness(*arguments, cwd=folder)


def rows(folder, query):
    return json.loads(harness("sql", query, "--format", "json", cwd=folder).stdout)


def test_what_is_linear_is_predicted_and_other_protocols_are_skipped(finished):
    folder, told = finished
    assert told.returncode == 0, told.stderr
    found = rows(folder, "SELECT seed, metric, value, ci_low, ci_high FROM leaderboard ORDER BY seed")
    assert [(row["seed"], row["metric"]) for row in found] == [(0, "r2"), (1, "r2")]
    variance = (100 + 25) / 12
    for row in found:
        assert row["value"] == pytest.approx(1 - 0.09 / (variance + 0.09), abs=0.003)
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert "knn does not take pixel_regression labels" in " ".join(told.stderr.split())


def test_sums_of_each_image_give_the_metrics_again(finished):
    folder, _ = finished
    found = rows(folder, "SELECT * FROM error_sums JOIN runs USING (run_id) WHERE seed = 0 ORDER BY position")
    assert [row["n_pixels"] for row in found] == [(SIDE - 3) * SIDE] * 5 + [0]
    n, target, squares, error, absolute = (
        sum(row[name] for row in found)
        for name in ("n_pixels", "sum_target", "sum_squared_target", "sum_squared_error", "sum_absolute_error")
    )
    stored = rows(
        folder,
        "SELECT metrics.metric, value FROM metrics JOIN runs USING (run_id) WHERE seed = 0 AND split = 'test'",
    )
    assert {row["metric"]: row["value"] for row in stored} == {
        "r2": pytest.approx(1 - error / (squares - target**2 / n)),
        "mae": pytest.approx(absolute / n),
        "rmse": pytest.approx(np.sqrt(error / n)),
    }

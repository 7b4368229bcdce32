"""Pixels without image data: part of training and metrics as always, unless they are to be ignored."""

import json

import numpy as np
import pytest

from command_line import harness
from harness.campaign.plan import build_plan
from harness.campaign.request import make_request
from harness.data.sources import SOURCES
from harness.execution.execute import execute
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent
from harness.show.reproduce import reproducing_command
from toy_source import TOY, write_toy

N, SIDE, BLANK = 24, 12, 20
CLASSES = {"label_kind": "segmentation", "class_names": ["dark", "bright"]}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Brightness tells the class; in a corner of 20 px both channels have no data, in another one only."""
    monkeypatch.setitem(SOURCES, TOY.name, TOY)
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, (N, SIDE, SIDE)).astype(np.uint8)
    pixels = (0.2 + 0.5 * masks[:, None] + 0.1 * rng.random((N, 2, SIDE, SIDE))).astype(np.float32)
    pixels[:, :, :4, :5] = -1
    pixels[:, 0, 8:, 7:] = -1
    masks[:, :4, :5] = rng.integers(0, 2, (N, 4, 5))

    def make(*, holes=True, ignore, labels=masks, **described):
        root = tmp_path / f"{holes}{len(described)}"
        if not root.exists():
            write_toy(root, "fields", pixels if holes else abs(pixels), labels, **(described or CLASSES))
        request = make_request(
            backbones=["image_statistics"], weights=[], datasets=[], protocols=["linear_probe"],
            partitions=["default"], seeds=[0], shots=[], budgets=[], device="cpu", geobench_dir=root,
            train_draw="partition", selection="valid", missing_bands="error", db=tmp_path / "b.duckdb",
            cache_dir=tmp_path / "cache", ignore_nodata=ignore,
        )  # fmt: skip
        workbench = Workbench(Places(cache_dir=tmp_path / "cache", device="cpu"), Silent())
        (line,) = build_plan(request, workbench, convert=True)
        assert line.job, line.reason
        return line.job, workbench

    return make


def counted(record):
    return [sum(row.n_pixels) for row in record.mask_counts]


def test_metrics_of_masks_are_of_pixels_that_have_data(made):
    (usual, workbench), (fewer, _) = made(ignore=False), made(ignore=True)
    assert (usual.run.ignore_nodata, fewer.run.ignore_nodata) == (False, True)
    assert usual.run_id != fewer.run_id
    records = [execute(job, workbench) for job in (usual, fewer)]
    assert counted(records[0]) == [SIDE * SIDE] * (N // 4)
    assert counted(records[1]) == [SIDE * SIDE - BLANK] * (N // 4)
    scores = [
        next(row.value for row in record.metrics if (row.split, row.metric) == ("test", "miou")) for record in records
    ]
    assert scores[1] == pytest.approx(1), "what has data is told by its brightness"
    # Of 144 pixels 20 are a toss-up: some 10 wrong, of about 72 + 10 that are one class or are called so.
    assert scores[0] == pytest.approx(1 - 10 / 77, abs=0.06)
    assert "ignore_nodata" not in records[0].run.configuration
    command = [
        reproducing_command("image_statistics", record.run.configuration, record.run.provenance) for record in records
    ]
    assert ["--ignore-nodata" in text for text in command] == [False, True]


def test_numbers_of_pixels_are_judged_where_there_is_data(made):
    heights = np.random.default_rng(1).random((N, SIDE, SIDE)).astype(np.float32)
    heights[:, 0, 0] = np.nan  # in the corner without data
    heights[:, 0, 11] = np.nan
    job, workbench = made(ignore=True, labels=heights, label_kind="pixel_regression", class_names=["height"])
    record = execute(job, workbench)
    assert [row.n_pixels for row in record.error_sums] == [SIDE * SIDE - BLANK - 1] * (N // 4)


def test_the_command_line_asks_for_it_and_keeps_both_kinds_of_runs_apart(made, tmp_path):
    made(ignore=False)
    command = (
        "run", "--backbone", "image_statistics", "--geobench-dir", tmp_path / "True0", "--workers", "1",
        "--cache-dir", tmp_path / "cache", "--protocols", "linear_probe", "--device", "cpu",
    )  # fmt: skip
    for options in ((), ("--ignore-nodata",)):
        done = harness(*command, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    rows = json.loads(
        harness(
            "sql", "SELECT configuration ->> '$.ignore_nodata' AS ignored, curve_id, sum(list_sum(n_pixels)) AS pixels "
            "FROM runs JOIN mask_counts USING (run_id) GROUP BY ALL ORDER BY pixels", "--format", "json", cwd=tmp_path,
        ).stdout
    )  # fmt: skip
    assert [(row["ignored"], int(row["pixels"])) for row in rows] == [
        ("true", (SIDE * SIDE - BLANK) * N // 4),
        (None, SIDE * SIDE * N // 4),
    ]
    assert rows[0]["curve_id"] != rows[1]["curve_id"], "they are never averaged"


def test_where_all_pixels_have_data_it_is_the_same_run(made):
    (usual, _), (asked, _) = (made(holes=False, ignore=ignore) for ignore in (False, True))
    assert usual.run_id == asked.run_id


def test_labels_of_images_are_not_concerned(made):
    labels = np.arange(N) % 2
    described = {"label_kind": "single_label", "class_names": ["a", "b"]}
    usual, asked = (made(ignore=ignore, labels=labels, **described)[0] for ignore in (False, True))
    assert usual.run_id == asked.run_id

"""Areas through the whole command: from masks in GEO-Bench's layout to a curve in the leaderboard."""

import json
import re

import numpy as np
import pytest
from sklearn.metrics import r2_score

from command_line import harness
from geobench_files import BLUE, RED, write_dataset, write_mask_dataset
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.data.suites import discover
from harness.execution.materials import build_material, read_targets
from harness.execution.workbench import Workbench
from harness.protocols import find_protocol
from harness.records.job import Places
from harness.records.labels import IGNORED, LabelKind
from harness.records.progress import Silent
from harness.tasks import AREAS

CLASSES = ["field", "water"]


def draw_split(rng, n):
    """The share of water decides the mean colour of an image; the first image has no label."""
    water = (rng.random((n, 12, 12)) < rng.random(n)[:, None, None]).astype(int)
    pixels = np.stack([1_000 + 1_000 * water, 2_000 - 1_000 * water], axis=1) + rng.integers(0, 200, (n, 2, 12, 12))
    masks = water.astype(np.uint8)
    masks[:, 0] = IGNORED
    masks[0] = IGNORED
    return {"pixels": pixels.astype(np.uint16), "masks": masks}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("areas")
    rng = np.random.default_rng(0)
    splits = {"train": draw_split(rng, 30), "valid": draw_split(rng, 6), "test": draw_split(rng, 12)}
    write_mask_dataset(folder / "data", splits, [BLUE, RED], CLASSES)
    write_dataset(folder / "data")
    return folder


@pytest.fixture(scope="module")
def finished(data):
    arguments = (
        "run", "--backbone", "image_statistics", "--geobench-dir", data / "data", "--cache-dir", data / "cache",
        "--device", "cpu", "--protocols", "few_shot_area", "--shots", "2,5", "--budgets", "10,20,30,40",
        "--seeds", "0-1",
    )  # fmt: skip
    return data, harness(*arguments, cwd=data)


def rows(folder, query):
    return json.loads(harness("sql", query, "--format", "json", cwd=folder).stdout)


def plan(data, **changes):
    asked = {
        "backbones": ["image_statistics", "random_init"],
        "weights": [],
        "geobench_dir": data / "data",
        "datasets": ("fields",),
        "protocols": ("few_shot_area",),
        "partitions": ("default",),
        "seeds": (0, 1),
        "train_draw": "partition",
        "selection": "valid",
        "shots": (),
        "budgets": (10, 20, 30),
        "missing_bands": "zero",
        "db": data / "x.duckdb",
        "cache_dir": data / "cache",
        "device": "cpu",
    }
    request = make_request(**{**asked, **changes})
    workbench = Workbench(Places(cache_dir=request.cache_dir, device="cpu"), Silent())
    return build_plan(request, workbench, convert=True), workbench


def test_scores_are_there_and_what_makes_no_sense_is_skipped_with_a_reason(finished):
    folder, printed = finished
    assert printed.returncode == 0, printed.stderr
    said = re.sub(r"\s+", " ", printed.stderr)
    assert "(4 runs of few_shot_area): --shots of masks: one shows several classes, so they cannot be drawn" in said
    assert "n=40 wants 40 train samples; default has 30" in said
    assert "toy, image_statistics (12 runs of few_shot_area): few_shot_area does not take single_label labels" in said
    found = rows(folder, "SELECT * FROM leaderboard ORDER BY partition, seed")
    assert [(row["partition"], row["seed"]) for row in found] == [(f"n={n}", s) for n in (10, 20, 30) for s in (0, 1)]
    assert {(row["metric"], row["suite"]) for row in found} == {("r2", "user:data")}
    assert all(row["ci_low"] < row["value"] < row["ci_high"] <= 1 for row in found)
    assert min(row["value"] for row in found) > 0.8
    assert {row["n_labels_fit"] for row in found if row["partition"] == "n=30"} == {29}  # one has no labelled pixel
    assert {row["n_labels_select"] for row in found} == {0}


def test_every_metric_is_stored_and_classes_by_their_names(finished):
    folder, _ = finished
    found = rows(folder, "SELECT DISTINCT split, metric FROM metrics ORDER BY ALL")
    assert [(row["split"], row["metric"]) for row in found] == [
        (split, metric) for split in ("test", "valid") for metric in ("mae", "r2", "rmse")
    ]
    found = rows(
        folder, "SELECT metric, class_name, count(*) AS runs FROM class_metrics WHERE split = 'test' GROUP BY ALL"
    )
    assert {(row["metric"], row["class_name"], row["runs"]) for row in found} == {
        (metric, name, 6) for metric in ("r2", "mae", "rmse") for name in CLASSES
    }
    (row,) = rows(folder, "SELECT provenance FROM runs WHERE partition = 'n=30' AND seed = 0")
    ran_with = json.loads(row["provenance"])["ran_with"]
    assert ran_with["unlabelled_train_images"] == 1
    assert rows(folder, "SELECT count(*) AS n FROM predictions")[0]["n"] == 0


def test_the_curve_is_one_over_labelled_images(finished):
    folder, _ = finished
    found = rows(folder, "SELECT axis, partition, n_labels FROM label_efficiency ORDER BY n_labels")
    assert [(row["axis"], row["partition"]) for row in found] == [("images", f"n={n}") for n in (10, 20, 30)]
    drawn = harness("curve", "--protocols", "few_shot_area", cwd=folder)
    assert drawn.returncode == 0, drawn.stderr
    assert "fields, few_shot_area" in drawn.stdout


def test_draws_are_nested_seeded_and_the_same_for_all_backbones(data):
    lines, workbench = plan(data)
    drawn = {}
    for line in lines:
        assert line.state is State.NEW, line.reason
        key = line.cell.seed, line.cell.partition
        drawn.setdefault(key, set()).add(line.job.run.partition_sha256)
    assert all(len(hashes) == 1 for hashes in drawn.values())
    assert len(set.union(*drawn.values())) == 2 * 3
    (ref,) = [ref for ref in discover(data / "data") if ref.name == "fields"]
    small, large = (workbench.drawn_partition(ref, f"n={n}", "seed", 0).train for n in (10, 20))
    assert large[:10] == small
    assert set(workbench.drawn_partition(ref, "n=10", "seed", 1).train) != set(small)


def test_asking_to_choose_in_another_way_is_the_same_run(data):
    ids = [{line.job.run_id for line in plan(data, selection=way)[0]} for way in ("valid", "cv", "none")]
    assert ids[0] == ids[1] == ids[2]


def test_a_backbone_needs_no_features_of_pixels(data, monkeypatch):
    from baselines.image_statistics import ImageStatistics

    original = ImageStatistics.__init__
    monkeypatch.setattr(ImageStatistics, "__init__", lambda self, **fields: original(self, **{**fields, "pyramid": ()}))
    lines, _ = plan(data, backbones=["image_statistics"], protocols=("few_shot_area", "linear_probe"))
    assert {(line.cell.protocol, line.state) for line in lines} == {
        ("few_shot_area", State.NEW),
        ("linear_probe", State.SKIPPED),
    }


def test_stored_scores_are_those_of_the_predictions_and_masks(finished):
    folder, _ = finished
    lines, workbench = plan(folder, backbones=["image_statistics"], seeds=(1,), budgets=(20,))
    (job,) = [line.job for line in lines]
    partition = workbench.drawn_partition(job.dataset, "n=20", job.run.train_draw, 1)
    entry = find_protocol("few_shot_area", LabelKind.SEGMENTATION)
    material = build_material(job, partition, workbench, entry)
    assert len(material.features("train")) == len(material.labels("train")) == 20 - material.n_unlabelled
    assert np.isnan(material.labels("valid")[0]).all()
    predicted = entry.function(material, entry.settings, 1).test_scores
    areas = read_targets(job, partition.test, workbench, AREAS)
    (row,) = rows(folder, "SELECT value FROM leaderboard WHERE partition = 'n=20' AND seed = 1")
    assert row["value"] == pytest.approx(r2_score(areas[1:], predicted[1:]))

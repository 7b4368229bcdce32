"""Draws in the plan: equal for all backbones and protocols, part of the identity, skipped where train is too small."""

import json

import numpy as np
import pytest

from command_line import harness
from geobench_files import write_dataset, write_partition
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.data.suites import discover
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent


@pytest.fixture
def data(tmp_path):
    """72 samples of three classes, 36 to train on; a partition with 9 of them."""
    directory = write_dataset(tmp_path / "data", n_samples=72)
    names = [f"id_{i}" for i in range(72)]
    write_partition(directory, "0.25x_train", train=names[36:45], valid=names[:18], test=names[18:36])
    write_partition(directory, "default", train=names[36:], valid=names[:18], test=names[18:36])
    return tmp_path / "data"


def plan(data, **changes):
    asked = {
        "backbones": ["image_statistics", "random_init"],
        "weights": [],
        "geobench_dir": data,
        "datasets": (),
        "protocols": ("linear_probe", "knn"),
        "partitions": ("0.25x_train",),
        "seeds": (0, 1),
        "train_draw": "seed",
        "selection": "valid",
        "shots": (1, 5),
        "budgets": (10, 500),
        "missing_bands": "zero",
        "db": data / "x.duckdb",
        "cache_dir": data / "cache",
        "device": "cpu",
    }
    request = make_request(**{**asked, **changes})
    workbench = Workbench(Places(cache_dir=request.cache_dir, device="cpu"), Silent())
    return build_plan(request, workbench, convert=True), workbench


def test_draws_are_identical_for_all_backbones_and_protocols(data):
    lines, _ = plan(data, protocols=("linear_probe", "knn", "few_shot", "few_shot_ridge"), budgets=(10,))
    drawn = {}
    for line in lines:
        drawn.setdefault((line.cell.seed, line.cell.partition), set()).add(line.job.run.partition_sha256)
    assert len(drawn) == 2 * 4
    assert all(len(hashes) == 1 for hashes in drawn.values())
    assert len(set.union(*drawn.values())) == 2 * 4


def test_a_partition_keeps_its_size_and_another_seed_draws_others(data):
    lines, workbench = plan(data, backbones=["image_statistics"], protocols=("knn",))
    (ref,) = discover(data)
    file = workbench.partition(ref, "0.25x_train")
    draws = [workbench.drawn_partition(ref, "0.25x_train", line.job.run.train_draw, line.cell.seed) for line in lines]
    assert [len(draw.train) for draw in draws] == [9, 9]
    assert len({file.train, *(draw.train for draw in draws)}) == 3
    labels = workbench.arrays(ref).labels
    rows = workbench.arrays(ref).rows(draws[0].train)
    assert np.bincount(labels[rows]).tolist() == [3, 3, 3]


def test_without_a_draw_a_run_has_the_partition_of_the_file(data):
    lines, workbench = plan(data, train_draw="partition", seeds=(0,))
    (ref,) = discover(data)
    assert {line.job.run.partition_sha256 for line in lines} == {workbench.partition(ref, "0.25x_train").sha256}
    assert {line.job.run.train_draw for line in lines} == {"partition"}


def test_few_shot_protocols_run_on_few_labels_and_others_on_partitions(data):
    lines, _ = plan(data, protocols=("few_shot", "knn"), backbones=["image_statistics"], seeds=(0,))
    cells = [(line.cell.protocol, line.cell.partition, line.state) for line in lines]
    assert cells == [
        ("few_shot", "k=1", State.NEW),
        ("few_shot", "k=5", State.NEW),
        ("few_shot", "n=10", State.NEW),
        ("few_shot", "n=500", State.SKIPPED),
        ("knn", "0.25x_train", State.NEW),
    ]
    assert lines[3].reason == "n=500 wants 500 train samples; default has 36"
    assert {line.job.run.train_draw for line in lines[:3]} == {"seed"}  # whatever --train-draw says


def test_any_protocol_runs_on_few_labels_if_asked_by_name(data):
    (line,), _ = plan(
        data,
        protocols=("knn",),
        partitions=("k=5",),
        backbones=["image_statistics"],
        seeds=(0,),
        train_draw="partition",
    )
    assert line.job.run.partition == "k=5"
    assert line.job.run.train_draw == "seed"


def test_selection_is_part_of_the_identity_only_where_something_is_chosen(data):
    protocols = ("linear_probe", "knn", "few_shot", "few_shot_nearest_mean", "few_shot_forest", "few_shot_ridge")
    ids = {}
    for selection in ("valid", "cv"):
        lines, _ = plan(data, protocols=protocols, selection=selection, backbones=["image_statistics"], budgets=())
        for line in lines:
            ids.setdefault(line.cell.protocol, set()).add((line.cell, line.job.run_id))
    n_cells = {protocol: 2 * (1 if protocol in ("linear_probe", "knn") else 2) for protocol in protocols}
    choosing = {protocol for protocol in protocols if len(ids[protocol]) == 2 * n_cells[protocol]}
    assert choosing == {"linear_probe", "knn", "few_shot", "few_shot_ridge"}
    assert all(len(ids[protocol]) == n_cells[protocol] for protocol in set(protocols) - choosing)


def test_all_is_a_budget_of_every_train_image_of_the_dataset(data):
    """So it is a point of the same curve, of whatever dataset."""
    asked = {"protocols": ("few_shot",), "shots": (), "seeds": (0,), "backbones": ["image_statistics"]}
    lines, workbench = plan(data, budgets=(10, "all"), **asked)
    assert [line.cell.partition for line in lines] == ["n=10", "n=36"]
    (ref,) = discover(data)
    drawn = workbench.drawn_partition(ref, "n=36", lines[1].job.run.train_draw, 0)
    assert set(drawn.train) == set(workbench.partition(ref, "default").train)


def test_few_shot_from_the_command_line_to_sql(data, tmp_path):
    run = (
        "run", "--backbone", "image_statistics", "--geobench-dir", data, "--cache-dir", tmp_path / "cache",
        "--protocols", "few_shot,few_shot_nearest_mean,few_shot_forest,few_shot_ridge", "--shots", "2",
        "--budgets", "10,500,all", "--seeds", "0-2", "--select", "cv",
    )  # fmt: skip
    finished = harness(*run, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert "n=500 wants 500 train samples; default has 36" in finished.stderr
    query = (
        "SELECT protocol, partition, count(DISTINCT seed) AS draws, count(DISTINCT value) > 1 AS differ, "
        "min(n_labels_fit) AS fit, max(n_labels_select) AS choose FROM leaderboard GROUP BY ALL ORDER BY ALL"
    )
    rows = json.loads(harness("sql", query, "--format", "json", cwd=tmp_path).stdout)
    assert [(row["protocol"], row["partition"], row["draws"], row["fit"], row["choose"]) for row in rows] == [
        (protocol, partition, 3, fit, 0)
        for protocol in ("few_shot", "few_shot_forest", "few_shot_nearest_mean", "few_shot_ridge")
        for partition, fit in (("k=2", 6), ("n=10", 10), ("n=36", 36))
    ]
    assert any(row["differ"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--seeds", "0-999999999"), "--seeds: 0-999999999 are more than the 10,000 numbers that a range may have"),
        (("--seeds", "3-1"), "--seeds: expected numbers separated by commas, or a range, found '3-1'"),
        (("--protocols", "few_shot", "--shots", "0"), "--shots: Input should be greater than 0"),
        (("--protocols", "few_shot", "--shots", "", "--budgets", ""), "pass --shots, --budgets or both"),
        (("--protocols", "few_shot", "--shots", "x"), "--shots: expected numbers"),
        (("--protocols", "few_shot", "--budgets", "5,every,all"), "--budgets: expected numbers"),
    ],
)
def test_wrong_lists_are_named(data, tmp_path, arguments, expected):
    finished = harness("run", "--backbone", "image_statistics", "--geobench-dir", data, *arguments, cwd=tmp_path)
    assert finished.returncode == 2
    assert expected in finished.stderr

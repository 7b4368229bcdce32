"""A source of data that is one file and one line in the table goes all the way through `harness run`."""

import json

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

import harness.store.arrays
from harness.cli.app import app
from harness.data.dataset import normalisation
from harness.data.sources import SOURCES
from harness.data.suites import discover
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent
from toy_source import SUITE, TOY, write_toy

N = 80
QUESTION = """
    SELECT dataset, suite, runs.metric, value, configuration, provenance FROM runs JOIN metrics USING (run_id)
    WHERE split = 'test' AND metrics.metric = runs.metric
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, TOY.name, TOY)
    return tmp_path / "data"


def toy_pixels():
    """(N, 2, 4, 4) float32 whose first channel says how much there is of something; and how much."""
    generator = np.random.default_rng(0)
    amount = generator.uniform(0.2, 0.8, N)
    pixels = generator.normal(0.5, 0.1, (N, 2, 4, 4)).clip(0).astype(np.float32)
    pixels[:, 0] = (amount[:, None, None] + generator.normal(0, 0.01, (N, 4, 4))).astype(np.float32)
    return pixels, amount


def evaluate(root, tmp_path, *options, backbone="image_statistics"):
    """The row of the one run that was asked for."""
    db = tmp_path / "leaderboard.duckdb"
    arguments = ["run", "--backbone", backbone, "--geobench-dir", root, "--protocols", "linear_probe"]
    arguments += ["--db", db, "--cache-dir", tmp_path / "cache", "--workers", "1", "--partitions", "default", *options]
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 0, done.output
    with duckdb.connect(str(db), read_only=True) as connection:
        (row,) = connection.sql(QUESTION).fetchall()
    return row


def test_classes_are_learnt_with_statistics_computed_on_train(root, tmp_path):
    pixels, amount = toy_pixels()
    pixels[3, 1, 0, :2] = -1  # the declared value for no data
    labels = (amount > 0.5).astype(np.int64)
    write_toy(root, "greens", pixels, labels, label_kind="single_label", class_names=["a", "b"])
    dataset, suite, metric, value, configuration, provenance = evaluate(root, tmp_path, "--datasets", "greens")
    assert (dataset, suite, metric) == ("greens", SUITE, "accuracy")
    assert value >= 0.8, "one of two classes is 0.5"
    train = pixels[: N // 2].astype(np.float64)
    train[train == -1] = np.nan
    used = json.loads(configuration)["normalisation_statistics"]
    np.testing.assert_allclose(used["mean"], np.nanmean(train, axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(used["std"], np.nanstd(train, axis=(0, 2, 3)), rtol=1e-6)
    assert json.loads(provenance)["pixels_without_data"] == {"nir": 2}


def test_a_fill_value_that_nobody_declared_counts_in_no_statistics(root, tmp_path):
    pixels, amount = toy_pixels()
    pixels[3, 1, 0, 0] = -3.4e38
    labels = (amount > 0.5).astype(np.int64)
    write_toy(root, "greens", pixels, labels, label_kind="single_label", class_names=["a", "b"])
    (ref,) = discover(root)
    workbench = Workbench(Places(cache_dir=tmp_path / "cache", device="cpu"), Silent())
    train = pixels[: N // 2, 1].astype(np.float64)
    used = normalisation(workbench.measured_dataset(ref), ["nir"])
    np.testing.assert_allclose(used.mean, train[train > -1e15].mean(), rtol=1e-6)
    np.testing.assert_allclose(used.std, train[train > -1e15].std(), rtol=1e-6)
    assert workbench.arrays(ref).n_nonfinite == {"nir": 1}


BY_DAY = """
import torch
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.facts import Fact


class Days(Backbone):
    def embed(self, x, facts):
        taken = torch.cat([facts.circumstances.day[:, None], facts.circumstances.place], dim=1)
        return Features(vector=(taken / 100).nan_to_num(-1).float(), maps=())


def build(weights, seed):
    inputs = InputSpec(bands=("red",), uses=frozenset({Fact.DAY, Fact.PLACE}))
    return Days(inputs=inputs, origin=Origin(weights_sha256="0" * 64, description=""), pyramid=())
"""


def test_a_backbone_is_told_day_and_place_of_each_image(root, tmp_path):
    pixels, amount = toy_pixels()
    labels = (amount > 0.5).astype(np.int64)
    days = {f"{row:03}": f"2020-0{3 + 3 * label}-01" for row, label in enumerate(labels) if row}  # of the first unknown
    said = {"dates": days, "places": {name: [9.5, 47.1] for name in days}}
    write_toy(root, "greens", pixels, labels, label_kind="single_label", class_names=["a", "b"], **said)
    (tmp_path / "days.py").write_text(BY_DAY)
    backbone = f"{tmp_path / 'days.py'}:build"
    *_, value, configuration, _ = evaluate(root, tmp_path, "--datasets", "greens", backbone=backbone)
    assert value == 1.0, "the day tells the class"
    assert "facts" not in json.loads(configuration), "they are in each sample's checksum"


def test_a_dataset_of_which_every_day_and_place_is_known_can_be_read_back(root, tmp_path):
    pixels, amount = toy_pixels()
    names = [f"{row:03}" for row in range(N)]
    said = {"dates": dict.fromkeys(names, "2020-03-01"), "places": {name: [9, 47] for name in names}}
    write_toy(root, "tonnes", pixels, amount[:, None], label_kind="regression", class_names=["amount"], **said)
    (ref,) = discover(root)
    arrays = Workbench(Places(cache_dir=tmp_path / "cache", device="cpu"), Silent()).arrays(ref)
    assert set(arrays.days.tolist()) == {18322.0}
    assert set(map(tuple, arrays.places.tolist())) == {(9.0, 47.0)}


def test_statistics_are_computed_anew_where_large_arrays_are_found_damaged(root, tmp_path, monkeypatch):
    monkeypatch.setattr(harness.store.arrays, "CHECKED_AT_ONCE", 0)
    pixels, amount = toy_pixels()
    labels = (amount > 0.5).astype(np.int64)
    write_toy(root, "greens", pixels, labels, label_kind="single_label", class_names=["a", "b"])
    first = evaluate(root, tmp_path, "--datasets", "greens")
    (stored,) = (tmp_path / "cache" / "arrays").rglob("pixels.npy")
    damaged = bytearray(stored.read_bytes())
    damaged[500] ^= 0xFF
    stored.chmod(0o644)
    stored.write_bytes(damaged)
    (tmp_path / "leaderboard.duckdb").unlink()
    assert evaluate(root, tmp_path, "--datasets", "greens")[:5] == first[:5]


def test_numbers_are_learnt(root, tmp_path):
    pixels, amount = toy_pixels()
    write_toy(root, "tonnes", pixels, amount[:, None], label_kind="regression", class_names=["amount"])
    dataset, _, metric, value, _, _ = evaluate(root, tmp_path, "--datasets", "tonnes")
    assert (dataset, metric) == ("tonnes", "r2")
    assert value > 0.9


def test_a_partition_that_is_not_there_is_named(root, tmp_path):
    pixels, amount = toy_pixels()
    write_toy(root, "tonnes", pixels, amount[:, None], label_kind="regression", class_names=["amount"])
    arguments = ["run", "--backbone", "image_statistics", "--geobench-dir", root, "--protocols", "knn", "--db"]
    arguments += [tmp_path / "b.duckdb", "--cache-dir", tmp_path / "cache", "--partitions", "0.5x_train"]
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == 2
    assert "unknown partition '0.5x_train'. There are: default" in done.output

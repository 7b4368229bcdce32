"""Whatever happened to the cache or the data since, a run's score is what a fresh cache would give."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import harness.store.arrays
from command_line import harness as command
from geobench_files import BLUE, RED, write_dataset, write_mask_dataset, write_sample
from harness.campaign.executors.local import execute_safely
from harness.campaign.plan import build_plan
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.job import Failure, Places
from harness.records.progress import Silent
from leaderboards.query import run_query

N = 30
ROOT = Path(__file__).parents[3]


@pytest.fixture
def images(tmp_path):
    """Brightness tells the class, more or less."""
    directory = write_dataset(tmp_path / "data", n_samples=N)
    write_images(directory, seed=0)
    return directory


@pytest.fixture
def masks(tmp_path):
    rng = np.random.default_rng(0)
    splits = {}
    for split, n in (("train", 8), ("valid", 4), ("test", 4)):
        water = rng.integers(0, 2, (n, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
        pixels = 1000 + 1000 * water[:, None] + rng.integers(0, 900, (n, 2, 16, 16))
        splits[split] = {"pixels": pixels.astype(np.uint16), "masks": water.astype(np.uint8)}
    return write_mask_dataset(tmp_path / "data", splits, [BLUE, RED], ["field", "water"])


@pytest.fixture(params=["small", "large"])
def size(request, monkeypatch):
    """Large arrays are checked as they are read, in the middle of a run."""
    if request.param == "large":
        monkeypatch.setattr(harness.store.arrays, "CHECKED_AT_ONCE", 0)


def write_images(directory, seed):
    rng = np.random.default_rng(seed)
    for index in range(N):
        pixels = (1000 + 300 * (index % 3) + rng.integers(0, 500, (2, 4, 4))).astype(np.uint16)
        write_sample(directory, f"id_{index}", [(BLUE, pixels[0], None), (RED, pixels[1], None)], label=index % 3)


def run(tmp_path, db, *options, backbone="image_statistics", cache="cache"):
    done = command(
        "run", "--backbone", backbone, "--geobench-dir", tmp_path / "data", "--protocols", "linear_probe",
        "--missing-bands", "zero", "--cache-dir", tmp_path / cache, "--db", db, "--device", "cpu", "--workers", "1",
        *options, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def predictions(tmp_path, db):
    return run_query(tmp_path / db, "SELECT split, metric, value FROM metrics ORDER BY ALL").rows


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_damaged_pixels_and_features_are_made_anew_and_said(tmp_path, images, size):
    run(tmp_path, "first.duckdb")
    (pixels,) = tmp_path.glob("cache/arrays/*/*/pixels.npy")
    flip(pixels)
    shutil.rmtree(tmp_path / "cache" / "features")
    second = run(tmp_path, "second.duckdb")
    assert re.search(r"pixels\.npy: rows 0 to 29 are not what was written", second.stderr.replace("\n", " "))
    (features,) = tmp_path.glob("cache/features/*/vectors.npy")
    flip(features)
    third = run(tmp_path, "third.duckdb")
    assert re.search(r"vectors\.npy: rows 0 to 29 are not what was written", third.stderr.replace("\n", " "))
    expected = predictions(tmp_path, "first.duckdb")
    assert expected == predictions(tmp_path, "second.duckdb") == predictions(tmp_path, "third.duckdb")


def test_damaged_maps_are_made_anew_and_said(tmp_path, masks, size):
    run(tmp_path, "first.duckdb", backbone="random_init_demo")
    (finest, *_) = sorted(tmp_path.glob("cache/pixel_features/*/stride_*.npy"))
    flip(finest)
    second = run(tmp_path, "second.duckdb", backbone="random_init_demo")
    assert re.search(r"stride_1\.npy: rows 0 to 15 are not what was written", second.stderr.replace("\n", " "))
    assert predictions(tmp_path, "first.duckdb") == predictions(tmp_path, "second.duckdb")


def test_files_exchanged_under_the_same_size_and_time_give_what_a_fresh_cache_gives(tmp_path, images):
    """As `rsync -a` or an archive with fixed times leave them. The old score used to be served from all caches."""
    run(tmp_path, "board.duckdb")
    before = {path: path.stat() for path in images.glob("*.hdf5")}
    write_images(images, seed=1)
    for path, status in before.items():
        assert path.stat().st_size == status.st_size
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    run(tmp_path, "board.duckdb")
    run(tmp_path, "fresh.duckdb", cache="fresh")
    query = "SELECT value FROM leaderboard ORDER BY finished_at"
    old, new = (value for (value,) in run_query(tmp_path / "board.duckdb", query).rows)
    ((fresh,),) = run_query(tmp_path / "fresh.duckdb", query).rows
    assert new == fresh
    assert old != fresh, "the exchange changes the score"


def test_verify_data_reads_every_file_and_says_so(tmp_path, images):
    run(tmp_path, "board.duckdb")
    done = run(tmp_path, "board.duckdb", "--verify-data")
    assert "toy: all 30 samples are as they were converted" in done.stderr


def test_what_extracted_the_features_is_in_the_row_and_shown(tmp_path, images):
    run(tmp_path, "board.duckdb")
    ((provenance, run_id),) = run_query(tmp_path / "board.duckdb", "SELECT provenance, run_id FROM runs").rows
    extraction = json.loads(provenance)["extraction"]
    assert (extraction["device"], extraction["precision"]) == ("cpu", "float32")
    shown = command("show", run_id, "--db", "board.duckdb", cwd=tmp_path)
    assert re.search(r'extraction: .*"device": "cpu"', shown.stdout)


def test_features_say_what_extracted_them_not_what_uses_them(tmp_path, images, monkeypatch):
    monkeypatch.setattr("harness.execution.workbench.describe_extraction", lambda device: {"device": "another machine"})
    run(tmp_path, "first.duckdb")
    monkeypatch.undo()
    run(tmp_path, "second.duckdb")
    ((provenance,),) = run_query(tmp_path / "second.duckdb", "SELECT provenance FROM runs").rows
    assert json.loads(provenance)["extraction"] == {"device": "another machine"}


MEANS = """
import torch
from baselines.contract import Backbone, Features, InputSpec, Origin


class Means(Backbone):
    def embed(self, x, facts):
        return Features(vector=self.w * x.mean(dim=(2, 3)), maps=())


def build(weights, seed):
    means = Means(inputs=InputSpec(bands=None), origin=Origin(weights_sha256="0" * 64, description=""), pyramid=())
    means.register_buffer("w", torch.tensor(float(weights.read_text())))
    return means
"""


def planned(tmp_path, workbench, backbone="image_statistics", weights=()):
    """The one job of a k-nearest-neighbour run, made by a workbench."""
    request = make_request(
        backbones=[backbone], weights=[*map(str, weights)], datasets=[], protocols=["knn"],
        partitions=["default"], seeds=[0], shots=[], budgets=[], device="cpu", geobench_dir=tmp_path / "data",
        train_draw="partition", selection="valid", missing_bands="zero", db=tmp_path / "board.duckdb",
        cache_dir=tmp_path / "cache",
    )  # fmt: skip
    (line,) = build_plan(request, workbench, convert=True)
    return line.job


@pytest.fixture
def places(tmp_path):
    return Places(cache_dir=tmp_path / "cache", device="cpu")


def test_data_that_changed_after_the_plan_are_not_filed_under_it(tmp_path, images, places):
    job = planned(tmp_path, Workbench(places, Silent()))
    write_images(images, seed=1)
    outcome = execute_safely(job, Workbench(places, Silent()))
    assert isinstance(outcome, Failure)
    assert "toy: its files changed since the run was planned. Run the command again" in outcome.message


def test_weights_that_changed_after_the_plan_are_not_filed_under_it(tmp_path, images, places):
    (tmp_path / "means.py").write_text(MEANS)
    weights = tmp_path / "w"
    weights.write_text("1")
    job = planned(tmp_path, Workbench(places, Silent()), f"{tmp_path}/means.py:build", [weights])
    weights.write_text("2")
    outcome = execute_safely(job, Workbench(places, Silent()))
    assert isinstance(outcome, Failure)
    assert f"{weights}: the backbone changed since the run was planned. Run the command again" in outcome.message
    weights.write_text("1")
    assert not isinstance(execute_safely(job, Workbench(places, Silent())), Failure)


def test_a_file_that_changes_while_the_plan_is_made_is_built_anew(tmp_path, images, places):
    (tmp_path / "means.py").write_text(MEANS)
    weights, workbench = tmp_path / "w", Workbench(places, Silent())
    weights.write_text("1")
    first = planned(tmp_path, workbench, f"{tmp_path}/means.py:build", [weights])
    features = workbench.features(first)
    (tmp_path / "means.py").write_text(MEANS.replace("self.w * ", "-"))
    second = planned(tmp_path, workbench, f"{tmp_path}/means.py:build", [weights])
    np.testing.assert_array_equal(workbench.features(second), -features)


@pytest.mark.slow
def test_runs_killed_while_they_fill_the_cache_leave_nothing_that_changes_a_score(tmp_path, masks):
    """Killed as soon as something unfinished lies in the cache, at first pixels, then maps; and a little later."""
    command_line = [
        sys.executable, "-m", "harness", "run", "--backbone", "random_init_demo", "--geobench-dir", tmp_path / "data",
        "--protocols", "linear_probe", "--missing-bands", "zero", "--cache-dir", tmp_path / "cache", "--workers", "1",
        "--db", tmp_path / "killed.duckdb", "--device", "cpu",
    ]  # fmt: skip
    killed_while = []
    for delay in (0.0, 0.05):
        for kind in ("arrays", "pixel_features"):
            with subprocess.Popen(command_line, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run_:
                while run_.poll() is None and not list((tmp_path / "cache" / kind).rglob("*.partial")):
                    time.sleep(0.005)
                time.sleep(delay)
                run_.kill()
            killed_while += [path.name for path in (tmp_path / "cache").rglob("*.partial")]
    assert killed_while, "something was caught in the making"
    run(tmp_path, "after.duckdb", backbone="random_init_demo")
    run(tmp_path, "fresh.duckdb", backbone="random_init_demo", cache="fresh")
    assert predictions(tmp_path, "after.duckdb") == predictions(tmp_path, "fresh.duckdb")
    assert command("cache", "prune", "--cache-dir", tmp_path / "cache", cwd=tmp_path).returncode == 0
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.suffix in (".lock", ".partial", ".new")]
    assert left == []

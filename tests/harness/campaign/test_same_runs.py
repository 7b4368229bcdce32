"""One result is computed and stored once, whatever names and seeds it was asked for by."""

import json
from contextlib import contextmanager

import numpy as np
import pytest

from baselines.entry import DEMO_WEIGHTS
from command_line import harness
from geobench_files import BLUE, RED, read_dataset, thing, write_dataset, write_partition, write_sample, write_task
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.data.suites import discover
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent

NAMES = [f"id_{i}" for i in range(24)]


@pytest.fixture
def data(tmp_path):
    """24 samples of three classes and blue and red; a smaller partition beside `default`, three samples in neither."""
    directory = write_dataset(tmp_path / "data", n_samples=24)
    write_partition(directory, "default", train=NAMES[9:21], valid=NAMES[:4], test=NAMES[4:9])
    write_partition(directory, "0.50x_train", train=NAMES[9:15], valid=NAMES[:4], test=NAMES[4:9])
    return tmp_path / "data"


def plan(data, **changes):
    asked = {
        "backbones": ["image_statistics"], "weights": [], "geobench_dir": data, "datasets": (),
        "protocols": ("linear_probe", "knn"), "partitions": ("default",), "seeds": (0,), "train_draw": "partition",
        "selection": "valid", "shots": (1,), "budgets": (), "missing_bands": "zero", "db": data / "x.duckdb",
        "cache_dir": data / "cache", "device": "cpu",
    }  # fmt: skip
    request = make_request(**{**asked, **changes})
    return build_plan(request, Workbench(Places(cache_dir=request.cache_dir, device="cpu"), Silent()), convert=True)


def states(lines):
    return [(line.cell.protocol, line.cell.seed, str(line.state)) for line in lines]


# Seeds


def test_seeds_that_decide_nothing_make_one_run(data):
    lines = plan(data, seeds=(3, 4))
    assert states(lines) == [
        ("linear_probe", 0, "new"),
        ("knn", 0, "new"),
        ("linear_probe", 0, "same"),
        ("knn", 0, "same"),
    ]
    assert {line.reason for line in lines} == {
        f"{protocol} does not depend on the seed here; it runs once, as seed 0" for protocol in ("linear_probe", "knn")
    }
    assert {line.job.run_id for line in lines if line.job} == {line.job.run_id for line in plan(data)}


@pytest.mark.parametrize(
    "changes",
    [
        {"train_draw": "seed"},
        {"protocols": ("few_shot",)},
        {"protocols": ("linear_probe_sgd_8",)},
        {"backbones": ["random_init_demo"]},
    ],
    ids=["draws", "draws of few labels", "a protocol that uses it", "weights drawn from it"],
)
def test_a_seed_that_decides_something_is_a_run_of_its_own(data, changes):
    lines = plan(data, seeds=(3, 4), **changes)
    assert {line.state for line in lines} == {State.NEW}
    assert {line.job.run.seed for line in lines} == {3, 4}
    assert len({line.job.run_id for line in lines}) == len(lines)


def test_the_command_says_that_several_seeds_are_one_run(data, tmp_path):
    run = (
        "run", "--backbone", "image_statistics", "--geobench-dir", data, "--cache-dir", tmp_path / "cache",
        "--protocols", "knn", "--seeds", "0-4",
    )  # fmt: skip
    finished = harness(*run, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    told = "same: toy, image_statistics (4 runs of knn): knn does not depend on the seed here; it runs once, as seed 0"
    assert told in finished.stderr
    stored = harness("sql", "SELECT count(*) AS n, max(seed) AS seed FROM runs", "--format", "csv", cwd=tmp_path)
    assert stored.stdout.split() == ["n,seed", "1,0"]


# Names of one network


class Counting(Silent):
    """Counts how often images are embedded."""

    def __init__(self):
        self.embeddings = 0

    @contextmanager
    def step(self, description, total):
        self.embeddings += description == "embedding images"
        with super().step(description, total) as step:
            yield step


TWO_NAMES = {
    "backbones": ["mp_mae", "optical_mae"],
    "weights": [f"{name}={DEMO_WEIGHTS / 'optical_mae'}" for name in ("mp_mae", "optical_mae")],
    "protocols": ("knn",),
}


def test_one_checkpoint_under_two_names_is_one_run(data):
    first, second = plan(data, **TWO_NAMES)
    assert (first.state, second.state) == (State.NEW, State.SAME)
    assert second.reason == "the same network as mp_mae, run under that name"
    assert first.job.run.backbone_settings["builder"] == "baselines.multi_pretext"


def test_one_checkpoint_under_two_names_is_embedded_once(data):
    counting = Counting()
    workbench = Workbench(Places(cache_dir=data / "cache", device="cpu"), counting)
    jobs = [
        plan(data, backbones=[name], weights=[str(DEMO_WEIGHTS / "optical_mae")], protocols=("knn",))[0].job
        for name in ("mp_mae", "optical_mae")
    ]
    assert [job.backbone for job in jobs] == ["mp_mae", "optical_mae"]
    assert jobs[0].run_id == jobs[1].run_id
    np.testing.assert_array_equal(*(workbench.features(job) for job in jobs))
    assert counting.embeddings == 1


def test_another_name_of_a_stored_network_is_told_what_it_is_stored_as(data, tmp_path):
    def run(name):
        return harness(
            "run", "--backbone", name, "--weights", DEMO_WEIGHTS / "optical_mae", "--geobench-dir", data,
            "--cache-dir", tmp_path / "cache", "--protocols", "knn", "--missing-bands", "zero", cwd=tmp_path,
        )  # fmt: skip

    assert run("mp_mae").returncode == 0
    again = run("optical_mae")
    assert again.returncode == 0, again.stderr
    assert "done: toy, optical_mae: the same network, stored as mp_mae" in again.stderr
    stored = harness("sql", "SELECT backbone, weights_sha256 FROM runs", "--format", "json", cwd=tmp_path)
    assert [row["backbone"] for row in json.loads(stored.stdout)] == ["mp_mae"]


def test_another_padding_is_another_network(data):
    lines = plan(
        data,
        backbones=["mp_mae", "mp_mae_published"],
        weights=[f"{name}={DEMO_WEIGHTS / 'mp_mae'}" for name in ("mp_mae", "mp_mae_published")],
        protocols=("knn",),
    )
    assert [line.state for line in lines] == [State.NEW, State.NEW]


# What cannot change a result


def run_ids(data):
    lines = plan(data, partitions=("default", "0.50x_train"), protocols=("knn",))
    return [line.job.run_id for line in lines]


def rename_classes(directory):
    write_task(directory, [BLUE, RED], thing("Classification", n_classes=3, _class_names=["x", "y", "z"]))


def add_sample(directory):
    pixels = read_dataset(directory.parent.parent).read_sample("id_0").pixels
    write_sample(directory, "id_new", [(BLUE, pixels[0], None), (RED, pixels[1], None)])


def change_unlisted(directory):
    write_sample(directory, "id_22", [(band, np.ones((4, 4), np.uint16), None) for band in (BLUE, RED)])


def add_statistics(directory):
    path = directory / "band_stats.json"
    statistics = json.loads(path.read_text())
    path.write_text(json.dumps({**statistics, "unused": {**statistics[RED.name], "mean": 7.0}}))


def change_median(directory):
    edit_statistics(directory, median=7.0)


def change_mean(directory):
    edit_statistics(directory, mean=7.0)


def edit_statistics(directory, **values):
    path = directory / "band_stats.json"
    statistics = json.loads(path.read_text())
    path.write_text(json.dumps({**statistics, RED.name: {**statistics[RED.name], **values}}))


def change_listed(directory):
    write_sample(directory, "id_20", [(band, np.ones((4, 4), np.uint16), None) for band in (BLUE, RED)])


def change_label(directory):
    pixels = read_dataset(directory.parent.parent).read_sample("id_8").pixels
    write_sample(directory, "id_8", [(BLUE, pixels[0], None), (RED, pixels[1], None)], label=0)


@pytest.mark.parametrize("change", [rename_classes, add_sample, change_unlisted, add_statistics, change_median])
def test_what_cannot_change_a_result_does_not_change_the_identity(data, change):
    before = run_ids(data)
    change(next(ref.directory for ref in discover(data)))
    assert run_ids(data) == before


@pytest.mark.parametrize("change", [change_mean, change_listed, change_label])
def test_what_can_change_a_result_changes_the_identity(data, change):
    before = run_ids(data)
    change(next(ref.directory for ref in discover(data)))
    assert set(run_ids(data)).isdisjoint(before)


def test_the_test_set_has_a_hash_of_its_own_and_draws_keep_it(data):
    (small,), (large,) = (plan(data, partitions=(name,), protocols=("knn",)) for name in ("0.50x_train", "default"))
    drawn = plan(data, train_draw="seed", seeds=(0, 1), protocols=("knn",))
    runs = [line.job.run for line in (small, large, *drawn)]
    assert len({run.test_sha256 for run in runs}) == len({run.valid_sha256 for run in runs}) == 1
    assert len({run.partition_sha256 for run in runs}) == 4

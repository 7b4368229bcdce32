"""A dry run tells how long the new runs may take and what they will store, from what is known and nothing else."""

import pytest

from baselines.entry import DEMO_WEIGHTS
from command_line import harness
from geobench_files import write_dataset, write_partition
from harness.campaign.estimate import NOTHING, UNKNOWN, estimate_plan
from harness.campaign.plan import State, build_plan, mark_done
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent
from leaderboards.store import Timing

SIZES = {"one": 60, "two": 70}
N_TRAIN = 40


@pytest.fixture
def asked(tmp_path):
    for name, n_samples in SIZES.items():
        directory = write_dataset(tmp_path / "data", name, n_samples=n_samples)
        names = [f"id_{index}" for index in range(n_samples)]
        write_partition(directory, "default", train=names[20 : 20 + N_TRAIN], valid=names[:10], test=names[10:20])
    return make_request(
        backbones=("image_statistics",), weights=[], geobench_dir=tmp_path / "data", datasets=(),
        protocols=("linear_probe", "knn"), partitions=("default",), seeds=(0,), train_draw="partition",
        selection="valid", shots=(), budgets=(), missing_bands="zero", db=tmp_path / "x.duckdb",
        cache_dir=tmp_path / "cache", device="cpu",
    )  # fmt: skip


def planned(asked, *, convert=True):
    bench = Workbench(Places(cache_dir=asked.cache_dir, device="cpu"), Silent())
    return build_plan(asked, bench, convert=convert), bench


def timing(protocol, dataset, n_train, seconds, backbone="image_statistics"):
    return Timing(protocol=protocol, backbone=backbone, dataset=dataset, n_train=n_train, seconds=seconds)


def seconds(asked, *timings):
    lines, bench = planned(asked)
    estimates = estimate_plan(lines, bench, timings)
    return {(line.cell.dataset.name, line.cell.protocol): e.seconds for line, e in zip(lines, estimates, strict=True)}


def test_a_run_takes_what_the_nearest_earlier_run_of_its_dataset_took(asked):
    told = seconds(
        asked,
        timing("linear_probe", "one", 30, 1.0),
        timing("linear_probe", "one", 50, 2.0),
        timing("linear_probe", "elsewhere", N_TRAIN, 9.0),
        timing("knn", "one", N_TRAIN, 7.0, backbone="another"),
    )
    assert told["one", "linear_probe"] == 2.0, "50 of its own are nearer to 40 than 30 are"
    assert told["two", "linear_probe"] == 9.0, "of another dataset, as there is none of its own"
    assert told["one", "knn"] is None, "another backbone tells nothing"


def test_earlier_runs_of_a_named_checkpoint_are_found_under_its_name(asked):
    named = {"first=mp_mae": DEMO_WEIGHTS / "mp_mae"}
    of_checkpoint = asked.model_copy(update={"backbones": tuple(named), "weights": named})
    assert seconds(of_checkpoint, timing("knn", "one", N_TRAIN, 3.0, backbone="first"))["one", "knn"] == 3.0


@pytest.mark.parametrize(("n_train", "known"), [(19, False), (20, True), (80, True), (81, False)])
def test_runs_of_half_to_double_the_size_tell_something(asked, n_train, known):
    assert (seconds(asked, timing("knn", "one", n_train, 3.0))["one", "knn"] == 3.0) == known


def test_features_are_counted_once_and_only_if_they_are_not_stored(asked):
    lines, bench = planned(asked)
    estimates = estimate_plan(lines, bench, ())
    sizes = {(line.cell.dataset.name, line.cell.protocol): e.n_bytes for line, e in zip(lines, estimates, strict=True)}
    width = bench.features(lines[0].job).shape[1]  # stores them
    assert sizes == {
        ("one", "linear_probe"): 60 * width * 4, ("two", "linear_probe"): 70 * width * 4,
        ("one", "knn"): 0, ("two", "knn"): 0,
    }  # fmt: skip
    assert [estimate.n_bytes for estimate in estimate_plan(lines, bench, ())] == [0, 0, 70 * width * 4, 0]


def test_what_will_not_run_takes_nothing_and_what_is_not_converted_is_unknown(asked):
    lines, bench = planned(asked, convert=False)
    assert {line.state for line in lines} == {State.UNKNOWN}
    assert set(estimate_plan(lines, bench, ())) == {UNKNOWN}
    lines, bench = planned(asked)
    done = mark_done(lines, {line.job.run_id: "image_statistics" for line in lines})
    assert set(estimate_plan(done, bench, ())) == {NOTHING}


def test_the_summary_has_no_row_a_run_and_verbose_has(asked, tmp_path):
    command = (
        "run", "--backbone", "image_statistics", "--geobench-dir", tmp_path / "data", "--cache-dir", tmp_path / "cache",
        "--protocols", "knn", "--workers", 1, "--db", tmp_path / "x.duckdb",
    )  # fmt: skip
    assert harness(*command, "--datasets", "one", cwd=tmp_path).returncode == 0
    dry = harness(*command, "--partitions", "default", "--seeds", "0-4", "--dry-run", cwd=tmp_path)
    rows = [line.split() for line in dry.stdout.splitlines()]
    assert ["dataset", "one", "1", "4"] in rows, "one run is done, four are the same"
    assert ["dataset", "two", "5", "unknown", "unknown"] in rows, "it is still to convert"
    assert ["all", "1", "4", "5", "unknown", "unknown"] in rows
    assert "default" not in dry.stdout
    verbose = harness(*command, "--seeds", "0-4", "--dry-run", "--verbose", cwd=tmp_path)
    assert sum(line.lstrip().startswith(("one ", "two ")) for line in verbose.stdout.splitlines()) == 10

"""Runs in several processes: the same rows as one after the other, and whatever goes wrong costs one run."""

import threading
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import pytest

from geobench_files import write_dataset, write_partition
from harness.campaign import run_campaign
from harness.executors import processes
from harness.executors.local import execute_safely
from harness.plan import State
from harness.progress import Silent
from harness.records import Failure
from harness.settings import make_request
from leaderboards.query import run_query

SHOTS, SEEDS = (1, 5), (0, 1)
PROTOCOLS = ("linear_probe", "knn", "few_shot", "few_shot_nearest_mean", "few_shot_forest", "linear_probe_sgd")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """72 samples of three classes, 36 to train on; a partition of one class, of which no probe can learn."""
    root = tmp_path_factory.mktemp("data")
    directory = write_dataset(root, n_samples=72)
    names = [f"id_{i}" for i in range(72)]
    others = {"valid": names[:18], "test": names[18:36]}
    write_partition(directory, "0.25x_train", train=names[36:72:3], **others)
    write_partition(directory, "default", train=names[36:], **others)
    return root


def campaign(data, folder, workers):
    request = make_request(
        backbones=["image_statistics", "random_init"],
        weights=[],
        geobench_dir=data,
        datasets=(),
        protocols=PROTOCOLS,
        partitions=("0.25x_train", "default"),
        seeds=SEEDS,
        train_draw="partition",
        selection="valid",
        shots=SHOTS,
        budgets=(),
        missing_bands="zero",
        db=folder / "board.duckdb",
        cache_dir=folder / "cache",
        device="cpu",
        workers=workers,
    )
    return run_campaign(request, Silent()), request.db


@pytest.fixture(scope="module")
def in_turn(data, tmp_path_factory):
    return campaign(data, tmp_path_factory.mktemp("in_turn"), 1)


class _AtOnce:
    """In the place of a thread: these runs are so short that all would be done before the processes are up."""

    def __init__(self, target, args, daemon):
        self.start = lambda: target(*args)


@pytest.fixture(scope="module")
def done_here():
    """Protocols of the jobs that this process did in `side_by_side`."""
    return []


@pytest.fixture(scope="module")
def side_by_side(data, tmp_path_factory, done_here):
    def execute_here(job, workbench):
        done_here.append(job.run.protocol)
        return execute_safely(job, workbench)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "threading", SimpleNamespace(Event=threading.Event, Thread=_AtOnce))
        patch.setattr(processes, "execute_safely", execute_here)
        return campaign(data, tmp_path_factory.mktemp("side_by_side"), 2)


def test_only_what_uses_all_cores_is_done_here(side_by_side, done_here):
    assert set(done_here) == {"linear_probe_sgd"}


def test_enough_runs_are_there_to_share(in_turn):
    report, _ = in_turn
    assert sum(line.state is State.NEW for line in report.lines) >= 2 * processes.WORTH_A_PROCESS


@pytest.mark.parametrize("table", ["metrics", "class_metrics", "predictions"])
def test_rows_are_the_same_to_the_bit(in_turn, side_by_side, table):
    one, other = (run_query(db, f"FROM {table} ORDER BY ALL").rows for _, db in (in_turn, side_by_side))
    assert one == other
    assert one


def test_what_runs_record_is_the_same(in_turn, side_by_side):
    query = (
        "SELECT * EXCLUDE (seconds, finished_at, provenance), provenance->'ran_with', provenance->'network_input' "
        "FROM runs ORDER BY run_id"
    )
    assert run_query(in_turn[1], query) == run_query(side_by_side[1], query)


def test_failures_are_the_same_and_cost_no_other_run(in_turn, side_by_side):
    one, other = (
        {line.job.run_id: (line.state, line.reason) for line in report.lines if line.job}
        for report, _ in (in_turn, side_by_side)
    )
    assert one == other
    reasons = {reason for state, reason in one.values() if state is State.FAILED}
    assert any("has only class" in reason for reason in reasons), reasons


def test_a_killed_process_fails_its_run_alone(data, tmp_path):
    report, _ = campaign(data, tmp_path, 1)
    jobs = [line.job for line in report.lines if line.job][:2]
    killed, finished = Future(), Future()
    killed.set_exception(BrokenProcessPool("gone"))
    finished.set_result("a result")
    results = list(processes._finished({killed: jobs[0], finished: jobs[1]}, at_most=0))
    assert "a result" in results
    (failure,) = (result.outcome for result in results if result != "a result")
    assert isinstance(failure, Failure)
    assert "was killed (out of memory?). Try --workers 1" in failure.message

"""Runs in several processes: the same rows as one after the other, and whatever goes wrong costs one run."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from geobench_files import write_dataset, write_partition
from harness.campaign.carry_out import run_campaign
from harness.campaign.dividing import groups
from harness.campaign.dividing.work import Work
from harness.campaign.executors import processes
from harness.campaign.executors.local import execute_safely
from harness.campaign.plan import State
from harness.campaign.request import make_request
from harness.records.job import Places, Result
from harness.records.progress import Silent
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
    lines, _ = in_turn
    assert sum(line.state is State.NEW for line in lines) >= 2 * processes.WORTH_A_PROCESS


@pytest.mark.parametrize("table", ["metrics", "class_metrics", "predictions"])
def test_rows_are_the_same_to_the_bit(in_turn, side_by_side, table):
    one, other = (run_query(db, f"FROM {table} ORDER BY ALL").rows for _, db in (in_turn, side_by_side))
    assert one == other
    assert one


def test_what_runs_record_is_the_same(in_turn, side_by_side):
    query = (
        "SELECT * EXCLUDE (seconds, images_per_second, finished_at, provenance), provenance->'ran_with', "
        "provenance->'network_input' FROM runs ORDER BY run_id"
    )
    assert run_query(in_turn[1], query) == run_query(side_by_side[1], query)


def test_failures_are_the_same_and_cost_no_other_run(in_turn, side_by_side):
    """Whether a run was begun that others like it show to be in vain is a matter of time."""
    one, other = (
        {
            line.job.run_id: (line.state, line.reason.removeprefix("not begun, as others like it failed alike: "))
            for line in lines
            if line.job
        }
        for lines, _ in (in_turn, side_by_side)
    )
    assert one == other
    reasons = {reason for state, reason in one.values() if state is State.FAILED}
    assert any("has only class" in reason for reason in reasons), reasons


def test_a_result_that_cannot_be_handed_over_fails_its_run_alone(data, tmp_path):
    lines, _ = campaign(data, tmp_path, 1)
    job = next(line.job for line in lines if line.job)
    broken, results = Future(), SimpleQueue()
    broken.set_exception(TypeError("cannot pickle this"))
    processes._report(job, results, broken)
    assert results.get().outcome.message == "TypeError: cannot pickle this"


class Stage:
    """`run_side_by_side` with threads for processes, runs that only wait, and one device run, the first of all."""

    def __init__(self, monkeypatch, device):
        self.bench = SimpleNamespace(places=Places(cache_dir=None, device=device, workers=2), make_way=lambda: None)
        self.jobs = [
            SimpleNamespace(
                run_id=run_id,
                backbone="b",
                weights=None,
                dataset=None,
                run=SimpleNamespace(protocol="knn", partition="default", seed=0),
            )
            for run_id in ["device", *(f"short_{i}" for i in range(2 * processes.WORTH_A_PROCESS))]
        ]
        self.work = Work(self.jobs)
        self.pool = ThreadPoolExecutor(2)
        monkeypatch.setattr(groups, "group_of", lambda job: None)
        monkeypatch.setattr(processes, "clean_pool", lambda n, module: nullcontext(self.pool))
        monkeypatch.setattr(processes, "_start", lambda pool, started: started.set())
        monkeypatch.setattr(processes, "_keeps_one_core_busy", lambda job, bench: job.run_id != "device")
        monkeypatch.setattr(processes, "is_embedded", lambda job, bench: True)
        monkeypatch.setattr(processes, "_execute", self.execute)
        monkeypatch.setattr(processes, "execute_safely", self.execute_here)
        self.seen = []
        """Jobs whose results were handed on, in that order."""
        self.waiting = threading.Event()

    def execute(self, job, places):
        return Result(job, "done")

    def execute_here(self, job, bench):
        if job.run_id != "device":
            return "done"
        return "seen meanwhile" if self.waiting.wait(timeout=10) else "blocked"

    def run(self):
        outcomes = {}
        for result in processes.run_side_by_side(self.work, self.bench):
            outcomes[result.job.run_id] = result.outcome
            self.seen.append(result.job.run_id)
            if len(outcomes) == len(self.jobs) - 1:
                self.waiting.set()
        return outcomes


def test_what_is_finished_is_handed_on_while_a_device_run_goes_on(monkeypatch):
    outcomes = Stage(monkeypatch, "cuda").run()
    assert len(outcomes) == 2 * processes.WORTH_A_PROCESS + 1
    assert outcomes["device"] == "seen meanwhile"


def test_on_a_cpu_a_device_run_has_the_cores_to_itself(monkeypatch):
    stage = Stage(monkeypatch, "cpu")
    busy = []

    def execute(job, places):
        busy.append(job.run_id)
        time.sleep(0.01)
        busy.remove(job.run_id)
        return Result(job, "done")

    monkeypatch.setattr(processes, "_execute", execute)
    monkeypatch.setattr(processes, "execute_safely", lambda job, bench: list(busy))
    assert stage.run()["device"] == []


def test_what_goes_wrong_between_runs_is_raised_and_not_waited_for(monkeypatch):
    stage = Stage(monkeypatch, "cuda")
    monkeypatch.setattr(processes, "_submit", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stage.run()


def test_told_to_stop_it_ends_what_runs_and_begins_nothing(monkeypatch):
    stage = Stage(monkeypatch, "cuda")
    begun, go_on = [], threading.Event()

    def execute(job, places):
        begun.append(job.run_id)
        go_on.wait(timeout=10)
        return Result(job, "done")

    monkeypatch.setattr(processes, "_execute", execute)
    monkeypatch.setattr(processes, "execute_safely", lambda job, bench: stage.work.stop() or go_on.set() or "last")
    outcomes = stage.run()
    assert set(outcomes) == {*begun, "device"}
    assert len(begun) < 2 * processes.WORTH_A_PROCESS


class Mortal(ThreadPoolExecutor):
    """A pool that is dead with all it has once it has died of a job, as one of processes."""

    def __init__(self, killers):
        super().__init__(1)
        self.killers, self.dead = killers, False

    def submit(self, function, *given):
        if self.dead:
            raise BrokenProcessPool

        def work():
            self.dead = self.dead or (bool(given) and given[0].run_id in self.killers)
            if self.dead:
                raise BrokenProcessPool
            return function(*given)

        return super().submit(work)


def test_what_kills_its_process_fails_alone_and_what_was_lost_with_it_is_done(monkeypatch):
    stage = Stage(monkeypatch, "cuda")
    pools = []
    monkeypatch.setattr(processes, "clean_pool", lambda *_: nullcontext(pools.append(Mortal({"short_3"})) or pools[-1]))
    stage.waiting.set()
    outcomes = stage.run()
    failure = outcomes.pop("short_3")
    assert "was killed, twice (out of memory?). Try --workers 1" in failure.message
    assert outcomes.pop("device") == "seen meanwhile"
    assert set(outcomes.values()) == {"done"}
    assert len(outcomes) == 2 * processes.WORTH_A_PROCESS - 1


def test_a_process_that_is_killed_while_it_starts_is_seen_when_it_gets_work():
    pool, started = Mortal(()), threading.Event()
    pool.dead = True
    processes._start(pool, started)
    assert started.is_set()

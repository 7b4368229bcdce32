"""Real processes, of this machine and of Ray's nodes: the same rows as one after the other, whatever is killed."""

import os
import signal
from collections import Counter
from contextlib import nullcontext

import pytest

from campaign_runs import ask, rows, run, write_suite
from harness.campaign import carry_out
from harness.campaign.executors import gpus
from harness.campaign.executors.process_seat import ProcessSeat
from harness.campaign.plan import State
from ray_cluster import busy_processes, remove_a_node, two_nodes

SEEDS = tuple(range(3))


class Watch:
    """Counts what ends, and does something after some of them."""

    def __init__(self, after=None):
        self.ended: Counter[str] = Counter()
        self.after = after or {}

    def begins(self, lines, jobs, seconds):
        pass

    def elsewhere(self, job):
        pass

    def stoppable(self, stop):
        return nullcontext()

    def ends(self, job, outcome):
        self.ended[job.run_id] += 1
        if act := self.after.get(sum(self.ended.values())):
            act()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_suite(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def in_turn(data, tmp_path_factory):
    """The rows of one process, and the states of its lines."""
    request = ask(data, tmp_path_factory.mktemp("in_turn"), seeds=SEEDS)
    lines = run(request)
    return rows(request), states(lines)


def states(lines):
    return {line.job.run_id: (line.state, line.reason) for line in lines if line.job}


def check_same(request, lines, watch, in_turn):
    assert rows(request) == in_turn[0]
    assert states(lines) == in_turn[1]
    assert set(watch.ended.values()) == {1}
    assert len(watch.ended) == len(in_turn[1])
    assert sum(state is State.NEW for state, _ in in_turn[1].values()) >= 60


@pytest.mark.slow
def test_two_gpus_and_cores_beside_them(data, tmp_path, monkeypatch, in_turn):
    """Two processes stand for those at GPUs; every process is killed twice."""
    seats = []

    class Seat(ProcessSeat):
        def __init__(self, *where):
            super().__init__(*where)
            seats.append(self)

    def kill_all():
        for seat in seats:
            if seat._process is not None:
                seat._process.kill()

    monkeypatch.setattr(gpus, "ProcessSeat", Seat)
    monkeypatch.setattr(
        carry_out, "executor_for", lambda *_: lambda work, workbench: gpus.run_on_gpus(work, workbench, 2)
    )
    request = ask(data, tmp_path, seeds=SEEDS, workers=2)
    watch = Watch({15: kill_all, 35: kill_all})
    check_same(request, run(request, watch), watch, in_turn)
    assert len(seats) == 4
    assert all(seat._process is None for seat in seats)


@pytest.fixture
def cluster():
    """Two nodes of Ray, to which this process is connected."""
    with two_nodes() as cluster:
        import ray

        ray.init(address=cluster.address, log_to_driver=False)
        cluster.wait_for_nodes()
        yield cluster
        ray.shutdown()


@pytest.mark.slow
def test_ray_on_two_nodes(data, tmp_path, cluster, in_turn):
    request = ask(data, tmp_path, seeds=SEEDS, executor="ray")
    watch = Watch()
    check_same(request, run(request, watch), watch, in_turn)


@pytest.mark.slow
def test_ray_with_processes_killed_and_a_node_removed(data, tmp_path, cluster, in_turn):
    killed = []

    def kill_one():
        for pid in list(busy_processes(cluster))[:1]:  # none where the last results wait to be stored
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    request = ask(data, tmp_path, seeds=SEEDS, executor="ray")
    watch = Watch(dict.fromkeys(range(2, 60, 4), kill_one) | {24: lambda: remove_a_node(cluster)})
    check_same(request, run(request, watch), watch, in_turn)
    assert len(killed) >= 3

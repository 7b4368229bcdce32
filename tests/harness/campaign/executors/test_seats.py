"""Seats do every job exactly once, whatever dies, and hand results on as they come."""

import threading
from types import SimpleNamespace

import pytest

from campaign_jobs import CLIMATE, CROPS, make_job
from harness.campaign.dividing.work import Work
from harness.campaign.executors.seats import ATTEMPTS, DiedError, run_in_seats
from harness.campaign.executors.tasks import PROBES_AT_ONCE, On, Task, cut
from harness.records.job import Failure, Result

EMBEDDED = "embedded"


class FakeSeat:
    """Does jobs by writing them down; dies before jobs of `kills`, as often as they say."""

    at_once = None

    def __init__(self, on, done, kills=None, errors=()):
        self.on, self.done, self.kills, self.errors = on, done, kills or {}, errors
        self.left = False

    def do(self, task):
        assert task.on is self.on
        if task.embeds:
            self._die(EMBEDDED)
            self.done.append((EMBEDDED, task.example.backbone, task.example.dataset.name))
        for job in task.jobs:
            self._die(job.run_id)
            if job.run_id in self.errors:
                raise TypeError("cannot pickle this")
            self.done.append(job.run_id)
            yield Result(job, "done")

    def _die(self, what):
        if self.kills.get(what, 0):
            self.kills[what] -= 1
            raise DiedError("gone")

    def leave(self):
        self.left = True


def declared(job):
    trains, network = job.run.protocol == "fine_tune", job.run.protocol == "linear_probe_sgd"
    return SimpleNamespace(trains_backbone=trains, uses_all_cores=trains or network)


def cut_group(group):
    return cut(group, declared, whole=False)


@pytest.fixture
def jobs():
    """Two groups of thirty probes and two heads, and two runs that train."""
    return [
        *(
            make_job(dataset=dataset, protocol=protocol, seed=seed)
            for dataset in (CLIMATE, CROPS)
            for protocol, seeds in (("knn", 30), ("linear_probe_sgd", 2))
            for seed in range(seeds)
        ),
        *(make_job(protocol="fine_tune", seed=seed) for seed in range(2)),
    ]


def outcomes(jobs, seats):
    results = list(run_in_seats(Work(jobs), cut_group, seats))
    assert len(results) == len({result.job.run_id for result in results})
    return {result.job.run_id: result.outcome for result in results}


def four_seats(done, **how):
    return [FakeSeat(on, done, **how) for on in (On.DEVICE, On.DEVICE, On.CORE, On.CORE)]


def test_a_group_is_embedded_first_and_then_cut_and_each_training_is_a_task(jobs):
    embed, *rest = cut_group(jobs[:32])
    assert rest == []
    assert (embed.on, embed.embeds, embed.jobs) == (On.DEVICE, tuple(jobs[:32]), ())
    assert [(task.on, len(task.jobs)) for task in embed.then] == [
        (On.DEVICE, 1),
        (On.DEVICE, 1),
        (On.CORE, PROBES_AT_ONCE),
        (On.CORE, 30 - PROBES_AT_ONCE),
    ]
    assert sorted(job.run_id for task in embed.then for job in task.jobs) == sorted(job.run_id for job in jobs[:32])
    assert cut_group(jobs[64:]) == [Task(on=On.DEVICE, jobs=(job,)) for job in jobs[64:]]


def test_where_features_may_be_lost_one_process_does_all_that_is_done_on_them(jobs):
    group = tuple(jobs[:32])
    assert cut(group, declared, whole=True) == [Task(on=On.DEVICE, embeds=group, jobs=group)]


def test_every_job_is_done_once_and_none_before_its_features(jobs):
    done, seats = [], four_seats([])
    for seat in seats:
        seat.done = done
    assert outcomes(jobs, seats) == {job.run_id: "done" for job in jobs}
    embedded = [(EMBEDDED, "mp_mae", name) for name in ("climate", "crops")]
    assert sorted(map(str, done)) == sorted(map(str, [*embedded, *(job.run_id for job in jobs)]))
    for job in jobs[:64]:
        assert done.index((EMBEDDED, "mp_mae", job.dataset.name)) < done.index(job.run_id)
    assert all(seat.left for seat in seats)


def test_what_dies_goes_on_where_it_was(jobs):
    done, kills = [], {job.run_id: ATTEMPTS - 1 for job in jobs[:64:7]} | {EMBEDDED: 2}
    assert outcomes(jobs, four_seats(done, kills=kills)) == {job.run_id: "done" for job in jobs}
    assert len(done) == len(jobs) + 2
    assert not any(kills.values())


def test_a_job_that_kills_its_process_fails_alone(jobs):
    bad = jobs[3].run_id
    found = outcomes(jobs, four_seats([], kills={bad: 1000}))
    assert [run_id for run_id, outcome in found.items() if isinstance(outcome, Failure)] == [bad]
    assert found[bad].message == f"the process it ran in was killed {ATTEMPTS} times (gone; out of memory?)"
    assert len(found) == len(jobs)


def test_an_embedding_that_kills_its_process_fails_what_needs_it_and_no_more(jobs):
    found = outcomes([*jobs[:32], *jobs[64:]], four_seats([], kills={EMBEDDED: 1000}))
    failed = {run_id for run_id, outcome in found.items() if isinstance(outcome, Failure)}
    assert failed == {job.run_id for job in jobs[:32]}


def test_what_cannot_be_handed_over_fails_its_task_alone(jobs):
    found = outcomes(jobs, four_seats([], errors=(jobs[0].run_id,)))
    failed = {run_id for run_id, outcome in found.items() if isinstance(outcome, Failure)}
    assert failed == {job.run_id for job in jobs[:PROBES_AT_ONCE]}
    assert "cannot pickle this" in found[jobs[0].run_id].message


def test_what_a_seat_does_not_hand_back_has_failed(jobs):
    """As where somebody removes the sign by which tasks know that they are still wanted."""
    seats = four_seats([])
    for seat in seats:
        seat.do = lambda task: iter(())
    found = outcomes(jobs[64:], seats)
    assert {outcome.message for outcome in found.values()} == {"RuntimeError: the task ended before this run was begun"}
    assert len(found) == 2


def test_after_a_stop_what_runs_is_finished_and_nothing_is_begun(jobs):
    work, done, seats = Work(jobs), [], []
    seats += [FakeSeat(On.DEVICE, done), FakeSeat(On.CORE, done)]
    begun, go_on = threading.Event(), threading.Event()

    def do(task):
        begun.set()
        go_on.wait(10)
        yield Result(task.jobs[0], "done")

    seats[1].do = do
    results = run_in_seats(work, cut_group, seats)
    threading.Thread(target=lambda: (begun.wait(10), work.stop(), go_on.set()), daemon=True).start()
    assert sum(result.job.run.protocol == "knn" for result in results) == 1


@pytest.mark.parametrize("at_once", [1, None])
def test_a_job_that_is_not_wanted_any_more_is_left_out(jobs, at_once):
    """As where others like it have failed alike."""
    work, seats = Work(jobs), four_seats([])
    refused = {job.run_id for job in jobs[1:64:3]}
    work.wants = lambda job: job.run_id not in refused
    for seat in seats:
        seat.at_once = at_once
    found = [result.job.run_id for result in run_in_seats(work, cut_group, seats)]
    assert sorted(found) == sorted({job.run_id for job in jobs} - refused)


def test_an_error_of_asking_for_work_is_raised(jobs):
    def refuse(group):
        raise ZeroDivisionError

    seats = four_seats([])
    with pytest.raises(ZeroDivisionError):
        list(run_in_seats(Work(jobs), refuse, seats))
    assert all(seat.left for seat in seats)


def test_a_result_is_handed_on_while_others_are_at_work(jobs):
    seen = threading.Event()
    seats = [FakeSeat(On.DEVICE, []), FakeSeat(On.CORE, [])]
    before = seats[0].do

    def do(task):
        if task.jobs and task.jobs[0].run.protocol == "fine_tune":
            assert seen.wait(10)
        yield from before(task)

    seats[0].do = do
    for result in run_in_seats(Work([*jobs[64:], *jobs[:1]][::-1]), cut_group, seats):
        if result.job is jobs[0]:
            seen.set()
        assert result.outcome == "done"

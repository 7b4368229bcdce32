"""Several processes that carry out one campaign divide its groups, and each ends when all is done."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaign_jobs import CLIMATE, CROPS, make_job
from harness.campaign.dividing import shared_work
from harness.campaign.dividing.claims import Claims, grid_folder
from harness.campaign.dividing.shared_work import SharedWork, claim_of
from harness.records.job import Failure
from leaderboards.errors import UnavailableError
from leaderboards.schema import FailureRow
from leaderboards.store import LookedUp

JOBS = [make_job(dataset=dataset, seed=seed) for dataset in (CLIMATE, CROPS) for seed in range(2)]
FAILED = FailureRow(
    run_id="", suite="demo", dataset="x", backbone="b", protocol="p", partition="1", seed=0, message="broken",
    traceback=None, failed_at=datetime.now(UTC),
)  # fmt: skip


class Board:
    """What is known of runs, as a leaderboard tells it."""

    def __init__(self):
        self.made, self.waiting, self.failed, self.gone = {}, set(), {}, False

    def look_up(self, run_ids):
        if self.gone:
            raise UnavailableError("locked")
        return LookedUp(made=self.made, finished={}, waiting=self.waiting, failed=self.failed)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(shared_work, "LOOK_SECONDS", 0.01)


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def process(tmp_path, board):
    """Makes another process, of which all share a leaderboard."""
    members = []

    def start(jobs=JOBS):
        claims = Claims(grid_folder(tmp_path / "x.duckdb"))
        members.append(claims.__enter__())
        elsewhere, quiet = [], lambda _: None
        work = SharedWork(
            jobs, claims, dict(board.failed), board.look_up, lambda *became: elsewhere.append(became), quiet
        )
        work.elsewhere = elsewhere
        return work

    yield start
    for claims in members:
        claims.__exit__(None, None, None)


def test_two_processes_do_every_group_once(process, board):
    works = [process(), process()]
    done = []

    def carry_out(work):
        for jobs in work.groups():
            for job in jobs:
                done.append(job.run_id)
                board.made[job.run_id] = "mp_mae"
                work.became(job, None)

    threads = [threading.Thread(target=carry_out, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(done) == sorted(job.run_id for job in JOBS)
    told = [job.run_id for work in works for job, failure in work.elsewhere if failure is None]
    assert sorted(told) == sorted(done)


def test_a_group_is_free_when_its_last_run_has_ended(process):
    one, other = process(), process()
    jobs = next(one.groups())
    one.became(jobs[0], None)
    assert next(other.groups())[0].dataset != jobs[0].dataset
    one.became(jobs[1], None)
    assert next(process().groups()) == jobs


def test_groups_that_others_have_done_are_not_claimed_one_by_one(process, board, monkeypatch):
    monkeypatch.setattr(shared_work, "SWEEP_SECONDS", -1)
    work, claimed = process(), []
    take = work._claims.take
    monkeypatch.setattr(work._claims, "take", lambda name: claimed.append(name) or take(name))
    board.made = {job.run_id: "mp_mae" for job in JOBS}
    assert list(work.groups()) == []
    assert claimed == []
    assert [job for job, _ in work.elsewhere] == JOBS


def test_what_failed_elsewhere_meanwhile_is_not_tried_here(process, board):
    work = process()
    board.failed = {JOBS[0].run_id: FAILED}
    assert next(work.groups()) == [JOBS[1]]
    assert work.elsewhere == [(JOBS[0], Failure(message="in another process: broken", traceback=None))]


def test_what_failed_just_before_is_tried_and_once_more_meanwhile_is_not(process, board):
    """Whatever the clocks of those who share it say."""
    board.failed = {JOBS[0].run_id: FAILED}
    work = process()
    assert next(work.groups()) == JOBS[:2]
    other = process()
    board.failed = {JOBS[2].run_id: replace(FAILED, failed_at=FAILED.failed_at - timedelta(days=1))}
    assert next(other.groups()) == [JOBS[3]]


def test_what_waits_to_be_stored_is_not_done_again(process, board):
    board.waiting = {JOBS[0].run_id}
    assert next(process().groups()) == [JOBS[1]]


def test_a_leaderboard_that_cannot_be_asked_keeps_nobody_from_work(process, board):
    board.gone = True
    assert next(process().groups()) == JOBS[:2]


def test_who_waits_takes_over_what_another_leaves_undone(process, board):
    one, other = process(JOBS[:2]), process(JOBS[:2])
    assert next(one.groups()) == JOBS[:2]
    groups, found = other.groups(), []
    waiting = threading.Thread(target=lambda: found.append(next(groups)))
    waiting.start()
    waiting.join(timeout=0.1)
    assert not found
    board.made[JOBS[0].run_id] = "mp_mae"
    one.became(JOBS[0], None)
    one.became(JOBS[1], Failure(message="out of memory", traceback=None))
    waiting.join(timeout=30)
    assert found == [[JOBS[1]]]


def test_who_waits_and_is_stopped_waits_no_longer(process):
    one, other = process(), process()
    assert len(list(zip(one.groups(), range(2), strict=False))) == 2
    found = []
    waiting = threading.Thread(target=lambda: found.extend(other.groups()))
    waiting.start()
    other.stop()
    waiting.join(timeout=30)
    assert found == []


def test_runs_that_are_not_worth_a_try_keep_no_group(process, board):
    jobs = [make_job(seed=seed) for seed in range(5)]
    one, other = process(jobs), process(jobs)
    for job in next(one.groups()):
        if one.wants(job):
            one.became(job, Failure(message="damaged", traceback=None))
    board.failed = {job.run_id: replace(FAILED, failed_at=datetime.now(UTC) + timedelta(seconds=2)) for job in jobs[:3]}
    assert next(other.groups()) == jobs[3:]


def test_a_claim_tells_weights_apart():
    assert claim_of(make_job(weights="a")) != claim_of(make_job(weights="b"))
    assert claim_of(make_job(seed=0)) == claim_of(make_job(seed=1))

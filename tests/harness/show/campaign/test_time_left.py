"""The time left follows classes of cost, so that it does not jump when the cheap runs of a campaign are over."""

import pytest

from campaign_jobs import CLIMATE, CROPS, make_job
from harness.show.campaign.time_left import TimeLeft


def test_a_probe_of_masks_is_not_expected_to_take_as_long_as_one_of_images():
    """Three seeds of one second, then of a hundred: in their order, with ten seconds of embedding for each dataset."""
    jobs = [make_job(dataset=dataset, seed=seed) for dataset in (CLIMATE, CROPS) for seed in range(3)]
    now = 0.0
    time_left = TimeLeft(jobs, clock=lambda: now)
    told = []
    for job, seconds in zip(jobs, (11, 1, 1, 110, 100, 100), strict=True):
        now += seconds
        time_left.ended(job)
        told.append(time_left.left)
    assert told[1] == (pytest.approx(1 + 11), 3), "masks are like nothing so far, but their images will be embedded"
    assert told[2] == (pytest.approx(11), 3)
    assert told[4] == (pytest.approx(100), 0)
    assert told[5] == (0, 0)


def test_another_seed_of_a_control_waits_for_its_own_images():
    jobs = [make_job(partition=name, seed=seed, weights=f"w{seed}") for seed in (0, 1) for name in ("a", "b", "c")]
    now = 0.0
    time_left = TimeLeft(jobs, clock=lambda: now)
    for job in jobs[:3]:
        now += 30 if job is jobs[0] else 1
        time_left.ended(job)
    assert time_left.left == (pytest.approx(30 + 3), 0)


def test_what_trains_the_backbone_waits_for_nothing():
    jobs = [make_job(protocol="fine_tune", seed=seed) for seed in range(3)]
    now = 0.0
    time_left = TimeLeft(jobs, clock=lambda: now)
    now = 600.0
    time_left.ended(jobs[0])
    assert time_left.left == (pytest.approx(1200), 0)


def test_what_others_did_took_no_time_here():
    jobs = [make_job(dataset=dataset, seed=seed) for dataset in (CLIMATE, CROPS) for seed in range(3)]
    now = 0.0
    time_left = TimeLeft(jobs, clock=lambda: now)
    for job, seconds in zip(jobs[:2], (11, 1), strict=True):
        now += seconds
        time_left.ended(job)
    now += 500
    for job in jobs[3:]:
        time_left.left_out(job)
    assert time_left.left == (pytest.approx(1), 0)
    now += 1
    time_left.ended(jobs[2])
    assert time_left.left == (0, 0)

"""What three alike failures stop, and what they do not."""

from itertools import product

from campaign_jobs import CLIMATE, CROPS, make_job
from harness.campaign.dividing.alike import Alike
from harness.campaign.dividing.work import Work
from harness.records.job import Failure


def after(failed, made=(), message="damaged"):
    alike = Alike()
    for job in made:
        alike.made(job)
    for job in failed:
        alike.failed(job, message)
    return alike


def test_three_seeds_stop_the_other_seeds_of_their_cell_and_nothing_else():
    alike = after([make_job(seed=seed) for seed in range(3)])
    assert alike.reason(make_job(seed=7)) == "not begun, as others like it failed alike: damaged"
    for other in ({"partition": "x"}, {"protocol": "knn"}, {"backbone": "other"}, {"dataset": CROPS}):
        assert alike.reason(make_job(**other)) is None, other


def test_two_alike_failures_or_three_different_ones_stop_nothing():
    assert after([make_job(seed=seed) for seed in range(2)]).reason(make_job(seed=7)) is None
    alike = Alike()
    for seed in range(3):
        alike.failed(make_job(seed=seed), f"seed {seed}")
    assert alike.reason(make_job(seed=7)) is None


def test_a_broken_dataset_is_stopped_for_all_once_three_of_everything_failed():
    alike, tried = Alike(), 0
    grid = list(product(("a", "b", "c", "d"), ("knn", "linear_probe", "few_shot", "fine_tune"), "1234567", range(5)))
    for backbone, protocol, partition, seed in grid:
        job = make_job(backbone, protocol=protocol, partition=partition, seed=seed)
        if alike.reason(job) is None:
            tried += 1
            alike.failed(job, "damaged")
    assert (tried, len(grid)) == (9, 560)
    assert alike.reason(make_job("d", dataset=CROPS)) is None


def test_what_was_made_shows_that_its_kind_can_be():
    failed = [make_job(protocol=name, dataset=CLIMATE) for name in ("a", "b", "c")]
    assert after(failed).reason(make_job(protocol="knn"))
    assert after(failed, made=[make_job(protocol="knn")]).reason(make_job(protocol="other")) is None


def test_processes_that_train_together_try_all():
    jobs = [make_job(protocol="fine_tune", seed=seed) for seed in range(4)]
    for together in (False, True):
        work = Work(jobs, tries_all=together)
        for job in jobs[:3]:
            work.became(job, Failure(message="damaged", traceback=None))
        assert work.wants(jobs[3]) == together

"""Runs that share features are one group, and so are the cells they come from."""

import pytest

from campaign_jobs import CLIMATE, CROPS, make_job
from harness.campaign.dividing.groups import group_of, group_of_cell, in_groups
from harness.campaign.dividing.work import Work
from harness.records.cell import Cell


@pytest.mark.parametrize(
    ("changed", "together"),
    [
        ({"seed": 1}, True),
        ({"protocol": "knn"}, True),
        ({"partition": "0.01x_train"}, True),
        ({"dataset": CROPS}, False),
        ({"backbone": "random_init"}, False),
    ],
)
def test_a_group_has_one_network_and_one_dataset(changed, together):
    assert (group_of(make_job()) == group_of(make_job(**changed))) == together


def test_weights_that_come_from_the_seed_are_a_network_for_each():
    one, other = (group_of(make_job(backbone="random_init", seed=seed)) for seed in range(2))
    assert one != other


@pytest.mark.parametrize("changed", [{"seed": 1}, {"protocol": "linear_probe"}, {"partition": "0.01x_train"}])
def test_a_run_that_trains_the_backbone_shares_nothing(changed):
    assert group_of(make_job(protocol="fine_tune")) != group_of(make_job(**{"protocol": "fine_tune", **changed}))


@pytest.mark.parametrize("backbone", ["mp_mae", "random_init"])
@pytest.mark.parametrize("protocol", ["knn", "fine_tune"])
def test_a_cell_has_the_group_of_its_job(backbone, protocol):
    cell = Cell(backbone=backbone, seed=3, dataset=CLIMATE, partition="1.00x_train", protocol=protocol)
    assert group_of_cell(cell) == group_of(make_job(backbone=backbone, protocol=protocol, seed=3))


def test_groups_and_their_jobs_keep_their_order():
    jobs = [make_job(seed=seed, dataset=dataset) for seed in range(2) for dataset in (CROPS, CLIMATE)]
    groups = list(in_groups(jobs).values())
    assert groups == [jobs[::2], jobs[1::2]]


def test_work_that_is_stopped_hands_out_no_more_groups():
    work = Work([make_job(dataset=dataset) for dataset in (CROPS, CLIMATE)])
    groups = work.groups()
    assert len(next(groups)) == 1
    work.stop()
    assert list(groups) == []

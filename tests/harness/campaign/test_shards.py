"""Shares of a grid: every cell in one of them, groups whole, none much larger than another."""

from collections import Counter
from itertools import chain, product

import pytest

from campaign_jobs import CLIMATE, CROPS
from geobench_files import write_dataset
from harness.campaign.dividing.groups import group_of_cell
from harness.campaign.dividing.shards import Shard, parse_shard, share
from harness.campaign.plan import build_plan
from harness.campaign.request import make_request
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.records.cell import Cell
from harness.records.job import Places
from harness.records.progress import Silent

CELLS = [
    Cell(backbone=backbone, seed=seed, dataset=dataset, partition=partition, protocol=protocol)
    for backbone, seed, dataset, protocol, partition in product(
        ("mp_mae", "image_statistics", "random_init"),
        range(4),
        (CLIMATE, CROPS),
        ("knn", "fine_tune"),
        ("0.01x_train", "default"),
    )
]


@pytest.mark.parametrize("of", [1, 3, 5, 200])
def test_every_cell_is_in_one_share_and_groups_are_whole(of):
    shares = [share(CELLS, Shard(number, of)) for number in range(1, of + 1)]
    assert Counter(chain(*shares)) == Counter(CELLS)
    owners = [{group_of_cell(cell) for cell in cells} for cells in shares]
    assert sum(map(len, owners)) == len(set().union(*owners))


def test_shares_are_of_one_size_but_for_a_group():
    sizes = [len(share(CELLS, Shard(number, 5))) for number in range(1, 6)]
    assert max(sizes) - min(sizes) <= max(Counter(map(group_of_cell, CELLS)).values())


def test_a_share_depends_on_the_grid_and_not_on_the_order_it_is_written_in():
    assert set(share(CELLS[::-1], Shard(2, 3))) == set(share(CELLS, Shard(2, 3)))


def test_a_share_is_what_it_was():
    """Commands of one grid may run with a year between them, and on any machine."""
    cells = [cell for cell in CELLS if (cell.protocol, cell.seed, cell.partition) == ("knn", 0, "default")]
    dealt = {(cell.backbone, cell.dataset.name) for cell in share(cells, Shard(1, 3))}
    assert dealt == {("image_statistics", "climate"), ("random_init", "climate")}


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/b", "1/0", "-1/4", "1/4/2", "²/4", ""])
def test_what_is_no_share_is_refused_in_one_line(text):
    with pytest.raises(UserError, match="--shard: expected one share of several, for example 1/4 to 4/4; found"):
        parse_shard(text)


def test_a_plan_has_its_share_alone(tmp_path):
    for name in ("toy0", "toy1"):
        write_dataset(tmp_path, name)

    def planned(shard):
        request = make_request(
            backbones=["image_statistics", "random_init_demo"],
            weights=[],
            geobench_dir=tmp_path,
            datasets=(),
            protocols=("knn",),
            partitions=("default",),
            seeds=(0,),
            train_draw="partition",
            selection="valid",
            shots=(),
            budgets=(),
            missing_bands="zero",
            shard=shard,
            db=tmp_path / "x.duckdb",
            cache_dir=tmp_path / "cache",
            device="cpu",
        )
        lines = build_plan(request, Workbench(Places(cache_dir=tmp_path, device="cpu"), Silent()), convert=False)
        return [line.cell for line in lines]

    shares = [planned(Shard(number, 2)) for number in (1, 2)]
    assert [len(cells) for cells in shares] == [2, 2]
    assert {*chain(*shares)} == {*planned(None)}

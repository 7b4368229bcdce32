"""A large grid is planned quickly: what its lines have in common is worked out once."""

from collections import Counter

import pytest

from geobench_files import write_dataset, write_partition
from harness.campaign import resolve
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent

PARTITIONS = ("0.50x_train", "default")
BACKBONES = ("image_statistics", "random_init_demo")
SEEDS = range(3)
FEW = ("few_shot", "few_shot_ridge", "few_shot_nearest_mean")


@pytest.fixture
def request_(tmp_path):
    """2 datasets x 2 backbones x 3 seeds x (3 protocols x 2 partitions + 3 protocols x 20 draws): 792 lines."""
    names = [f"id_{index}" for index in range(60)]
    for name in ("one", "two"):
        directory = write_dataset(tmp_path / "data", name, n_samples=len(names))
        for partition in PARTITIONS:
            write_partition(directory, partition, train=names[20:], valid=names[:10], test=names[10:20])
    return make_request(
        backbones=BACKBONES, weights=[], geobench_dir=tmp_path / "data", datasets=(),
        protocols=("linear_probe", "knn", "linear_probe_sgd", *FEW), partitions=PARTITIONS, seeds=SEEDS,
        train_draw="seed", selection="valid", shots=(), budgets=range(1, 21), missing_bands="zero",
        db=tmp_path / "x.duckdb", cache_dir=tmp_path / "cache", device="cpu",
    )  # fmt: skip


def test_what_a_network_and_a_dataset_have_in_common_is_worked_out_once(request_, monkeypatch):
    calls = Counter()

    def counted(name):
        function = getattr(resolve, name)

        def call(*arguments):
            calls[name] += 1
            return function(*arguments)

        monkeypatch.setattr(resolve, name, call)

    for name in ("plan_feeds", "check_statistics", "choose_normalisation"):
        counted(name)
    bench = Workbench(Places(cache_dir=request_.cache_dir, device="cpu"), Silent())
    lines = build_plan(request_, bench, convert=True)
    assert Counter(line.state for line in lines) == {State.NEW: 792}
    networks = 1 + len(SEEDS)  # random weights are others with each seed
    assert set(calls.values()) == {2 * networks}
    assert len({line.job.run_id for line in lines}) == 792

"""A large grid planned: 12 datasets x 7 partitions x 5 protocols x 5 backbones x 10 seeds are 21,000 lines.

Datasets are small (12 bands, 100 images of 4 x 4 px) and converted beforehand: what is measured is the work for each
line, in seconds of computing. Measured both with the partitions as filed and with train drawn by the seed.
Run: pytest tests/benchmarks/bench_plan.py -s
"""

from time import process_time

import numpy as np
import pytest

from baselines.entry import DEMO_WEIGHTS
from geobench_files import band, write_dataset, write_partition, write_sample, write_statistics, write_task
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent

PARTITIONS = tuple(f"{share}x_train" for share in ("0.01", "0.02", "0.05", "0.10", "0.20", "0.50", "1.00"))
PRETRAINED = ("mp_mae", "optical_mae", "rgb_mae")
NUMBERS = ("01", "02", "03", "04", "05", "06", "07", "08", "08A", "09", "11", "12")
N_SAMPLES, N_DATASETS = 100, 12
GOAL_SECONDS = 5


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Makes the request, given what draws the train samples."""
    folder = tmp_path_factory.mktemp("plan")
    bands = [band(f"{number} - Band", wavelength=0.4 + 0.1 * place) for place, number in enumerate(NUMBERS)]
    names = [f"id_{index}" for index in range(N_SAMPLES)]
    for number in range(N_DATASETS):
        directory = write_dataset(folder / "data", f"toy{number}", n_samples=6)
        for index, name in enumerate(names):
            pixels = np.full((4, 4), index, np.uint16)
            write_sample(directory, name, [(info, pixels, None) for info in bands], label=index % 3)
        write_task(directory, bands)
        write_statistics(directory, bands)
        for place, partition in enumerate(PARTITIONS, start=1):
            write_partition(directory, partition, train=names[40 : 40 + 8 * place], valid=names[:20], test=names[20:40])

    def ask(train_draw):
        return make_request(
            backbones=["image_statistics", "random_init_demo", *PRETRAINED],
            weights=[f"{name}={DEMO_WEIGHTS / name}" for name in PRETRAINED],
            geobench_dir=folder / "data",
            datasets=(),
            protocols=("linear_probe", "knn", "linear_probe_sgd", "linear_probe_sgd_32", "fine_tune"),
            partitions=PARTITIONS,
            seeds=range(10),
            train_draw=train_draw,
            selection="valid",
            shots=(),
            budgets=(),
            missing_bands="zero",
            db=folder / "x.duckdb",
            cache_dir=folder / "cache",
            device="cpu",
        )

    plan(ask("partition"))  # converts
    return ask


def plan(request):
    return build_plan(request, Workbench(Places(cache_dir=request.cache_dir, device="cpu"), Silent()), convert=True)


@pytest.mark.parametrize("train_draw", ["partition", "seed"])
def test_a_grid_of_21000_lines(asked, train_draw):
    started = process_time()
    lines = plan(asked(train_draw))
    seconds = process_time() - started
    assert len(lines) == 21_000
    assert not [line for line in lines if line.state is State.FAILED]
    print(f"\n21,000 lines, train drawn by {train_draw}: {seconds:.1f} s")
    assert seconds < GOAL_SECONDS

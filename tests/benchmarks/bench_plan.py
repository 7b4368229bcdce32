"""A large grid planned: 12 datasets x 7 partitions x 5 protocols x 5 backbones x 10 seeds are 21,000 lines.

Datasets are small (12 bands, 100 images of 4 x 4 px) and converted beforehand: what is measured is the work for each
line, in seconds of computing. Measured both with the partitions as filed and with train drawn by the seed; and what a
campaign does whose runs are all in the leaderboard, whose `status` is measured too.
Run: pytest tests/benchmarks/bench_plan.py -s
"""

from time import process_time

import numpy as np
import pytest

from baselines.entry import DEMO_WEIGHTS
from geobench_files import band, write_dataset, write_partition, write_sample, write_statistics, write_task
from harness.campaign.carry_out import run_campaign
from harness.campaign.dividing.claims import grid_folder
from harness.campaign.dividing.plan_file import kept_plan
from harness.campaign.dividing.shared_work import planned_groups
from harness.campaign.dividing.standing import read_standings
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent
from leaderboards.file.derived import SELECT_DERIVED
from leaderboards.store import open_leaderboard

PARTITIONS = tuple(f"{share}x_train" for share in ("0.01", "0.02", "0.05", "0.10", "0.20", "0.50", "1.00"))
PRETRAINED = ("mp_mae", "optical_mae", "rgb_mae")
NUMBERS = ("01", "02", "03", "04", "05", "06", "07", "08", "08A", "09", "11", "12")
N_SAMPLES, N_DATASETS = 100, 12
GOAL_SECONDS, GOAL_OF_A_SECOND_START = 5, 15
MADE = f"""
INSERT INTO runs BY NAME
SELECT *, {SELECT_DERIVED} FROM (
    SELECT
        unnest($ids) AS run_id, 'toys' AS suite, 'toy' AS dataset, 'mp_mae' AS backbone, sha256('') AS weights_sha256,
        'f' AS dataset_fingerprint, 'knn' AS protocol, 1 AS protocol_version, 'default' AS partition,
        'partition' AS train_draw, 'valid' AS selection, 0 AS seed, 'accuracy' AS metric, true AS higher_is_better,
        10 AS n_train, 10 AS n_valid, 10 AS n_test, 10 AS n_labels_fit, 0 AS n_labels_select, 'measured' AS source,
        json_object('identity_version', 2, 'partition_sha256', 'p', 'run', unnest($ids)) AS configuration,
        json_object() AS provenance, 'cpu' AS device, 1.0 AS seconds, now()::TIMESTAMP AS finished_at, 0.5 AS score
)
"""


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


def test_a_second_start_of_a_finished_grid(asked):
    """Of the campaign: starting Python and importing PyTorch come on top."""
    request = asked("partition")
    lines = plan(request)
    with open_leaderboard(request.db).transaction() as connection:
        connection.execute(MADE, {"ids": [line.job.run_id for line in lines if line.job]})
    started = process_time()
    lines = run_campaign(request, Silent())
    seconds = process_time() - started
    assert {line.state for line in lines} <= {State.DONE, State.SAME, State.SKIPPED}
    print(f"\n21,000 lines, all of them done: {seconds:.1f} s")
    assert seconds < GOAL_OF_A_SECOND_START


def test_the_status_of_a_large_grid(asked):
    request = asked("partition")
    jobs = [line.job for line in plan(request) if line.job]
    open_leaderboard(request.db)
    folder = grid_folder(request.db)
    with kept_plan(folder, planned_groups(jobs), lambda run_ids: (), anew=True):
        started = process_time()
        (standing,) = read_standings(request.db)
        seconds = process_time() - started
    assert standing.total == len(jobs)
    print(f"\nstatus of {len(jobs):,} runs: {seconds:.2f} s")
    assert seconds < 2

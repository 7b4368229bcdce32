"""What a campaign says as it goes, into a terminal and into a pipe."""

import io

import pytest

from campaign_jobs import CROPS, make_job, make_record
from harness.campaign.plan import Line, State
from harness.records.cell import Cell
from harness.records.job import Failure, Unstored
from harness.show.campaign.watch import CampaignWatch
from harness.show.progress_bars import RichProgress
from mp_mae.visible_text import VisibleConsole

JOBS = [
    *(make_job(partition=partition, seed=seed) for seed in (0, 1) for partition in ("0.10x_train", "1.00x_train")),
    make_job(dataset=CROPS),
]


def told(*, terminal=False, seconds=None):
    """Everything that is told of JOBS, of which the last one fails."""
    console = VisibleConsole(file=io.StringIO(), force_terminal=terminal, color_system=None, width=80)
    with RichProgress(console) as progress:
        watch = CampaignWatch(console, progress)
        watch.begins([], JOBS, seconds)
        for job in JOBS[:4]:
            few = job.run.partition == "0.10x_train"
            watch.ends(job, make_record(0.2, 10) if few else make_record(0.5 + 0.1 * job.run.seed, 100))
            progress._progress.refresh()
        watch.ends(JOBS[4], Failure(message="no crops", traceback=None))
    assert watch.stored == 4
    return console.file.getvalue()


def test_a_line_for_every_cell_when_its_last_run_ends_also_when_piped():
    assert told().splitlines() == [
        "demo (simulated: rank nothing real by it): 1 backbone, 5 runs",
        "[1/2] mp_mae  climate  linear_probe  .550 (100 labels)",
        "[2/2] mp_mae  crops    linear_probe  1 of 1 run failed",
    ]


def test_a_run_that_waits_to_be_stored_is_no_failure():
    console = VisibleConsole(file=io.StringIO(), width=80)
    with RichProgress(console) as progress:
        watch = CampaignWatch(console, progress)
        watch.begins([], JOBS, None)
        for job in JOBS:
            watch.ends(job, Unstored(message="locked"))
    assert watch.stored == 0
    assert console.file.getvalue().splitlines()[1:] == [
        "[1/2] mp_mae  climate  linear_probe  4 of 4 runs not stored yet",
        "[2/2] mp_mae  crops    linear_probe  1 of 1 run not stored yet",
    ]


def test_it_says_how_long_it_takes_where_earlier_runs_tell():
    assert told(seconds=400).splitlines()[0].endswith("1 backbone, 5 runs, about 7 min")


def test_the_bar_names_backbone_and_dataset_and_fits_the_terminal():
    shown = told(terminal=True)
    assert "mp_mae, climate" in shown
    assert "mp_mae, crops" in shown
    assert "+ 1 unknown" in shown, "crops is like nothing that ended"


def test_a_named_checkpoint_is_called_as_in_rows():
    console = VisibleConsole(file=io.StringIO(), force_terminal=True, color_system=None, width=80)
    with RichProgress(console) as progress:
        watch = CampaignWatch(console, progress)
        watch.begins([], [job := make_job(backbone="first=mp_mae")], None)
        progress._progress.refresh()
        watch.ends(job, make_record(0.5, 100))
    shown = console.file.getvalue()
    assert "first, climate" in shown
    assert "[1/1] first  climate  linear_probe  .500 (100 labels)" in shown
    assert "=mp_mae" not in shown


@pytest.mark.parametrize("n_done", [0, 2])
def test_what_is_stored_already_is_said_at_the_beginning(n_done):
    cell = Cell(backbone="mp_mae", seed=0, dataset=CROPS, partition="p", protocol="knn")
    console = VisibleConsole(file=io.StringIO(), width=80)
    lines = [Line(cell=cell, state=State.DONE)] * n_done + [Line(cell=cell, state=State.SKIPPED)]
    CampaignWatch(console, RichProgress(console)).begins(lines, [], None)
    assert ("2 of 3 runs were in the leaderboard already" in console.file.getvalue()) == (n_done > 0)


def test_what_others_did_is_no_result_of_this_command():
    console = VisibleConsole(file=io.StringIO(), width=80)
    with RichProgress(console) as progress:
        watch = CampaignWatch(console, progress)
        watch.begins([], JOBS, None)
        for job in JOBS[:4]:
            watch.elsewhere(job)
        watch.ends(JOBS[4], make_record(0.5, 100))
    assert watch.stored == 1
    assert console.file.getvalue().splitlines()[1:] == ["[2/2] mp_mae  crops    linear_probe  .500 (100 labels)"]

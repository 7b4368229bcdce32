"""The verb that evaluates: `run`."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import typer

from harness.cli.curve import show_panels
from harness.cli.data import own_root
from harness.cli.interruption import say_if_interrupted
from harness.cli.options.own import Bands, BlockKm, Data, GroupBy, Labels, NoData, Task, UnitOfPixels
from harness.cli.options.run import (
    Alone,
    Backbones,
    Budgets,
    CacheDir,
    Datasets,
    Device,
    Draw,
    DropBands,
    DryRun,
    InputSize,
    Missing,
    NamesOfBands,
    Normalise,
    Partitions,
    PresetName,
    Protocols,
    Seeds,
    Select,
    Settings,
    Shots,
    TestBands,
    TrainBands,
    Trials,
    Verbose,
    VerifyData,
    Weights,
    Workers,
)
from harness.cli.options.words import parse_input_size, split_backbones, split_budgets, split_settings, split_weights
from harness.cli.terminal import (
    DEFAULT_CACHE,
    DEFAULT_DB,
    EVALUATING,
    Db,
    Debug,
    GeobenchDir,
    data_place,
    data_root,
    err,
    out,
    say,
    split_names,
    split_numbers,
    user_errors,
)
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.campaign.plan import Line
    from harness.campaign.request import RunRequest
    from harness.records.job import Job
    from leaderboards.alarm import Alarm


_EXAMPLES = """Examples:

`python -m harness run --backbone mp_mae` (without data: on simulated ones)

`python -m harness run --data my_images` (a sub-folder a class)

`python -m harness run --backbone mp_mae --weights checkpoint.pth --geobench-dir ~/dataset/geobench`

`python -m harness run --backbone random_init --backbone image_statistics --datasets m-eurosat --partitions all`

`python -m harness run --backbone all --weights mp_mae=checkpoint.pth --missing-bands nearest --dry-run`

`python -m harness run --backbone random_init --partitions all --train-draw seed --seeds 0-4 --select cv`

`python -m harness run --backbone random_init --protocols few_shot,few_shot_ridge --shots 1,5 --seeds 0-9`

`python -m harness run --backbone imagenet_mae --train-bands B4,B3,B2 --test-bands B8A,B11,B12`

`python -m harness run --preset mmearth-table --weights mp_mae_published=official.pth --geobench-dir DIR --dry-run`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=EVALUATING, epilog=_EXAMPLES)(run)


def run(
    backbone: Backbones = None,
    alone: Alone = False,
    preset: PresetName = None,
    data: Data = None,
    weights: Weights = None,
    geobench_dir: GeobenchDir = None,
    datasets: Datasets = None,
    protocols: Protocols = None,
    partitions: Partitions = None,
    seeds: Seeds = None,
    train_draw: Draw = None,
    select: Select = None,
    settings: Settings = None,
    trials: Trials = 0,
    shots: Shots = None,
    budgets: Budgets = None,
    missing_bands: Missing = None,
    band_names: NamesOfBands = None,
    train_bands: TrainBands = None,
    test_bands: TestBands = None,
    drop_bands: DropBands = None,
    normalisation: Normalise = None,
    input_size: InputSize = None,
    labels: Labels = None,
    task: Task = None,
    bands: Bands = None,
    unit: UnitOfPixels = None,
    no_data: NoData = None,
    group_by: GroupBy = None,
    block_km: BlockKm = None,
    db: Db = DEFAULT_DB,
    cache_dir: CacheDir = DEFAULT_CACHE,
    verify_data: VerifyData = False,
    device: Device = "auto",
    workers: Workers = None,
    dry_run: DryRun = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Evaluate backbones on GEO-Bench, or on images of your own, and store the results.

    `--data DIR` takes a folder of images, and compares a few backbones where none is named (docs/your_images.md).
    Without GEO-Bench data it runs on the built-in demo suite (`suite = 'demo'`): four tasks in a simulated world, with
    weights that learnt from other places of it, and image statistics and an untrained network beside a single backbone.

    A run that the leaderboard holds already is not repeated.
    Exit code: 0 all runs are in the leaderboard, 1 some failed, 2 wrong usage.
    """
    said = SimpleNamespace(**locals())
    with user_errors(debug):
        code = _work(_ask(said), dry_run, verbose, debug)
    raise typer.Exit(code)


def _ask(said: SimpleNamespace) -> "RunRequest":
    """The request that the options of `run` make, by their names, and the data it is about."""
    from harness.campaign.ask import ask
    from harness.data.suites import has_no_data

    if said.data and (said.geobench_dir or said.preset):
        raise UserError("--data is of images of your own: leave out --geobench-dir and --preset")
    geobench_dir = own_root(said) if said.data else said.geobench_dir
    demo = has_no_data(geobench_dir) and not said.preset
    request = ask(
        demo=demo,
        alone=said.alone,
        preset=said.preset,
        backbones=split_backbones(said.backbone),
        weights=split_weights(said.weights),
        geobench_dir=data_place(geobench_dir, said.cache_dir, demo=demo),
        datasets=split_names(said.datasets),
        protocols=None if said.protocols is None else split_names(said.protocols),
        partitions=None if said.partitions is None else split_names(said.partitions),
        seeds=None if said.seeds is None else split_numbers("--seeds", said.seeds),
        train_draw=said.train_draw,
        selection=said.select,
        settings=split_settings(said.settings),
        trials=said.trials,
        shots=None if said.shots is None else split_numbers("--shots", said.shots),
        budgets=None if said.budgets is None else split_budgets(said.budgets),
        missing_bands=said.missing_bands,
        band_names=said.band_names,
        train_bands=[split_names([bands]) for bands in said.train_bands or ()],
        test_bands=[split_names([bands]) for bands in said.test_bands or ()],
        drop_bands=split_names(said.drop_bands),
        normalisation=said.normalisation,
        input_size=parse_input_size(said.input_size),
        db=said.db,
        cache_dir=said.cache_dir,
        verify_data=said.verify_data,
        device=said.device,
        workers=said.workers,
    )
    data_root(geobench_dir, said.cache_dir, demo=demo)
    return request


def _work(request: "RunRequest", dry_run: bool, verbose: bool, debug: bool) -> int:
    """This process's part, and its exit code. Under `accelerate launch` all but the first help without a word."""
    from harness.campaign.carry_out import help_campaign
    from harness.records.progress import Silent
    from harness.training.devices import Devices

    devices = Devices(request.device)
    if devices.rank == 0:
        return _preview(request, verbose, debug) if dry_run else _run(request, debug)
    try:
        if not dry_run:
            help_campaign(request, devices, Silent())
    except UserError:
        return 2  # the first process says it
    return 0


def _preview(request: "RunRequest", verbose: bool, debug: bool) -> int:
    from harness.campaign.carry_out import preview
    from harness.show.plan_tables import plan_table, summary_table
    from harness.show.progress_bars import RichProgress

    with RichProgress(err) as progress:
        lines, estimates = preview(request, progress)
    if verbose:
        out.print(plan_table(lines))
    out.print(summary_table(lines, estimates))
    _show_tracebacks(lines, debug)
    return _explain(lines)


def _run(request: "RunRequest", debug: bool) -> int:
    from harness.campaign.carry_out import run_campaign
    from harness.campaign.plan import State
    from harness.show.campaign.watch import CampaignWatch
    from harness.show.progress_bars import RichProgress

    with RichProgress(err) as progress:
        watch = CampaignWatch(err, progress)
        say_if_interrupted(lambda: f"interrupted: {watch.stored} runs stored; the same command goes on from there")
        lines = run_campaign(request, progress, watch)
    there = [line.job for line in lines if line.job and line.state in (State.NEW, State.DONE)]
    if there:
        _show_results(request, there)
    _show_tracebacks(lines, debug)
    code = _explain(lines)
    if there:
        say(err, f"Stored in {request.db}. Ask it: python -m harness leaderboard")
    return code


def _show_results(request: "RunRequest", jobs: "Sequence[Job]") -> None:
    """Ordinary runs; those on fewer bands; and what other bands at test cost."""
    from harness.show.band_losses import loss_tables, read_losses

    ordinary = [job for job in jobs if not job.run.band_sets]
    if ordinary:
        _show_ordinary(request, ordinary)
    on_fewer = [job.run_id for job in jobs if job.run.band_sets and not job.run.test_feed]
    if on_fewer:
        _show_runs(request, on_fewer, [])
    shifted = [job.run_id for job in jobs if job.run.test_feed]
    for table in loss_tables(read_losses(request.db, run_ids=shifted)):
        out.print(table)


def _show_runs(request: "RunRequest", run_ids: "Sequence[str]", alarms: "Sequence[Alarm]") -> None:
    """A row per run, those marked of which there is an alarm."""
    from harness.show.results import Choice, read_runs, runs_table

    out.print(runs_table(read_runs(request.db, Choice(run_ids=run_ids)), alarms))


def _show_ordinary(request: "RunRequest", jobs: "Sequence[Job]") -> None:
    """A row per run; of several seeds or partitions a table of their means, and the curves they make."""
    from harness.show.results import alarm_lines
    from leaderboards.alarm import read_alarms

    run_ids = [job.run_id for job in jobs]
    found = read_alarms(request.db, [job.backbone for job in jobs])
    alarms = [alarm for alarm in found if not set(run_ids).isdisjoint(alarm.run_ids)]
    partitions = {name for block in request.blocks for name in block.partitions}
    if len({job.run.seed for job in jobs}) == len(partitions) == 1 and not request.draws_few_labels:
        _show_runs(request, run_ids, alarms)
    else:
        _show_grid(request, run_ids, alarms)
    for line in alarm_lines(alarms):
        say(out, line, style="yellow")


def _show_grid(request: "RunRequest", run_ids: "Sequence[str]", alarms: "Sequence[Alarm]") -> None:
    from harness.show.plots.curves import read_panels
    from harness.show.results import Choice, means_grids, read_means

    for table in means_grids(read_means(request.db, Choice(run_ids=run_ids)), alarms):
        out.print(table)
    panels = [panel for panel in read_panels(request.db, run_ids=run_ids) if panel.is_curve]
    if panels:
        show_panels([panel for panel in panels if panel.protocol == panels[0].protocol], None)
        show_panels(panels, request.db.with_name(f"{request.db.stem}-curves.png"))


def _show_tracebacks(lines: "Sequence[Line]", debug: bool) -> None:
    """Print where failures came from that nobody foresaw, each once."""
    for traceback in dict.fromkeys(line.traceback for line in lines if line.traceback) if debug else ():
        err.print(traceback, markup=False, highlight=False)


def _explain(lines: "Sequence[Line]") -> int:
    """Say why lines did not run, and what is odd about those that did; the exit code that follows from it."""
    from harness.campaign.plan import State
    from harness.show.plan_tables import STATE_STYLE, reasons

    for state in (State.NEW, State.DONE, State.SAME, State.SKIPPED, State.FAILED):
        for text in reasons(lines, state):
            say(err, text, style=STATE_STYLE[state])
    if all(line.state is State.SKIPPED for line in lines):
        raise UserError("nothing to run: every combination was skipped, for the reasons above")
    return 1 if any(line.state is State.FAILED for line in lines) else 0

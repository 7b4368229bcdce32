"""The verb that evaluates: `run`."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import typer

from harness.cli.data.own import own_images, settings_said
from harness.cli.interruption import finishing, say_if_interrupted
from harness.cli.options.own import (
    Bands,
    BlockKm,
    ClassNames,
    Data,
    FitOfSize,
    GroupBy,
    LabelColumns,
    Labels,
    NameOfData,
    NoData,
    Size,
    Task,
    UnitOfPixels,
)
from harness.cli.options.run import (
    Alone,
    Backbones,
    Budgets,
    CacheDir,
    CacheLimit,
    Datasets,
    Device,
    Draw,
    DropBands,
    DryRun,
    Executor,
    IgnoreNoData,
    InputSize,
    Missing,
    NamesOfBands,
    Normalise,
    Partitions,
    PresetName,
    Protocols,
    RayAddress,
    RetryFailed,
    Seeds,
    Select,
    Settings,
    ShardOf,
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
from harness.cli.running.results import reasons, tell_results
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
    show_tracebacks,
    split_names,
    split_numbers,
    user_errors,
)
from harness.errors import UserError
from harness.records.ray_wish import ExecutorName
from harness.show.quantities import parse_size

if TYPE_CHECKING:
    from harness.campaign.plan import Line
    from harness.campaign.request import RunRequest


_EXAMPLES = """Examples:

`python -m harness run --backbone mp_mae` (without data: on simulated ones)

`python -m harness run --data my_images` (a sub-folder a class)

`python -m harness run --backbone mp_mae --weights checkpoint.pth --geobench-dir ~/dataset/geobench`

`python -m harness run --backbone random_init --backbone image_statistics --datasets m-eurosat --partitions all`

`python -m harness run --backbone all --weights mp_mae=checkpoint.pth --missing-bands nearest --dry-run`

`python -m harness run --backbone random_init --partitions all --train-draw seed --seeds 0-4 --select cv`

`python -m harness run --backbone random_init --protocols few_shot,few_shot_ridge --shots 1,5 --seeds 0-9`

`python -m harness run --backbone imagenet_mae --train-bands B4,B3,B2 --test-bands B8A,B11,B12`

`python -m harness run --backbone all --partitions all --seeds 0-4 --shard 3/16 --db results/3.duckdb`

`python -m harness run --preset mmearth-table --weights mp_mae_published=official.pth --geobench-dir DIR --dry-run`
"""


FINISHES = "interrupted: runs that have begun are finished, no other is begun; once more stops at once"


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
    ignore_nodata: IgnoreNoData = False,
    input_size: InputSize = None,
    labels: Labels = None,
    label_column: LabelColumns = None,
    task: Task = None,
    class_names: ClassNames = None,
    bands: Bands = None,
    unit: UnitOfPixels = None,
    no_data: NoData = None,
    fit: FitOfSize = None,
    size: Size = None,
    name: NameOfData = None,
    group_by: GroupBy = None,
    block_km: BlockKm = None,
    db: Db = DEFAULT_DB,
    cache_dir: CacheDir = DEFAULT_CACHE,
    cache_limit: CacheLimit = None,
    verify_data: VerifyData = False,
    device: Device = "auto",
    workers: Workers = None,
    shard: ShardOf = None,
    retry_failed: RetryFailed = False,
    executor: Executor = ExecutorName.LOCAL,
    ray_address: RayAddress = None,
    dry_run: DryRun = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Evaluate backbones on GEO-Bench, or on images of your own, and store the results.

    `--data DIR` takes a folder of images, and compares a few backbones where none is named (docs/your_images.md).
    Without GEO-Bench data it runs on the built-in demo suite (`suite = 'demo'`): four tasks in a simulated world, with
    weights that learnt from other places of it, and image statistics and an untrained network beside a single backbone.

    A run that the leaderboard holds already is not repeated.
    Exit code: 0 all runs are in the leaderboard, 1 some failed or wait to be stored, 2 wrong usage.
    """
    said = SimpleNamespace(**locals())
    with user_errors(debug):
        code = _work(_ask(said), dry_run, verbose, debug)
    raise typer.Exit(code)


def _ask(said: SimpleNamespace) -> "RunRequest":
    """The request that the options of `run` make, by their names, and the data it is about."""
    from harness.campaign.ask import ask
    from harness.data.suites import has_no_data

    own = said.data or said.labels
    if own and (said.geobench_dir or said.preset):
        raise UserError("--data and --labels are of your own: leave out --geobench-dir and --preset")
    if not own and (given := settings_said(said)):
        raise UserError(f"{given[0]}: is of images of your own. Say --data DIR too")
    words = _words(said)
    if own:  # wrong words are refused before every image is looked at
        ask(demo=False, unread=True, geobench_dir=Path(own), **words)
    geobench_dir = own_images(said)[0] if own else said.geobench_dir
    demo = has_no_data(geobench_dir) and not said.preset
    request = ask(demo=demo, geobench_dir=data_place(geobench_dir, said.cache_dir, demo=demo), **words)
    data_root(geobench_dir, said.cache_dir, demo=demo)
    return request


def _words(said: SimpleNamespace) -> dict[str, Any]:
    """The options as `ask` takes them, but for where the data are."""
    from harness.campaign.dividing.shards import parse_shard

    return {
        "alone": said.alone,
        "preset": said.preset,
        "backbones": split_backbones(said.backbone),
        "weights": split_weights(said.weights),
        "datasets": split_names(said.datasets),
        "protocols": None if said.protocols is None else split_names(said.protocols),
        "partitions": None if said.partitions is None else split_names(said.partitions),
        "seeds": None if said.seeds is None else split_numbers("--seeds", said.seeds),
        "train_draw": said.train_draw,
        "selection": said.select,
        "settings": split_settings(said.settings),
        "trials": said.trials,
        "shots": None if said.shots is None else split_numbers("--shots", said.shots),
        "budgets": None if said.budgets is None else split_budgets(said.budgets),
        "missing_bands": said.missing_bands,
        "band_names": said.band_names,
        "train_bands": [split_names([bands]) for bands in said.train_bands or ()],
        "test_bands": [split_names([bands]) for bands in said.test_bands or ()],
        "drop_bands": split_names(said.drop_bands),
        "normalisation": said.normalisation,
        "ignore_nodata": said.ignore_nodata,
        "input_size": parse_input_size(said.input_size),
        "db": said.db,
        "cache_dir": said.cache_dir,
        "cache_limit": None if said.cache_limit is None else parse_size("--cache-limit", said.cache_limit),
        "verify_data": said.verify_data,
        "device": said.device,
        "workers": said.workers,
        "retry_failed": said.retry_failed,
        "shard": None if said.shard is None else parse_shard(said.shard),
        "executor": said.executor,
        "ray_address": said.ray_address,
    }


def _work(request: "RunRequest", dry_run: bool, verbose: bool, debug: bool) -> int:
    """This process's part, and its exit code. Under `accelerate launch` all but the first help without a word."""
    from harness.campaign.carry_out import help_campaign
    from harness.records.progress import Silent
    from harness.training.devices import Devices

    devices = Devices(request.device)
    if devices.rank == 0:
        return _preview(request, verbose, debug) if dry_run else _run(request, verbose, debug)
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
    for text, style in reasons(lines, verbose):
        say(err, text, style=style)
    show_tracebacks((line.traceback for line in lines), debug)
    return _exit_code(request, lines)


def _run(request: "RunRequest", verbose: bool, debug: bool) -> int:
    from harness.campaign.carry_out import run_campaign
    from harness.show.campaign.watch import CampaignWatch
    from harness.show.progress_bars import RichProgress

    with RichProgress(err) as progress:
        watch = CampaignWatch(err, progress, lambda stop: finishing(stop, FINISHES))
        say_if_interrupted(lambda: f"interrupted: {watch.stored} runs stored; the same command goes on from there")
        lines = run_campaign(request, progress, watch)
    tell_results(request, lines, news=watch.stored > 0, verbose=verbose, debug=debug)
    return _exit_code(request, lines)


def _exit_code(request: "RunRequest", lines: "Sequence[Line]") -> int:
    """Raises UserError if nothing was to be run, but in a share: one of a small grid may be empty."""
    from harness.campaign.plan import State

    if request.shard is not None and not lines:
        say(err, f"--shard {request.shard}: nothing to do; the grid has fewer groups of runs than shares")
    elif all(line.state is State.SKIPPED for line in lines):
        raise UserError("nothing to run: every combination was skipped, for the reasons above")
    return 1 if any(line.state in (State.FAILED, State.WAITING) for line in lines) else 0

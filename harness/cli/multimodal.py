"""The verb `multimodal`."""

from typing import TYPE_CHECKING

import typer

from harness.campaign.defaults import default_workers
from harness.cli.options.multimodal import OneBackbone, OneWeights, Places, Resamples
from harness.cli.options.run import CacheDir, Datasets, Device, Normalise
from harness.cli.terminal import (
    DEFAULT_CACHE,
    DEFAULT_DB,
    EVALUATING,
    Db,
    Debug,
    Format,
    FormatOption,
    GeobenchDir,
    err,
    out,
    say,
    show_rows,
    show_tracebacks,
    split_names,
    user_errors,
)

if TYPE_CHECKING:
    from harness.multimodal.campaign import Campaign

_EXAMPLES = """Examples:

`python -m harness multimodal --geobench-dir areas_data`

`python -m harness multimodal --weights RUN/encoder --geobench-dir areas_data --datasets area-farmland-cover`

`python -m harness sql "SELECT modalities, value, loss FROM missing_modalities WHERE question = 'label'"`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    app.command(rich_help_panel=EVALUATING, epilog=_EXAMPLES)(multimodal)


def multimodal(
    backbone: OneBackbone = "clip",
    weights: OneWeights = None,
    geobench_dir: GeobenchDir = None,
    datasets: Datasets = None,
    normalisation: Normalise = None,
    same_place_km: Places = 3.0,
    seed: Resamples = 0,
    db: Db = DEFAULT_DB,
    cache_dir: CacheDir = DEFAULT_CACHE,
    device: Device = "auto",
    form: FormatOption = Format.table,
    debug: Debug = False,
) -> None:
    """Ask a space that several modalities share: what finds what, what is missed, what holds in another area.

    On the test images: retrieval between modalities; the headline score of a linear probe with every subset of
    modalities and without every channel; and of probes that were fitted on other datasets with the same labels.

    Every tower sees an image once, and once without each channel; vectors are kept. What the leaderboard holds already
    is not asked again. Exit code: 0 all is in the leaderboard, 1 something failed, 2 wrong usage.
    """
    with user_errors(debug):
        from harness.multimodal.request import Request, evaluate
        from harness.show.modalities import multimodal_tables
        from harness.show.progress_bars import RichProgress
        from leaderboards.multimodal import read_results
        from leaderboards.store import Leaderboard

        request = Request(
            backbone=backbone,
            weights=weights,
            geobench_dir=geobench_dir,
            datasets=split_names(datasets),
            normalisation=normalisation,
            same_place_km=same_place_km,
            seed=seed,
            db=db,
            cache_dir=cache_dir,
            device=device,
            workers=default_workers(),
        )
        with RichProgress(err) as progress:
            done = evaluate(request, progress)
        if done.result_ids:
            found = read_results(Leaderboard(db), done.result_ids)
            if form is Format.table:
                for table in multimodal_tables(found):
                    out.print(table)
            else:
                show_rows(found, form)
        _tell(done, debug)
        if done.result_ids:
            say(err, f"{done.n_new} of {len(done.result_ids)} numbers are new in {db}; the others were there.")
    raise typer.Exit(1 if done.failed or not done.result_ids else 0)


def _tell(done: "Campaign", debug: bool) -> None:
    """Why nothing was asked of some datasets, and what went wrong with others."""
    for reason in done.skipped.values():
        say(err, f"skipped: {reason}", style="yellow")
    for name, failure in done.failed.items():
        say(err, f"failed: {name}: {failure.message}", style="red")
    show_tracebacks((failure.traceback for failure in done.failed.values()), debug)

"""The verbs about published data: `data download`, `data list`, `data verify`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.terminal import (
    Debug,
    Format,
    FormatOption,
    GeobenchDir,
    err,
    out,
    say,
    show_rows,
    split_names,
    user_errors,
)
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.data.downloads.verify import Verdict
    from harness.records.job import DatasetRef
    from harness.records.progress import Progress

DOWNLOAD_EXAMPLES = """Examples:

`python -m harness data download m-eurosat,m-so2sat`

`python -m harness data download geobench2/benv2 mmearth-bench/soil_pH`

`python -m harness data download eurosat --out DIR` (then `run --data DIR/eurosat`)

`python -m harness data download m-eurosat --base-url https://mirror.example/geo-bench`
"""

LIST_EXAMPLES = """Examples:

`python -m harness data list`

`python -m harness data list --geobench-dir DIR --format csv`
"""

VERIFY_EXAMPLES = """Examples:

`python -m harness data verify m-eurosat`

`python -m harness data verify DIR/classification_v1.0/m-eurosat DIR/eurosat`
"""


def download(
    names: Annotated[list[str], typer.Argument(metavar="NAME,...", help="What to download (docs/downloads.md).")],
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Gets the folders of the suites, to be passed as --geobench-dir. Default: $GEO_BENCH_DIR, else "
            "~/dataset/geobench; and the folder around that for what belongs to no suite.",
        ),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            metavar="URL",
            help="Fetch the same paths from there. Default: $MP_MAE_BASE_URL, else where they are published.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Silence after which a connection is made anew.")
    ] = 60.0,
    debug: Debug = False,
) -> None:
    """Download datasets and weights by name, one after the other, each whole or not at all.

    Names are those of GEO-Bench (m-eurosat), geobench2/NAME, mmearth-bench/TASK, eurosat (RGB), mmearth64, mmearth100k,
    mmearth, and MMEarth's own weights. A download that was interrupted goes on where it was. Checksums are compared
    where they are published, the disk is looked at first, and nothing that an archive brings is executed.
    """
    with user_errors(debug):
        from harness.data.downloads.places import DOWNLOADS, place_of
        from mp_mae.downloads.bars import TransferBars
        from mp_mae.downloads.published import find
        from mp_mae.downloads.telling import download_all

        failed = []
        with TransferBars(err) as bars:
            for published in find(split_names(names), DOWNLOADS):
                place = place_of(published, out_dir)
                failed += download_all([published], place, base_url, timeout, bars, lambda line: say(out, line))
        for line in failed:
            say(err, f"failed: {line}", style="red")
    raise typer.Exit(2 if failed else 0)


def list_(geobench_dir: GeobenchDir = None, form: FormatOption = Format.table, debug: Debug = False) -> None:
    """List the data that are here: suite, task, images, size, errata, and whether anything is missing.

    Complete means that every sample of the partition `default` has its file. `data verify` opens the files.
    """
    with user_errors(debug):
        from harness.data.downloads.inventory import COMPLETE, take_inventory
        from harness.data.suites import HOW_TO_GET, data_place
        from harness.show.quantities import describe_size
        from leaderboards.query import Table

        root = data_place(geobench_dir)
        held = take_inventory(root)
        if not held:
            raise UserError(f"{root}: no data are here. {HOW_TO_GET}")
        for_people = form is Format.table
        rows = [
            (
                holding.suite,
                holding.name,
                holding.task,
                holding.n_images,
                describe_size(holding.n_bytes) if for_people else holding.n_bytes,
                holding.erratum,
                holding.state,
            )
            for holding in held
        ]
        columns = ("suite", "dataset", "task", "images", "size" if for_people else "bytes", "erratum", "state")
        show_rows(Table(columns=columns, rows=rows), form)
        for holding in held:
            if holding.problem:
                say(err, f"{holding.state}: {holding.problem}", style="yellow")
    raise typer.Exit(0 if all(holding.state == COMPLETE for holding in held) else 1)


def verify(
    names: Annotated[list[str], typer.Argument(metavar="NAME|DIR,...", help="Datasets that are here, or folders.")],
    geobench_dir: GeobenchDir = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes that read. Default: all cores.")] = 0,
    debug: Debug = False,
) -> None:
    """Open every file of a dataset and name the broken ones; compare its statistics with those that it comes with.

    Means and standard deviations over the train split may be a tenth of a standard deviation apart: those of GEO-Bench
    are of a thousand pixels of each image. A folder may be a dataset of a suite, pretraining data in MMEarth's layout,
    official weights, or images.
    """
    with user_errors(debug):
        from harness.data.suites import data_place
        from harness.errors import as_user_error
        from harness.show.progress_bars import RichProgress

        root, bad = data_place(geobench_dir), False
        with RichProgress(err) as progress:
            for name in split_names(names):
                try:
                    for told, verdict in _verify(name, root, progress, workers or os.cpu_count() or 1):
                        bad |= bool(verdict.problems)
                        _tell(told, verdict)
                except Exception as error:  # the border between datasets: one must not hide the others
                    if debug:
                        raise
                    bad = True
                    say(err, f"failed: {as_user_error(error)}", style="red")
    raise typer.Exit(1 if bad else 0)


def _tell(name: str, verdict: "Verdict") -> None:
    from harness.show.quantities import describe_count
    from mp_mae.data.checking.moments import TOLERANCE

    for problem in verdict.problems:
        say(err, f"{name}: {problem}", style="red")
    compared = "it comes with no statistics to compare"
    if verdict.n_compared:
        compared = f"statistics of {describe_count(verdict.n_compared, 'band')} compared (tolerance {TOLERANCE:g} std)"
    n = len(verdict.problems)
    found = describe_count(n, "problem") if n else "all sound"
    say(out, f"{name}: {describe_count(verdict.n_samples, 'sample')} read, {compared}: {found}")


def _verify(name: str, root: Path, progress: "Progress", workers: int) -> "list[tuple[str, Verdict]]":
    """What a name or a folder stands for, each thing with its verdict."""
    from harness.data.downloads.places import BESIDE, folders_of
    from harness.data.downloads.verify import verify_dataset
    from harness.data.sources import open_dataset
    from harness.data.suites import find_named

    named = folders_of(BESIDE[name], root) if name in BESIDE else []
    folder = named[0] if named else Path(name).expanduser()
    refs = find_named(root, [name]) or _datasets_in(folder)
    if refs:
        return [(ref.qualified_name, verify_dataset(open_dataset(ref), progress, workers)) for ref in refs]
    if folder.is_dir():
        return [(str(folder), _verify_folder(folder, progress))]
    raise UserError(
        f"{name}: is neither a dataset below {root} nor a folder. What is here says: python -m harness data list"
    )


def _datasets_in(folder: Path) -> "list[DatasetRef]":
    """The datasets of suites that lie in this very folder."""
    from harness.data.suites import discover

    folder = folder.resolve()
    try:
        there = discover(folder.parent.parent)
    except UserError:  # no suites around it
        return []
    return [ref for ref in there if ref.directory.resolve() == folder]


def _verify_folder(folder: Path, progress: "Progress") -> "Verdict":
    """A folder of no suite: pretraining data, official weights, or images."""
    from harness.data.downloads.verify import Verdict, verify_images

    weights = sorted(folder.glob("*.pth"))
    if weights:
        from mp_mae.checkpoint import load_checkpoint

        for file in weights:
            load_checkpoint(file)
        return Verdict(n_samples=len(weights), n_compared=0, problems=())
    if not any(folder.glob("*.h5")):
        return verify_images(folder, progress)
    from harness.records.progress import telling_how_many
    from mp_mae.data.checking.mmearth import check_mmearth
    from mp_mae.data.files import find_files
    from mp_mae.data.h5 import describe_columns

    n_tiles = describe_columns(find_files(folder).h5)["sentinel2"].n_rows
    with progress.step(f"reading {folder.name}", n_tiles) as step:
        checked = check_mmearth(folder, telling_how_many(step))
    return Verdict(n_samples=checked.n_tiles, n_compared=checked.n_compared, problems=checked.problems)

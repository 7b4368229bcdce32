"""The verbs that simulate data: `data demo` and `data areas`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.terminal import Debug, err, out, say, split_names, user_errors
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.demo.tasks import DemoTask
    from harness.records.labels import Split
    from harness.records.progress import Progress

DEMO_EXAMPLES = """Examples:

`python -m harness data demo --out demo_data`

`python -m harness run --backbone random_init --geobench-dir demo_data`

`python -m mp_mae pretrain --data demo_data/mmearth_demo --out checkpoints`

`python -m harness data demo --out demo_data --tiles 20000 --seed 1 --tasks demo-climate,demo-crops`
"""

AREAS_EXAMPLES = """Examples:

`python -m harness data areas --out areas_data`

`python -m harness data areas --out small --train 400 --areas farmland`

`python -m harness run --backbone image_statistics --geobench-dir areas_data --protocols few_shot --budgets 50,200,all`
"""


def demo(
    directory: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write; may exist.")],
    tiles: Annotated[int, typer.Option(metavar="N", help="Tiles to pretrain on, of 0.3 MB each.")] = 1000,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed is another world.")] = 0,
    tasks: Annotated[
        list[str] | None, typer.Option(metavar="NAME,...", help="Demo tasks to write. Default: all four.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="That simulate; the files do not depend on it. Default: all cores.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write a simulated world: tiles to pretrain on, and four tasks to compare pretrained models by.

    DIR/mmearth_demo is in MMEarth's layout. DIR/demo has the suite `demo` in GEO-Bench's layout (670 MB):
    demo-landcover, demo-multilabel, demo-climate and demo-crops, at places far from the pretraining tiles. Pass DIR as
    --geobench-dir.

    The same seed gives the same bytes. What is there already, complete and of the same version, seed and number, is
    kept; anything else in its place is an error and stays untouched.
    """
    with user_errors(debug):
        from harness.demo.build import ensure_demo_suite
        from harness.show.progress_bars import RichProgress

        _check_positive("--tiles", tiles)
        _check_positive("--processes", processes)
        chosen = _find_tasks(split_names(tasks))
        with RichProgress(err) as progress:
            ensure_demo_suite(directory, seed, progress, tasks=chosen, processes=processes)
            pretraining = _write_tiles(directory / "mmearth_demo", seed, tiles, processes, progress)
    for path in (*(directory / "demo" / task.name for task in chosen), pretraining):
        say(out, str(path))


def areas(
    directory: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write; may exist.")],
    train: Annotated[
        int, typer.Option(metavar="N", help="Train images of an area; valid has an eighth as many, test a quarter.")
    ] = 4000,
    areas: Annotated[
        list[str] | None, typer.Option(metavar="NAME,...", help="Areas to write. Default: all five.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed is another world.")] = 0,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="That simulate; the files do not depend on it. Default: all cores.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Write five areas of interest of the simulated world, to ask how few labels suffice (docs/areas.md).

    DIR/areas/AREA has images of Sentinel-2, Sentinel-1 and interferometric coherence, and over them two datasets of the
    suite `areas`: area-AREA-cover, the class that most of an image belongs to, and area-AREA-fractions, how much of it
    is vegetation, built-up, cropland and permanent water, in per cent. Pass DIR as --geobench-dir. 5 GB by default.

    The same seed gives the same bytes. An area that is there, complete and of the same version, seed and sizes, is
    kept; anything else in its place is an error and stays untouched.
    """
    with user_errors(debug):
        from harness.demo.areas.build import ensure_areas
        from harness.show.progress_bars import RichProgress
        from mp_mae.data.world.areas import AREAS

        _check_positive("--processes", processes)
        if train < 8:
            raise UserError(f"--train: a number from 8 is wanted, {train} found: valid has an eighth as many")
        wanted = split_names(areas) or tuple(AREAS)
        unknown = [name for name in wanted if name not in AREAS]
        if unknown:
            raise UserError(f"--areas: there is no area {', '.join(unknown)}; choose among {', '.join(AREAS)}")
        sizes: dict[Split, int] = {"train": train, "valid": train // 8, "test": train // 4}
        with RichProgress(err) as progress:
            for path in ensure_areas(directory, seed, progress, areas=wanted, sizes=sizes, processes=processes):
                say(out, str(path))


def _check_positive(option: str, number: int | None) -> None:
    if number is not None and number < 1:
        raise UserError(f"{option}: a number from 1 is wanted, {number} found; leave the option out for the default")


def _find_tasks(names: tuple[str, ...]) -> "list[DemoTask]":
    from harness.demo.tasks import TASKS

    wanted = names or tuple(TASKS)
    unknown = [name for name in wanted if name not in TASKS]
    if unknown:
        raise UserError(f"--tasks: there is no demo task {', '.join(unknown)}; choose among {', '.join(TASKS)}")
    return [TASKS[name] for name in wanted]


def _write_tiles(directory: Path, seed: int, tiles: int, processes: int | None, progress: "Progress") -> Path:
    import os

    import mp_mae.errors
    from harness.records.progress import telling_how_many
    from mp_mae.data.write import write_mmearth

    with progress.step(f"{directory.name}: simulate and write", tiles) as step:
        try:
            write_mmearth(
                directory, seed, tiles, processes=processes or os.cpu_count() or 1, report=telling_how_many(step)
            )
        except mp_mae.errors.UserError as error:
            raise UserError(str(error)) from error
    return directory

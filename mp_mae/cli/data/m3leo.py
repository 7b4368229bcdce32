"""`import-m3leo`: an area of interest of M3LEO in the layout that every training reads."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mp_mae.cli.counting import Counting
from mp_mae.cli.verb import Verb, err, say
from mp_mae.errors import UserError

if TYPE_CHECKING:
    from mp_mae.data.m3leo.importing import Summary

EXAMPLES = """
four tiles of 64 pixels, drawn from each chip, of the miniset of Europe:
  python -m mp_mae import-m3leo m3leo/europe --out data/m3leo_europe
without elevation and land cover; winter instead of summer, and the optical image of January:
  python -m mp_mae import-m3leo m3leo/europe --out data/winter --without aster,esa_worldcover --season winter --month 1
each chip as one tile of 64 pixels of 70 m:
  python -m mp_mae import-m3leo m3leo/europe --out data/chips --cut whole"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of one area of interest: chips, .geojson and splits .csv")
    parser.add_argument("--out", type=Path, required=True, help="new folder, in MMEarth's layout")
    parser.add_argument("--season", default="summer", help="of radar and coherence: winter, spring, summer, fall")
    parser.add_argument("--month", type=int, default=7, help="of the optical image, 1 to 12 (default 7)")
    parser.add_argument("--side", type=int, default=64, help="of a tile in pixels (default 64)")
    parser.add_argument(
        "--cut", default="tiles", help="tiles: cells of a grid at 10 m (default); whole: chips averaged"
    )
    parser.add_argument("--tiles-per-chip", default="4", metavar="N", help="drawn from the grid, or all (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of that draw (default 0)")
    parser.add_argument("--without", default="", metavar="MODALITY,...", help="modalities to leave out")
    parser.add_argument("--damaged", default="stop", help="at a file that cannot be used: stop (default) or skip it")
    parser.add_argument(
        "--rgb-white", type=int, default=255, help="reflectance x 10000 that the byte 255 means (default: keep bytes)"
    )
    parser.add_argument(
        "--coherence-scale", type=float, default=1.0, help="stored value that means a coherence of 1 (default 1)"
    )
    parser.add_argument(
        "--gssic-seasons", metavar="SEASON,...", help="order of seasons in coherence files that do not name them"
    )
    parser.add_argument("--splits", type=Path, metavar="FILE", help="the .csv to take where there are several")
    parser.add_argument("--geometry", type=Path, metavar="FILE", help="the .geojson to take where there are several")
    parser.add_argument("--processes", type=int, default=2, help="that read chips (default 2)")


def run(args: argparse.Namespace) -> None:
    from mp_mae.data.m3leo.choices import Choices  # noqa: PLC0415 - a verb imports what it needs
    from mp_mae.data.m3leo.importing import import_m3leo  # noqa: PLC0415 - imports h5py

    choices = Choices(
        season=args.season,
        month=args.month,
        side=args.side,
        cut=args.cut,
        tiles_per_chip=_count(args.tiles_per_chip),
        seed=args.seed,
        rgb_white=args.rgb_white,
        coherence_scale=args.coherence_scale,
        gssic_seasons=tuple(args.gssic_seasons.split(",")) if args.gssic_seasons else None,
        without=tuple(name for name in args.without.split(",") if name),
        damaged=args.damaged,
    )
    with Counting(err) as counting:
        summary = import_m3leo(
            args.folder,
            args.out,
            choices,
            splits=args.splits,
            geometry=args.geometry,
            processes=args.processes,
            report=lambda done, total: counting.report("chips", done, total),
        )
    for line in describe(args.out, summary):
        say(line)


def _count(text: str) -> int | None:
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError:
        raise UserError(f"--tiles-per-chip {text}: wanted a number or all.") from None


def describe(out: Path, summary: "Summary") -> list[str]:
    """The lines that tell of an import; what is usual is not told."""
    splits = ", ".join(f"{name} {count}" for name, count in summary.splits.items())
    missing = ", ".join(f"{name} {count}" for name, count in summary.without_file.items() if count)
    refused = ", ".join(f"{name} {count}" for name, count in summary.refused.items() if count)
    lines = [
        (True, f"{out}: {summary.chips} chips of {summary.area}; tiles: {splits}"),
        (missing, f"chips without a file, where the modality is missing: {missing}"),
        (refused, f"files that cannot be used, where it is missing too: {refused}. The first: {summary.first_refused}"),
        (summary.without_any_file, f"chips that have a split and no file, left out: {summary.without_any_file}"),
        (summary.without_split, f"chips that have files and no split, left out: {summary.without_split}"),
        (summary.tiles_without_data, f"tiles without any data, in no split: {summary.tiles_without_data}"),
    ]
    return [line for told, line in lines if told]


IMPORT_M3LEO = Verb(
    name="import-m3leo",
    summary="write an area of interest of M3LEO in MMEarth's layout",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
)

"""`data import`: somebody's own unlabelled images in the layout that every training reads."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from mp_mae.cli.counting import Counting
from mp_mae.cli.verb import Verb, err, say

if TYPE_CHECKING:
    from mp_mae.data.own.importing import Summary

RULES = """\
Images are JPEG, PNG (8-bit grey or colour, 16-bit grey) and GeoTIFF (pip install rasterio), in DIR and all folders
below it. They are cut into tiles of --side pixels, as many whole ones as fit; what is left over is left out, half of
it on each side. A file that is smaller than a tile, cannot be read, or has other bands or another type than most is
named in one line and left out; the others go on.

Channels become bands of Sentinel-2, because the layout has no others: as --bands says, else as the descriptions in a
GeoTIFF, else three channels are red, green and blue. Values stay as they are; means and deviations are computed.
No data is NaN, transparency, what a GeoTIFF says itself, and --no-data. Tiles without any data are in no split."""

EXAMPLES = """
photographs or Sentinel-2 pictures in red, green and blue, then a training on them:
  python -m mp_mae data import pictures --out data/pictures
  python -m mp_mae pretrain --data data/pictures --preset rgb --out runs/pictures
GeoTIFF of four bands, 0 = no data, tiles of 128 pixels:
  python -m mp_mae data import scenes --out data/scenes --bands B4,B3,B2,B8 --no-data 0 --side 128
  python -m mp_mae pretrain --data data/scenes --preset s2 --set bands=B2,B3,B4,B8 --out runs/scenes
a folder of class folders, to watch a training by (pretrain --probe data/eurosat):
  python -m mp_mae data import EuroSAT --out data/eurosat"""


def add_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add it to those of `data`."""
    parser = verbs.add_parser(
        "import",
        help=IMPORT.summary,
        description=f"{IMPORT.summary[0].upper()}{IMPORT.summary[1:]}.",
        epilog=f"{RULES}\n\nexamples:\n{IMPORT.examples.strip(chr(10))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=IMPORT)
    IMPORT.add_arguments(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of images")
    parser.add_argument("--out", type=Path, required=True, metavar="NEW", help="new folder, in MMEarth's layout")
    parser.add_argument(
        "--bands", metavar="NAME,...", help="of every channel in its order: rgb, or B2, B8A, red, nir, ..., none"
    )
    parser.add_argument("--side", type=int, default=64, metavar="N", help="of a tile in pixels (default 64)")
    parser.add_argument("--no-data", type=float, metavar="V", help="value of pixels without data, in any band")
    parser.add_argument(
        "--held-out", type=float, default=0.05, metavar="SHARE", help="of the images, for validation (default 0.05)"
    )
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="that read images (default 2)")


def run(args: argparse.Namespace) -> None:
    from mp_mae.data.own.bands import parse_bands  # noqa: PLC0415 - a verb imports what it needs
    from mp_mae.data.own.choices import Choices  # noqa: PLC0415
    from mp_mae.data.own.importing import import_images  # noqa: PLC0415 - imports h5py

    choices = Choices(
        side=args.side,
        channels=parse_bands(args.bands) if args.bands else None,
        no_data=args.no_data,
        held_out=args.held_out,
    )
    with Counting(err) as counting:
        summary = import_images(
            args.folder,
            args.out,
            choices,
            processes=args.processes,
            report=counting.report,
            refuse=lambda file: counting.say("left out: " + file.replace("\n", r"\n")),  # whatever its name
        )
    for line in describe(args.out, summary):
        say(line)


def describe(out: Path, summary: "Summary") -> list[str]:
    """The lines that tell of an import; what is usual is not told."""
    splits = ", ".join(f"{name} {count:,}" for name, count in summary.splits.items() if count)
    n_tiles = sum(summary.splits.values())
    lines = [
        (
            True,
            f"{out}: {n_tiles:,} tiles of {summary.side} px from {summary.images:,} images, "
            f"{' '.join(summary.bands)} as {summary.dtype}; {splits}",
        ),
        (summary.refused, f"images left out, each named above: {summary.refused:,}"),
        (summary.tiles_without_data, f"tiles without any data, in no split: {summary.tiles_without_data:,}"),
        (
            summary.zero_share > 0.01,
            f"{summary.zero_share:.0%} of the pixels are 0 in every band and count as data. If they are none, import "
            "again with --no-data 0",
        ),
        (
            not summary.splits["val"],
            "no image is held out, so that a training has nothing to be validated on; --held-out says how many are",
        ),
        (
            summary.classes,
            f"{len(summary.classes)} folders of images, as many classes to a probe: pretrain --probe {out}",
        ),
        (True, f"Train: {command(out, summary)}"),
    ]
    return [line for told, line in lines if told]


def command(out: Path, summary: "Summary") -> str:
    """How one pretrains on it."""
    is_rgb = summary.bands == ("B2", "B3", "B4")
    words = ["--data", str(out), "--preset", "rgb" if is_rgb else "s2"]
    if not is_rgb:
        words += ["--set", f"bands={','.join(summary.bands)}"]
    if summary.side not in (64, 128):
        words += ["--set", "patch=8", "--set", f"crop={max(summary.side * 7 // 64 * 8, 8)}"]
    if summary.splits["train"] < 100_000:
        words += ["--recipe", "quick"]
    return f"python -m mp_mae pretrain {shlex.join([*words, '--out', f'runs/{out.name}'])}"


IMPORT = Verb(
    name="import",
    summary="write a folder of your own images, without labels, as a dataset to pretrain on",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
    interrupted="nothing was written; the same command begins anew",
)

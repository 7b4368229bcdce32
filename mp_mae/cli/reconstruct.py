"""`reconstruct`: a picture of masked tiles, predictions and targets."""

import argparse
from pathlib import Path

from mp_mae.cli.verb import Verb, need_matplotlib, say
from mp_mae.errors import UserError

EXAMPLES = """
what a training has learnt, on four tiles of the validation split:
  python -m mp_mae reconstruct --run runs/atto --data data_1M_v001_64 --out sheet.png
an official checkpoint, as a PDF, on chosen rows of the file:
  python -m mp_mae reconstruct --weights official.pth --data data_1M_v001_64 --rows 3,14,15 --out sheet.pdf"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder of a training")
    source.add_argument("--weights", type=Path, help="official .pth file with its decoder")
    parser.add_argument("--data", required=True, help="folder of an MMEarth dataset")
    parser.add_argument("--out", type=Path, required=True, help="picture to write: .png, .pdf or .svg")
    parser.add_argument(
        "--rows", metavar="N,...", help="rows of the file (default: first of val, or of train without val)"
    )
    parser.add_argument("--tiles", type=int, default=4, help="how many of these (default 4)")
    parser.add_argument("--seed", type=int, default=0, help="of the masks (default 0)")


def run(args: argparse.Namespace) -> None:
    need_matplotlib("reconstruct")
    from mp_mae.pictures.sheet import reconstruct  # noqa: PLC0415 - imports torch and the optional matplotlib

    rows = None if args.rows is None else _numbers("--rows", args.rows)
    reconstruct(args.run or args.weights, Path(args.data), args.out, rows=rows, tiles=args.tiles, seed=args.seed)
    say(str(args.out))


def _numbers(flag: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"{flag} {text}: wanted numbers separated by commas, for example {flag} 3,14,15.") from error


RECONSTRUCT = Verb(
    name="reconstruct",
    summary="picture of masked tiles, predictions and targets",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
)

"""`curves`: a picture of a training's losses."""

import argparse
from pathlib import Path

from mp_mae.cli.verb import Verb, need_matplotlib, say
from mp_mae.training.log import LOG


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="folder of a training, or its log.jsonl")
    parser.add_argument("--out", type=Path, required=True, help="picture to write: .png, .pdf or .svg")


def run(args: argparse.Namespace) -> None:
    need_matplotlib("curves")
    from mp_mae.pictures.curves import draw_curves  # noqa: PLC0415 - needs the optional matplotlib

    draw_curves(args.run if args.run.is_file() else args.run / LOG, args.out)
    say(str(args.out))


CURVES = Verb(
    name="curves",
    summary="picture of a training's losses",
    examples="  python -m mp_mae curves runs/atto --out curves.png",
    add_arguments=add_arguments,
    run=run,
)

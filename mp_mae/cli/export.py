"""`export`: the encoder of a training's checkpoint, as a folder that evaluation can load."""

import argparse
from pathlib import Path

from mp_mae.cli.verb import Verb, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="folder of a training")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--step", type=int, help="of a checkpoint that is there (default: the newest)")


def run(args: argparse.Namespace) -> None:
    from mp_mae.training.export import export_run  # noqa: PLC0415 - imports torch

    say(f"{args.out}: {export_run(args.run, args.out, args.step)}")


EXPORT = Verb(
    name="export",
    summary="write the encoder of a training's checkpoint",
    examples="""
a checkpoint that stayed because the training had --set keep_every=1000:
  python -m mp_mae export runs/atto encoder-at-1000 --step 1000""",
    add_arguments=add_arguments,
    run=run,
)

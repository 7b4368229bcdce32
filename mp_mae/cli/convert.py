"""`convert`: an official checkpoint in our format."""

import argparse
from pathlib import Path

from mp_mae.cli.verb import Verb, describe_encoder, err, say

EXAMPLES = """
an official MMEarth checkpoint into our folder (model.safetensors and config.json):
  python -m mp_mae convert pt-all_mod_atto_1M_64_uncertainty_56-8.pth encoders/mmearth-atto"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, help="official .pth file")
    parser.add_argument("out", type=Path, help="folder to write")


def run(args: argparse.Namespace) -> None:
    from mp_mae.checkpoint import load_checkpoint, save_checkpoint  # noqa: PLC0415 - imports torch

    checkpoint = load_checkpoint(args.weights)
    save_checkpoint(checkpoint, args.out)
    for key in checkpoint.summary.unknown_keys:
        err.print(f"note: {key} is not known and was left out", markup=False, highlight=False, soft_wrap=True)
    say(describe_encoder(args.out, checkpoint))


CONVERT = Verb(
    name="convert",
    summary="official checkpoint to our format",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
)

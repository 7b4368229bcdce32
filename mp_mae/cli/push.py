"""`push`: an encoder to the Hugging Face hub."""

import argparse
from pathlib import Path

from mp_mae.cli.verb import Verb, say

EXAMPLES = """
log in once with `hf auth login`, then:
  python -m mp_mae push runs/atto/encoder you/mp-mae-atto
and anywhere else:
  from mp_mae.hub import PretrainedEncoder
  encoder = PretrainedEncoder.from_pretrained("you/mp-mae-atto")
or, as timm's own, with a classifier to train:
  import mp_mae.encoder, timm
  model = timm.create_model("hf-hub:you/mp-mae-atto", pretrained=True, num_classes=10)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, help="folder of an encoder, or an official .pth file")
    parser.add_argument("repository", help="user/name; created if it is not there")
    parser.add_argument("--private", action="store_true", help="create it private")


def run(args: argparse.Namespace) -> None:
    from mp_mae.checkpoint import load_checkpoint  # noqa: PLC0415 - imports torch
    from mp_mae.hub import PretrainedEncoder  # noqa: PLC0415 - imports torch

    encoder = PretrainedEncoder(load_checkpoint(args.weights))
    say(encoder.push_to_hub(args.repository, private=args.private))


PUSH = Verb(
    name="push",
    summary="upload an encoder to the Hugging Face hub",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
)

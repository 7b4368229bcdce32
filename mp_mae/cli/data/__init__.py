"""The verbs about data: `data download`, `data verify`, `data import`, and `import-m3leo`."""

import argparse

from mp_mae.cli.data import existing, images
from mp_mae.cli.verb import Verb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    existing.add_verbs(verbs)
    images.add_verb(verbs)
    for inner in verbs.choices.values():
        inner.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")


def run(args: argparse.Namespace) -> None:
    args.act(args)


DATA = Verb(
    name="data",
    summary="download pretraining data and weights, look through them, import images of your own",
    examples=existing.EXAMPLES,
    add_arguments=add_arguments,
    run=run,
    interrupted="the same command goes on from what is there",
)

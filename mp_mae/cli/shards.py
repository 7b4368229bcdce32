"""`shards`: a copy of a compressed dataset without compression."""

import argparse
from pathlib import Path

from mp_mae.cli.counting import Counting
from mp_mae.cli.verb import Verb, err, say

EXAMPLES = """
a copy without compression, which is read several times faster; started again, it goes on where it was:
  python -m mp_mae shards data_100k_v001 fast/data_100k_v001"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="folder of an MMEarth dataset")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--workers", type=int, default=2, help="reading threads (default 2)")


def run(args: argparse.Namespace) -> None:
    from mp_mae.data.shards import write_shards  # noqa: PLC0415 - imports h5py

    with Counting(err) as counting:
        write_shards(
            args.source, args.out, lambda done, total: counting.report("tiles", done, total), workers=args.workers
        )
    say(str(args.out))


SHARDS = Verb(
    name="shards",
    summary="copy a compressed dataset without compression",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
)

"""The program: its verbs, and how it ends."""

import argparse
import signal
from collections.abc import Sequence

from mp_mae.cli.convert import CONVERT
from mp_mae.cli.curves import CURVES
from mp_mae.cli.data import DATA
from mp_mae.cli.data.m3leo import IMPORT_M3LEO
from mp_mae.cli.demo import DEMO
from mp_mae.cli.export import EXPORT
from mp_mae.cli.pretrain import PRETRAIN
from mp_mae.cli.push import PUSH
from mp_mae.cli.reconstruct import RECONSTRUCT
from mp_mae.cli.shards import SHARDS
from mp_mae.cli.signals import InterruptOnSigterm
from mp_mae.cli.verb import Verb, err, process_number
from mp_mae.errors import AgreedError, NonFiniteLossError, UserError

VERBS: dict[str, Verb] = {
    "pretrain": PRETRAIN,
    "export": EXPORT,
    "convert": CONVERT,
    "push": PUSH,
    "reconstruct": RECONSTRUCT,
    "curves": CURVES,
    "demo": DEMO,
    "shards": SHARDS,
    "import-m3leo": IMPORT_M3LEO,
    "data": DATA,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 the training diverged, 2 something to correct, 75 stopped and saved (STOPPED); bugs keep
    theirs.

    128 plus the signal's number after Ctrl-C, and after SIGTERM where there is nothing to save.
    """
    args = build_parser().parse_args(arguments)
    terminated = InterruptOnSigterm()
    try:
        return args.verb.run(args) or 0
    except UserError as error:
        if args.debug:
            raise
        where = f"process {process_number()}: " if process_number() else ""
        if not (where and isinstance(error, AgreedError)):
            err.print(f"error: {where}{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1 if isinstance(error, NonFiniteLossError) else 2
    except KeyboardInterrupt:
        err.print(f"interrupted; {args.verb.interrupted}", soft_wrap=True)
        return 128 + (signal.SIGTERM if terminated.asked else signal.SIGINT)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs; what it parses has the Verb as `verb`."""
    parser = argparse.ArgumentParser(
        prog="python -m mp_mae",
        description="Multi-pretext masked autoencoders for satellite images: pretrain and export.",
    )
    parsers = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS.values():
        of_verb = parsers.add_parser(
            verb.name,
            help=verb.summary,
            description=verb.summary[0].upper() + verb.summary[1:] + ".",
            epilog=f"examples:\n{verb.examples.strip(chr(10))}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        of_verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
        of_verb.set_defaults(verb=verb)
        verb.add_arguments(of_verb)
    return parser

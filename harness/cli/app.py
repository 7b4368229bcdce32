"""`python -m harness`: the verbs, in the order `--help` shows them. Each file beside this one registers its own.

A verb only translates words into calls and results into tables. Everything heavy is imported inside it, so that
`--help` is instant.
"""

import gc

import typer

from harness.cli import (
    backbones,
    cache,
    curve,
    data,
    embeddings,
    leaderboard,
    multimodal,
    report,
    run,
    statistics,
    status,
    transfer,
)
from harness.cli.interruption import end_on_signals

_FIRST_STEPS = """Begin with:

`python -m harness run --backbone all` (without data: on simulated images)

`python -m harness leaderboard`

`python -m harness compare mp_mae random_init_demo`

`python -m harness run --help` shows more. What was run is kept and never run again.
"""

FEW_COLLECTIONS = 10_000
"""New objects after which Python looks for garbage, instead of 700. Modules make a million objects that stay: looking
among them takes a sixth of the time that importing timm does."""

app = typer.Typer(
    name="python -m harness",
    help="Compare pretraining strategies for satellite images on GEO-Bench, and keep every result in SQL.",
    epilog=_FIRST_STEPS,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)

for verbs in (
    run,
    backbones,
    data,
    multimodal,
    status,
    leaderboard,
    curve,
    statistics,
    report,
    embeddings,
    transfer,
    cache,
):
    verbs.register(app)


def main() -> None:
    """Run the command line as the whole of this process."""
    gc.set_threshold(FEW_COLLECTIONS)
    end_on_signals(app)

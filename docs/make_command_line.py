"""Writes docs/command_line.md from the two programs themselves: python docs/make_command_line.py"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from harness.campaign.defaults import default_cache
from harness.cli.app import app
from mp_mae.cli.app import build_parser

PAGE = Path(__file__).parent / "command_line.md"
HEAD = """# Command line

Every verb and option of the two programs, as `--help` says them. Whatever takes `NAME,...` may also be repeated. This
page is written by `python docs/make_command_line.py`; a test holds it equal to the programs.
"""
CACHE = "~/.cache/mp-mae-bench"
"""Where the cache is unless $XDG_CACHE_HOME says otherwise, whoever asks."""

Row = tuple[str, str]
"""Option or argument with what it takes, and what it does."""


def page() -> str:
    """The whole page."""
    harness = typer.main.get_command(app)
    parts = [HEAD, "## python -m harness\n", *_of_harness("python -m harness", harness)]
    parts += ["## python -m mp_mae\n", *_of_mp_mae("python -m mp_mae", build_parser())]
    return "\n".join(parts).rstrip() + "\n"


def _of_harness(name: str, command: Any) -> Iterator[str]:
    """A section for each verb, a group before the verbs in it.

    Args:
        command: click's, of which typer has one of its own.
    """
    for verb, below in command.commands.items():
        context = below.make_context(verb, [], resilient_parsing=True)
        records = [parameter.get_help_record(context) for parameter in below.params]
        rows = [(what, said.replace(str(default_cache()), CACHE)) for what, said in filter(None, records)]
        yield from _section(f"{name} {verb}", below.help or "", rows, below.epilog or "")
        if hasattr(below, "commands"):
            yield from _of_harness(f"{name} {verb}", below)


def _of_mp_mae(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """The same of a parser of argparse."""
    for verbs in parser._actions:
        if isinstance(verbs, argparse._SubParsersAction):
            for verb, below in verbs.choices.items():
                own = [action for action in below._actions if action.dest != "help"]
                rows = [_row_of_argparse(one) for one in own if not isinstance(one, argparse._SubParsersAction)]
                examples = f"```text\n{below.epilog}\n```" if below.epilog else ""
                yield from _section(f"{name} {verb}", below.description or "", rows, examples)
                yield from _of_mp_mae(f"{name} {verb}", below)


def _row_of_argparse(action: argparse.Action) -> Row:
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    takes = "" if action.nargs == 0 else f" {{{','.join(map(str, action.choices))}}}" if action.choices else f" {name}"
    names = ", ".join(action.option_strings)
    required = " [required]" if names and action.required else ""
    return f"{names}{takes}" if names else name, (action.help or "").replace("%%", "%") + required


def _section(name: str, about: str, rows: Sequence[Row], below: str) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{about.strip()}\n"
    if rows:
        yield "| option | what it does |\n| --- | --- |"
        yield from (f"| `{_cell(what)}` | {_cell(said)} |" for what, said in rows)
        yield ""
    if below.strip():
        yield f"{below.strip()}\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())

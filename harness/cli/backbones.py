"""The verbs about backbones: `backbones` lists them, `backbones check` holds one to the contract."""

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.terminal import EVALUATING, Debug, Format, FormatOption, err, say, show_rows, user_errors
from mp_mae.errors import UserError

if TYPE_CHECKING:
    from baselines.entry import Entry
    from leaderboards.query import Table

_EXAMPLES = """Examples:

`python -m harness backbones check mp_mae --weights checkpoint.pth`

`python -m harness backbones check my_model.py:build`
"""


def register(app: typer.Typer) -> None:
    """Add the verbs of this module to the command line."""
    group = typer.Typer(help="List the backbones that `run --backbone` knows, or check one.")
    group.callback(invoke_without_command=True)(backbones)
    group.command(epilog=_EXAMPLES)(check)
    app.add_typer(group, name="backbones", rich_help_panel=EVALUATING)


def backbones(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Those behind timm:, torchgeo: and terratorch: as well (of timm a few).")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """List the backbones that `run --backbone` knows: built in, and registered by installed packages.

    FILE.py:FUNCTION and timm:NAME are names of backbones too. CSV and JSON say more of each.
    """
    if context.invoked_subcommand is not None:
        return
    from baselines.registry import backbone_names, find_backbone

    entries, problems = [], []
    for name in backbone_names():
        try:
            entries.append(find_backbone(name))
        except UserError as error:  # registered twice: the others can be listed nevertheless
            problems.append(str(error))
    if everything:
        from baselines.registry.listed import entries_of_schemes

        entries.extend(entries_of_schemes())
    show_rows(list_backbones(entries, form), form)
    for problem in problems:
        say(err, f"failed: {problem}", style="red")
    if problems:
        raise typer.Exit(1)


_COLUMNS: "dict[str, Callable[[Entry], Any]]" = {
    "backbone": lambda entry: entry.name,
    "kind": lambda entry: str(entry.kind),
    "library": lambda entry: entry.package or entry.library,
    "bands": lambda entry: entry.bands,
    "unit": lambda entry: str(entry.unit),
    "size px": lambda entry: entry.size_px,
    "parameters": lambda entry: entry.parameters,
    "weights": lambda entry: entry.weights,
    "licence of weights": lambda entry: entry.licence,
    "from": lambda entry: entry.package or "built in",
    "source of weights": lambda entry: entry.source,
    "what it is": lambda entry: entry.summary,
    "beware": lambda entry: entry.pitfall,
}
"""What is said of a backbone, by the head of the column."""

_SHORT = ("backbone", "kind", "library", "bands", "unit", "size px", "parameters", "licence of weights")
_SHOWN = {Format.table: _SHORT, Format.markdown: (*_SHORT, "source of weights", "beware")}
"""What fits a terminal, and what docs/backbones.md has; programs get every column."""


def list_backbones(entries: Iterable["Entry"], form: Format) -> "Table":
    """What is said of backbones in a format."""
    from leaderboards.query import Table

    shown = _SHOWN.get(form, tuple(_COLUMNS))
    return Table(columns=shown, rows=[tuple(_COLUMNS[column](entry) for column in shown) for entry in entries])


def check(
    name: Annotated[str, typer.Argument(help="A name that `run --backbone` takes.")],
    weights: Annotated[Path | None, typer.Option(help="Its weights. Default: those shipped with it, if any.")] = None,
    form: FormatOption = Format.table,
    debug: Debug = False,
) -> None:
    """Hold a backbone to its contract: shapes, repeatability, bands, units, weights ... Exit code 1: it breaks it."""
    with user_errors(debug):
        from baselines.conformance import check_backbone
        from baselines.registry import find_backbone
        from leaderboards.query import Table

        entry = find_backbone(name)
        said = {True: "passed", False: "FAILED", None: "not checked"}
        verdicts = list(check_backbone(entry, weights or entry.demo_weights))
        rows = [(verdict.check, said[verdict.passed], verdict.detail or verdict.promise) for verdict in verdicts]
        show_rows(Table(columns=("check", "result", "what is promised, or what is wrong"), rows=rows), form)
    n_broken = sum(verdict.passed is False for verdict in verdicts)
    if form is Format.table:
        say(err, _what_next(name, weights, n_broken))
    raise typer.Exit(1 if n_broken else 0)


def _what_next(name: str, weights: Path | None, n_broken: int) -> str:
    """What the checks come to, and what to type next."""
    arguments = [name] if weights is None else [name, "--weights", str(weights)]
    if n_broken:
        again = shlex.join(["python", "-m", "harness", "backbones", "check", *arguments])
        return f"It breaks {n_broken} of the contract's promises; when they are mended: {again}"
    run = shlex.join(["python", "-m", "harness", "run", "--backbone", *arguments])
    return f"It keeps the contract. Next: {run}"

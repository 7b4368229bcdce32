"""The verbs about backbones: `backbones` lists them, `backbones check` holds one to the contract."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.terminal import EVALUATING, Debug, Format, FormatOption, err, say, show_rows, user_errors
from mp_mae.errors import UserError

if TYPE_CHECKING:
    from baselines.entry import Entry

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


def backbones(context: typer.Context, form: FormatOption = Format.table) -> None:
    """List the backbones that `run --backbone` knows: built in, and registered by installed packages.

    FILE.py:FUNCTION and timm:NAME are names of backbones too. docs/backbones.md has the whole matrix.
    """
    if context.invoked_subcommand is not None:
        return
    from baselines.registry import backbone_names, find_backbone
    from leaderboards.query import Table

    rows, problems = [], []
    for name in backbone_names():
        try:
            rows.append(_row(find_backbone(name)))
        except UserError as error:  # registered twice: the others can be listed nevertheless
            problems.append(str(error))
    show_rows(Table(columns=_COLUMNS, rows=rows), form)
    for problem in problems:
        say(err, f"failed: {problem}", style="red")
    if problems:
        raise typer.Exit(1)


_COLUMNS = (
    "backbone",
    "kind",
    "library",
    "bands",
    "unit",
    "size px",
    "parameters",
    "weights",
    "licence of weights",
    "from",
    "what it is",
)


def _row(entry: "Entry") -> tuple[Any, ...]:
    """One backbone, in the order of _COLUMNS."""
    return (
        entry.name,
        str(entry.kind),
        entry.library,
        entry.bands,
        entry.unit,
        entry.size_px,
        entry.parameters,
        entry.weights,
        entry.licence,
        entry.package or "built in",
        entry.summary,
    )


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
    raise typer.Exit(1 if any(verdict.passed is False for verdict in verdicts) else 0)

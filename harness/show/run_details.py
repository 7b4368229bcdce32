"""All about one run, as `show` prints it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from harness.data.files.json_file import parse_json
from harness.errors import UserError
from harness.records.identity import IDENTITY_VERSION
from harness.records.run import BandNames
from harness.show.lines import say
from harness.show.reproduce import places, reproducing_command, software, was_held
from harness.show.tables import rows_table
from leaderboards.query import Table, run_query, to_json

_OLDER_IDENTITY = (
    "identity version 1: stored when names of backbones and classes, and statistics of unused bands, still told runs "
    "apart. It is never averaged with newer runs; run it again to have it under the present identity."
)


@dataclass(frozen=True, kw_only=True)
class Details:
    """Everything the leaderboard holds of a run, but for its predictions."""

    run: dict[str, Any]
    """The row of `runs`, with configuration and provenance taken apart."""
    metrics: Table
    classes: Table
    command: str | None
    """What makes the run again; None for a published number, and of a model that a Python program held."""


def find_run(db: Path, prefix: str) -> Details:
    """The one run whose run_id begins with `prefix`.

    Raises:
        UserError: none does, or several do.
    """
    run_id = _find_id(db, prefix)
    table = run_query(db, f"SELECT * FROM runs WHERE run_id = '{run_id}'")
    run = dict(zip(table.columns, table.rows[0], strict=True))
    for name in ("configuration", "provenance"):
        run[name] = parse_json(run[name], f"{db}: run {run_id[:12]}: {name}", "Import the run again from its source")
    typed = run["source"] == "measured" and not was_held(run["configuration"])
    return Details(
        run=run,
        metrics=run_query(db, f"SELECT * EXCLUDE (run_id) FROM metrics WHERE run_id = '{run_id}' ORDER BY ALL"),
        classes=run_query(db, f"SELECT * EXCLUDE (run_id) FROM class_metrics WHERE run_id = '{run_id}' ORDER BY ALL"),
        command=reproducing_command(run["backbone"], run["configuration"], run["provenance"]) if typed else None,
    )


def print_run(details: Details, out: Console) -> None:
    """Print all of it for people."""
    run = dict(details.run)
    run["provenance"] = dict(run["provenance"])
    entered = run["provenance"].pop("network_input", None)
    configuration = run.pop("configuration")
    for title, facts in (("configuration", configuration), ("provenance", run.pop("provenance"))):
        out.print(_facts(title, facts))
    if details.command is not None and configuration.get("identity_version", 1) < IDENTITY_VERSION:
        say(out, _OLDER_IDENTITY)
    if configuration.get("band_names") == BandNames.CORRECTED:
        say(out, f"bands, by their corrected names: {_describe_bands(configuration)}")
    if entered is not None:  # of a published number nobody knows
        say(out, f"network input: {_describe_input(entered)}")
    out.print(_facts("run", run))
    for title, table in (("metrics", details.metrics), ("classes", details.classes)):
        if table.rows:
            out.print(Text(title, style="bold"), rows_table(table.columns, table.rows))
    if was_held(configuration):
        say(out, "A Python program held this backbone, so no command makes the run again (docs/notebooks.md).")
    if details.command is not None:
        out.print(Text("run it again", style="bold"))
        say(out, details.command)
        for line in (*places(details.run), f"made by {software(details.run['provenance'])}"):
            say(out, line, style="dim")


def run_as_json(details: Details) -> str:
    """All of it for programs: one JSON object."""
    tables = {"metrics": details.metrics, "class_metrics": details.classes}
    whole = details.run | {"command": details.command}
    whole |= {name: json.loads(to_json(table)) for name, table in tables.items()}
    return json.dumps(whole, ensure_ascii=False, indent=2, default=str)


def _find_id(db: Path, prefix: str) -> str:
    if not prefix or set(prefix) - set("0123456789abcdef"):
        raise UserError(f"{prefix!r}: expected the beginning of a run_id, hexadecimal digits as `leaderboard` has them")
    found = run_query(
        db,
        f"SELECT run_id, backbone, dataset, protocol, partition, seed FROM runs WHERE starts_with(run_id, '{prefix}') "
        "ORDER BY run_id LIMIT 5",
    ).rows
    if not found:
        raise UserError(
            f'{db}: no run begins with {prefix}. List them: python -m harness sql "SELECT run_id FROM runs"'
        )
    if len(found) > 1:
        runs = "; ".join(f"{run_id[: len(prefix) + 6]} ({', '.join(map(str, rest))})" for run_id, *rest in found)
        raise UserError(f"{db}: several runs begin with {prefix}: {runs}. Add digits")
    return str(found[0][0])


def _describe_bands(configuration: dict[str, Any]) -> str:
    """Which channel of the files, by the name it has there, was fed as which band."""
    pairs = zip(configuration["bands"], configuration["band_sources"], strict=True)
    return ", ".join(f"{band} from {'zeros' if source is None else json.dumps(source)}" for band, source in pairs)


def _describe_input(entered: dict[str, Any]) -> str:
    """Measured, so that a normalisation or size that did nothing is seen; each band's own numbers are in the JSON."""
    ranges = [f"{what} {min(entered[what]):.4g} to {max(entered[what]):.4g}" for what in ("mean", "std")]
    height, width = entered["size_px"]
    size = f"{height} x {width} px, {len(entered['mean'])} bands"
    return f"{size}; of the bands {', '.join(ranges)} (measured over {entered['images']} images)"


def _facts(title: str, facts: dict[str, Any]) -> Group:
    lines = [Text(title, style="bold")]
    for name, value in facts.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        lines.append(Text.assemble((f"  {name}: ", "dim"), "" if shown is None else str(shown)))
    return Group(*lines)

"""What one embedding space of several modalities answers, as tables for the terminal: 80 columns are enough."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Group

from harness.show.tables import NO_BREAK, FittedTable, captioned
from harness.show.visible_text import plain
from leaderboards.query import Table
from leaderboards.simulated import mark

Row = Mapping[str, Any]
"""A row of the table multimodal, by column."""


def multimodal_tables(found: Table) -> Iterator[Group]:
    """Dataset by dataset what finds what, and what is missed; then what came from another dataset.

    Args:
        found: rows of the table multimodal with all its columns, those of a dataset together.
    """
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    own = [row for row in rows if row["what"] != "transfer"]
    for (name, simulated), of_dataset in groupby(own, lambda row: (row["test_dataset"], mark(row["suite"]))):
        listed = list(of_dataset)
        yield _retrieval_table(f"{name}{simulated}", [row for row in listed if row["what"] == "retrieval"])
        labels = [row for row in listed if row["what"] != "retrieval"]
        if labels:
            yield _missing_table(f"{name}{simulated}", labels)
    moved = [row for row in rows if row["what"] == "transfer" and row["fitted_on"] == "everything"]
    if moved:
        yield _transfer_table(moved)


def _retrieval_table(name: str, rows: Sequence[Row]) -> Group:
    """A line a question in which no channel is missing."""
    table = FittedTable()
    table.add_column("queries")
    table.add_column("find")
    for heading in ("recall@1", "@10", "median rank"):
        table.add_column(heading, justify="right")
    whole = [row for row in rows if row["missing_channel"] is None]
    questions = groupby(whole, lambda row: (_joined(row["modalities"]), row["gallery"]))
    for (queries, gallery), metrics in questions:
        by_k = {row["k"]: row for row in metrics}
        table.add_row(
            plain(queries), plain(gallery), _with_interval(by_k[1]), _number(by_k[10]["value"]), _rank(by_k[None])
        )
    first = {row["k"]: row for row in whole}
    chance = f"{_number(first[1]['chance'])}, {_number(first[10]['chance'])} and {_number(first[None]['chance'], 1)}"
    return captioned(
        table, f"{name}: each image's own among {first[1]['n_gallery']:,}, 95 % intervals; chance {chance}"
    )


def _missing_table(name: str, rows: Sequence[Row]) -> Group:
    """A line for each subset of modalities that is missing, and one for each channel that is all that is."""
    everything = next(row for row in rows if row["loss"] is None and row["what"] == "subset")
    whole = everything["modalities"]
    table = FittedTable()
    table.add_column("missing")
    table.add_column("loss, fitted on everything", justify="right")
    table.add_column("on the same", justify="right")
    losses: dict[str, dict[str, str]] = {}
    for row in sorted(rows, key=lambda row: row["missing_channel"] is not None):
        lost = [modality for modality in whole if modality not in row["modalities"]]
        if row["missing_channel"] and not lost:
            losses.setdefault(f"{row['channel_of']} {row['missing_channel']}", {})[row["fitted_on"]] = _loss(row)
        elif lost and not row["missing_channel"]:
            losses.setdefault(_joined(lost), {})[row["fitted_on"]] = _loss(row)
    for missing, of_missing in losses.items():
        table.add_row(plain(missing), of_missing.get("everything", ""), of_missing.get("the same", ""))
    told = f"{everything['metric']} {_with_interval(everything)} with everything, {_number(everything['chance'])} blind"
    return captioned(table, f"{name}: {told}; 95 % intervals paired by image, + is worse")


def _transfer_table(rows: Sequence[Row]) -> Group:
    table = FittedTable()
    for heading in ("fitted in", "tested in"):
        table.add_column(heading)
    table.add_column("value", justify="right")
    table.add_column("loss against own", justify="right")
    for row in rows:
        table.add_row(plain(row["dataset"]), plain(row["test_dataset"]), _number(row["value"]), _loss(row, 2))
    metrics = ", ".join(dict.fromkeys(row["metric"] for row in rows))
    simulated = mark(rows[0]["suite"])
    return captioned(table, f"{metrics} of probes from another dataset, everything there{simulated}; + is worse")


def _joined(modalities: Sequence[str]) -> str:
    return " + ".join(modalities)


def _with_interval(row: Row) -> str:
    if row["ci_low"] is None:
        return _number(row["value"])
    return f"{_number(row['value'])} [{_number(row['ci_low'])},{NO_BREAK}{_number(row['ci_high'])}]"


def _rank(row: Row) -> str:
    return "" if row["value"] is None else f"{row['value']:g}"


def _loss(row: Row, digits: int = 3) -> str:
    if row["loss"] is None:
        return "undefined"
    form = f"+.{digits}f"
    interval = "" if row["loss_low"] is None else f" [{row['loss_low']:{form}},{NO_BREAK}{row['loss_high']:{form}}]"
    return f"{row['loss']:{form}}{interval}"


def _number(value: float | None, digits: int = 3) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"

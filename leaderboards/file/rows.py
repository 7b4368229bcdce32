"""A record as INSERT statements: whole columns at once, as row by row a thousand predictions take seconds."""

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC
from itertools import count
from typing import Any, get_type_hints

import duckdb

from leaderboards.file.derived import SELECT_DERIVED
from leaderboards.schema import TABLES, RunRecord, RunRow, TableOf

_RUN_COLUMNS = [field.name for field in fields(RunRow)]
SCORE_COLUMNS = {"score": "value", "score_low": "ci_low", "score_high": "ci_high"}
"""Columns of `runs` that repeat its headline metric on test -> what they are called in `metrics`."""
_WHOLE_RUN = (
    f"SELECT *, {SELECT_DERIVED} "
    f"FROM (SELECT {', '.join(f'${name} AS {name}' for name in (*_RUN_COLUMNS, *SCORE_COLUMNS))})"
)
_INSERT_RUN = f"INSERT INTO runs BY NAME {_WHOLE_RUN}"
_SAME_SEED = f"""
    SELECT runs.run_id FROM runs JOIN ({_WHOLE_RUN}) AS new ON runs.run_id = new.run_id OR (
        runs.curve_id = new.curve_id AND runs.partition = new.partition AND runs.samples = new.samples
        AND runs.seed = new.seed
    )
    ORDER BY runs.run_id = new.run_id DESC LIMIT 1
"""


def insert_record(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    """Insert a run with all its rows, within the caller's transaction. That it failed before is forgotten.

    Raises:
        duckdb.ConstraintException: a row breaks a rule of `schema.sql`, or the run is there already.
    """
    connection.execute(_INSERT_RUN, run_values(record))
    connection.execute("DELETE FROM failures WHERE run_id = ?", [record.run.run_id])
    for table in TABLES:
        rows = getattr(record, table.attribute)
        if rows:
            _insert_rows(connection, table, record.run.run_id, rows)


def same_seed(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> str | None:
    """The run that has this record's place: the run itself, or another of its seed in the same point of its curve."""
    found = connection.execute(_SAME_SEED, run_values(record)).fetchone()
    return None if found is None else str(found[0])


def run_values(record: RunRecord) -> dict[str, Any]:
    """The columns of `runs` as DuckDB takes them, but for those of `derived.py`."""
    values = {name: getattr(record.run, name) for name in _RUN_COLUMNS}
    values |= {name: getattr(record.headline, of_metric) for name, of_metric in SCORE_COLUMNS.items()}
    for name in ("configuration", "provenance"):
        values[name] = json.dumps(dict(values[name]), ensure_ascii=False, allow_nan=False)
    if record.run.finished_at is not None:
        values["finished_at"] = record.run.finished_at.astimezone(UTC).replace(tzinfo=None)
    return values


def _insert_rows(connection: duckdb.DuckDBPyConnection, table: TableOf, run_id: str, rows: Sequence[Any]) -> None:
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in fields(table.row_class)}
    if not table.numbered:
        connection.execute(_INSERTS[table.table], {"run_id": run_id, **columns})
        return
    positions = {split: count() for split in set(columns["split"])}
    columns["position"] = [next(positions[split]) for split in columns["split"]]
    # Numbers as one text a column, `[[1], [0, 4]]`: DuckDB takes it apart in a third of the time of lists of objects.
    texts = {name: values if name in _STRINGS else json.dumps(values) for name, values in columns.items()}
    connection.execute(_INSERTS[table.table], {"run_id": run_id, **texts})


_STRINGS = ("split", "sample")
_SQL_TYPES = {tuple[int, ...]: "INTEGER[]", tuple[float, ...]: "DOUBLE[]", int: "BIGINT", float: "DOUBLE"}
"""Of a field of numbers -> of its column."""


def _insert_statement(table: TableOf) -> str:
    declared = get_type_hints(table.row_class)
    values = {name: f"${name}" for name in declared}
    if table.numbered:
        values |= {name: f"${name}::{_SQL_TYPES[declared[name]]}[]" for name in declared if name not in _STRINGS}
        values["position"] = "$position::INTEGER[]"
    return (
        f"INSERT INTO {table.table} (run_id, {', '.join(values)}) "
        f"SELECT $run_id, {', '.join(f'unnest({value})' for value in values.values())}"
    )


_INSERTS = {table.table: _insert_statement(table) for table in TABLES}

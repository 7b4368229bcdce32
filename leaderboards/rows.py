"""A record as INSERT statements: whole columns at once, as row by row a thousand predictions take seconds."""

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC
from itertools import count
from typing import Any

import duckdb

from leaderboards.schema import TABLES, RunRecord, RunRow, TableOf

_RUN_COLUMNS = [field.name for field in fields(RunRow)]
_INSERT_RUN = f"INSERT INTO runs ({', '.join(_RUN_COLUMNS)}) VALUES ({', '.join(f'${name}' for name in _RUN_COLUMNS)})"


def insert_record(connection: duckdb.DuckDBPyConnection, record: RunRecord) -> None:
    """Insert a run with all its rows, within the caller's transaction.

    Raises:
        duckdb.ConstraintException: a row breaks a rule of `schema.sql`, or the run is there already.
    """
    _insert_run(connection, record.run)
    for table in TABLES:
        rows = getattr(record, table.attribute)
        if rows:
            _insert_rows(connection, table, record.run.run_id, rows)


def _insert_run(connection: duckdb.DuckDBPyConnection, run: RunRow) -> None:
    values = {name: getattr(run, name) for name in _RUN_COLUMNS}
    for name in ("configuration", "provenance"):
        values[name] = json.dumps(dict(values[name]), ensure_ascii=False, allow_nan=False)
    if run.finished_at is not None:
        values["finished_at"] = run.finished_at.astimezone(UTC).replace(tzinfo=None)
    connection.execute(_INSERT_RUN, values)


def _insert_rows(connection: duckdb.DuckDBPyConnection, table: TableOf, run_id: str, rows: Sequence[Any]) -> None:
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in fields(table.row_class)}
    if not table.numbered:
        connection.execute(_INSERTS[table.table], {"run_id": run_id, **columns})
        return
    positions = {split: count() for split in set(columns["split"])}
    columns["position"] = [next(positions[split]) for split in columns["split"]]
    # One JSON text for the thousands of rows of a split: DuckDB takes it apart in half the time of lists of objects.
    connection.execute(_INSERTS[table.table], {"run_id": run_id, "columns": json.dumps(columns, allow_nan=False)})


def _insert_statement(table: TableOf) -> str:
    names = [field.name for field in fields(table.row_class)]
    if not table.numbered:
        values = ", ".join(f"unnest(${name})" for name in names)
        return f"INSERT INTO {table.table} (run_id, {', '.join(names)}) SELECT $run_id, {values}"
    structure = {name: [_JSON_TYPES[name]] for name in ("position", *names)}
    return (
        f"INSERT INTO {table.table} (run_id, {', '.join(structure)}) "
        f"WITH parsed AS MATERIALIZED (SELECT from_json($columns, '{json.dumps(structure)}') AS columns) "
        f"SELECT $run_id, {', '.join(f'unnest(columns.{name})' for name in structure)} FROM parsed"
    )


_JSON_TYPES: dict[str, str | list[str]] = {
    "position": "INTEGER",
    "split": "VARCHAR",
    "sample": "VARCHAR",
    "target": ["INTEGER"],
    "predicted": ["INTEGER"],
    "n_pixels": ["INTEGER"],
}
_INSERTS = {table.table: _insert_statement(table) for table in TABLES}

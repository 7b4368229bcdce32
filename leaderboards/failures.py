"""The table `failures`: runs that failed and have not been made since."""

from collections.abc import Collection
from dataclasses import fields
from datetime import UTC
from typing import Any

import duckdb

from leaderboards.schema import FailureRow

_COLUMNS = tuple(field.name for field in fields(FailureRow))
_RECORD = f"""
    INSERT INTO failures BY NAME SELECT {", ".join(f"${name} AS {name}" for name in _COLUMNS)}
    ON CONFLICT DO UPDATE SET
        times = if(message = excluded.message, times + excluded.times, excluded.times),
        message = excluded.message, traceback = excluded.traceback, failed_at = excluded.failed_at
"""


def record_failure(connection: duckdb.DuckDBPyConnection, row: FailureRow) -> None:
    """Store it, or count it where the same run failed before. Within the caller's transaction.

    Raises:
        duckdb.ConstraintException: it breaks a rule of `schema.sql`.
    """
    values = {name: _storable(getattr(row, name)) for name in _COLUMNS}
    connection.execute(_RECORD, {**values, "failed_at": row.failed_at.astimezone(UTC).replace(tzinfo=None)})


def _storable(value: Any) -> Any:
    """A text as DuckDB takes it: a message may name a file whose name is not UTF-8."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def read_failures(connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> dict[str, FailureRow]:
    """How runs failed, by run, of those that did."""
    found = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM failures WHERE run_id IN (SELECT unnest($run_ids))",
        {"run_ids": list(run_ids)},
    )
    rows = (dict(zip(_COLUMNS, row, strict=True)) for row in found.fetchall())
    return {row["run_id"]: FailureRow(**{**row, "failed_at": row["failed_at"].replace(tzinfo=UTC)}) for row in rows}

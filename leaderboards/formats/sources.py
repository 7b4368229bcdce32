"""Other leaderboards, opened for reading with the tables of this version: DuckDB, Parquet, CSV and JSON."""

import csv
import json
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import Any

import duckdb

from leaderboards.errors import UserError
from leaderboards.file.connection import attach, confine, first_line
from leaderboards.file.definitions import TABLE_NAMES, create_tables, read_version
from leaderboards.file.migrate import copy_older
from leaderboards.file.rows import SCORE_COLUMNS
from leaderboards.formats.csv_cells import unguard
from leaderboards.formats.json_text import read_json
from leaderboards.schema import SCHEMA_VERSION


def open_source(engine: duckdb.DuckDBPyConnection, path: Path, wait_seconds: float, ours: Path) -> str:
    """Open another leaderboard; nothing is ever written to it. `engine` can then open `ours` and nothing else.

    Returns:
        The name of the database in `engine` that has its tables as this version knows them.
    Raises:
        UserError: not a leaderboard in one of the four formats, or one that breaks the rules of `schema.sql`.
    """
    try:
        if path.is_dir():
            _open_parquet(engine, path)
            confine(engine, ours)
        elif not path.is_file():
            raise UserError(f"{path}: no such leaderboard. Name a DuckDB file, a folder of Parquet, a .csv or a .json.")
        elif path.suffix in _READERS:
            confine(engine, ours)
            return _open_table(engine, path, *_READERS[path.suffix](path))
        else:
            confine(engine, ours, path)
            attach(engine, path, "old", wait_seconds, read_only=True)
        return _as_this_version(engine, path)
    except duckdb.Error as error:
        raise UserError(f"{path}: not a leaderboard that can be imported ({first_line(error)}).") from error


def _open_parquet(engine: duckdb.DuckDBPyConnection, folder: Path) -> None:
    engine.execute("ATTACH ':memory:' AS old")
    for name in ("schema_version", *TABLE_NAMES):
        file = folder / f"{name}.parquet"
        if file.is_file():
            engine.execute(
                f"CREATE TABLE old.{name} AS FROM read_parquet(?, hive_partitioning = false)", [escape(str(file))]
            )
        elif name in ("schema_version", "runs", "metrics"):
            raise UserError(f"{folder}: {file.name} is missing. Name a folder that `export --format parquet` wrote.")


def _as_this_version(engine: duckdb.DuckDBPyConnection, path: Path) -> str:
    version = read_version(engine, "old", path)
    if version == SCHEMA_VERSION:
        return "old"
    engine.execute("ATTACH ':memory:' AS new")
    engine.execute("USE new")
    create_tables(engine)
    copy_older(engine, version)
    engine.execute("USE memory")
    return "new"


def _open_table(
    engine: duckdb.DuckDBPyConnection, path: Path, found: Sequence[str] | None, rows: Sequence[dict[str, Any]]
) -> str:
    """Rows as `export` writes them or did in version 5, one per run, into tables with all constraints."""
    engine.execute("ATTACH ':memory:' AS new")
    engine.execute("USE new")
    create_tables(engine)
    runs = [name for (name, *_) in engine.execute("DESCRIBE runs").fetchall()]
    columns_of_runs = [SCORE_COLUMNS.get(name, name) for name in runs]
    older = set() if found is None else _SINCE_VERSION_5.keys() - set(found)
    wanted = [name for name in columns_of_runs if name not in older]
    if found is not None and set(found) != set(wanted):
        odd = sorted(set(wanted) ^ set(found))
        raise UserError(f"{path}: expected the columns that `export` writes; missing or unknown: {', '.join(odd)}.")
    structure = json.dumps({name: ["VARCHAR"] for name in wanted})
    columns = {name: [row[name] for row in rows] for name in wanted}
    engine.execute(
        f"CREATE TEMP TABLE given AS WITH parsed AS MATERIALIZED (SELECT from_json(?, '{structure}') AS columns) "
        f"SELECT {', '.join(f'unnest(columns.{name}) AS {name}' for name in wanted)} FROM parsed",
        [json.dumps(columns)],
    )
    values = [_SINCE_VERSION_5[name] if name in older else name for name in columns_of_runs]
    engine.execute(f"INSERT INTO runs SELECT {', '.join(values)} FROM given")
    scores = ", ".join(SCORE_COLUMNS.values())
    engine.execute(f"INSERT INTO metrics BY NAME SELECT run_id, 'test' AS split, metric, {scores} FROM given")
    engine.execute("DROP TABLE given")
    engine.execute("USE memory")
    return "new"


_SINCE_VERSION_5 = {
    "higher_is_better": "metric NOT IN ('calibration_error', 'mae', 'rmse')",
    "images_per_second": "NULL",
    "peak_memory_bytes": "NULL",
}
"""Column that exports of version 5, or of 6, lack -> what it is for their rows, as `migrations/` has it."""


def _read_csv(path: Path) -> tuple[Sequence[str], list[dict[str, Any]]]:
    """The columns and the rows; an empty cell is NULL."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            columns, rows = reader.fieldnames or (), list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file that can be read ({error}).") from error
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise UserError(f"{path}: row {number} has more or fewer cells than the header. Export it again.")
    return columns, [{name: unguard(value) if value else None for name, value in row.items()} for row in rows]


def _read_json(path: Path) -> tuple[Sequence[str] | None, list[dict[str, Any]]]:
    """The columns, None if no row tells them, and the rows."""
    rows = read_json(path, "Export it again.")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path}: expected a list of objects, one per run, as `export --format json` writes it.")
    if any(isinstance(value, list | dict) for row in rows for value in row.values()):
        raise UserError(f"{path}: expected texts and numbers, found a list or an object within a run. Export it again.")
    if any(set(row) != set(rows[0]) for row in rows):
        raise UserError(f"{path}: its objects do not all have the same keys. Export it again.")
    return list(rows[0]) if rows else None, rows


_READERS = {".csv": _read_csv, ".json": _read_json}
"""By ending."""

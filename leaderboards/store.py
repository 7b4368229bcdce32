"""Writing a leaderboard: one short transaction per run, so that a run is there with all its rows or not at all."""

import json
import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from leaderboards.connection import WAIT_SECONDS, connect, require_usable_name, transaction
from leaderboards.errors import UserError
from leaderboards.schema import SCHEMA_VERSION, ClassRow, MetricRow, PredictionRow, RunRecord, RunRow
from leaderboards.views import create_views


@dataclass(frozen=True)
class Leaderboard:
    """A leaderboard file. Holds no connection: each call opens one and closes it, so that processes take turns."""

    path: Path
    wait_seconds: float = WAIT_SECONDS
    """How long each call waits while another process holds the file."""

    def commit(self, record: RunRecord) -> None:
        """Add a run with all its rows, or, whatever happens, nothing.

        Raises:
            UserError: the run is there already, or the file is missing, locked, full or not a leaderboard.
            duckdb.ConstraintException: a row breaks a rule of `schema.sql`.
        """
        if not self.path.exists():
            raise UserError(f"{self.path}: the leaderboard is gone; nothing was written. Run the same command again.")
        with connect(self.path, read_only=False, wait_seconds=self.wait_seconds) as connection, transaction(connection):
            _require_schema(connection, self.path)
            _require_new(connection, record.run, self.path)
            _insert_run(connection, record.run)
            run_id = record.run.run_id
            _insert_rows(connection, "metrics", run_id, _columns(MetricRow, record.metrics))
            _insert_rows(connection, "class_metrics", run_id, _columns(ClassRow, record.classes))
            _insert_rows(connection, "predictions", run_id, _prediction_columns(record.predictions))

    def known(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs are there already; none if there is no file yet.

        Raises:
            UserError: the file is locked or not a leaderboard.
        """
        if not run_ids or not self.path.exists():
            return set()
        with connect(self.path, read_only=True, wait_seconds=self.wait_seconds) as connection:
            _require_schema(connection, self.path)
            found = connection.execute(
                "SELECT run_id FROM runs WHERE run_id IN (SELECT unnest($run_ids))", {"run_ids": list(run_ids)}
            )
            return {run_id for (run_id,) in found.fetchall()}


def open_leaderboard(path: Path, wait_seconds: float = WAIT_SECONDS) -> Leaderboard:
    """The leaderboard at `path`, created with its folder if there is none, and with this package's views.

    Raises:
        UserError: the place is not writable, or the file is locked, not a leaderboard or of another schema version.
    """
    require_usable_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be created ({error.strerror}). Name a place you can write to.") from error
    with connect(path, read_only=False, wait_seconds=wait_seconds) as connection, transaction(connection):
        _require_schema(connection, path)
        create_views(connection)
    return Leaderboard(path, wait_seconds)


def _create(path: Path) -> None:
    """Build the file elsewhere and give it its name when it is whole, as another process may look at any moment."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as folder:
        draft = Path(folder) / path.name
        with connect(draft, read_only=False, wait_seconds=0) as connection, transaction(connection):
            connection.execute(resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
            connection.execute("INSERT INTO schema_version (version) VALUES (?)", [SCHEMA_VERSION])
        try:
            os.link(draft, path)  # unlike a rename, it never replaces a file that another process just made
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            draft.rename(path)


def _require_schema(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        row = connection.execute("SELECT version FROM schema_version").fetchone()
    except (duckdb.CatalogException, duckdb.BinderException) as error:  # no such table, or no such column
        raise UserError(f"{path}: a DuckDB database, but not a leaderboard. Name another file.") from error
    if row is None or row[0] != SCHEMA_VERSION:
        found = "no schema version" if row is None else f"schema version {row[0]}"
        raise UserError(
            f"{path}: has {found}; this version of mp-mae-bench reads {SCHEMA_VERSION}. If a newer version made the "
            "file, upgrade: pip install --upgrade mp-mae-bench. Otherwise name another file."
        )


def _require_new(connection: duckdb.DuckDBPyConnection, run: RunRow, path: Path) -> None:
    if connection.execute("SELECT 1 FROM runs WHERE run_id = ?", [run.run_id]).fetchone() is not None:
        raise UserError(
            f"{path}: run {run.run_id} ({run.backbone}, {run.dataset}, {run.protocol}) is there already; "
            "nothing was written. Its first result stands."
        )


_RUN_COLUMNS = [field.name for field in fields(RunRow)]
_INSERT_RUN = f"INSERT INTO runs ({', '.join(_RUN_COLUMNS)}) VALUES ({', '.join(f'${name}' for name in _RUN_COLUMNS)})"


def _insert_run(connection: duckdb.DuckDBPyConnection, run: RunRow) -> None:
    values = {name: getattr(run, name) for name in _RUN_COLUMNS}
    for name in ("configuration", "provenance"):
        values[name] = json.dumps(dict(values[name]), ensure_ascii=False, allow_nan=False)
    if run.finished_at is not None:
        values["finished_at"] = run.finished_at.astimezone(UTC).replace(tzinfo=None)
    connection.execute(_INSERT_RUN, values)


def _insert_rows(connection: duckdb.DuckDBPyConnection, table: str, run_id: str, columns: dict[str, list[Any]]) -> None:
    """Whole columns in one statement: row by row, a thousand predictions take seconds."""
    names = ", ".join(columns)
    values = ", ".join(f"unnest(${name})" for name in columns)
    connection.execute(f"INSERT INTO {table} (run_id, {names}) SELECT $run_id, {values}", {"run_id": run_id, **columns})


def _columns(row_class: type, rows: Sequence[Any]) -> dict[str, list[Any]]:
    return {field.name: [getattr(row, field.name) for row in rows] for field in fields(row_class)}


def _prediction_columns(rows: Sequence[PredictionRow]) -> dict[str, list[Any]]:
    positions = {split: count() for split in ("valid", "test")}
    return {"position": [next(positions[row.split]) for row in rows], **_columns(PredictionRow, rows)}

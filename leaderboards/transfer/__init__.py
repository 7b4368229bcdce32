"""Leaderboards as files that other tools read. `merge` takes all of them back."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import duckdb

from leaderboards.errors import UnavailableError, UserError
from leaderboards.file.connection import CANNOT_WRITE, attach, blamed_on, confine, first_line, quote, start_engine
from leaderboards.file.definitions import TABLE_NAMES, read_version
from leaderboards.file.drafts import draft_of
from leaderboards.file.rows import SCORE_COLUMNS
from leaderboards.query import Table, run_query, to_csv, to_json
from leaderboards.store import Leaderboard

Written = TypeVar("Written")


class ExportFormat(StrEnum):
    """How a leaderboard is written. The value is what users type."""

    PARQUET = "parquet"
    """A folder with one file per table: everything."""
    CSV = "csv"
    """One row per run with its headline metric on test; no other metric, class or prediction, and nothing of the table
    multimodal."""
    JSON = "json"
    """The same rows as a list of objects."""


def export(leaderboard: Leaderboard, target: Path, form: ExportFormat) -> int:
    """Write a whole leaderboard to a new file, or for Parquet a new folder; it appears when it is complete.

    Returns:
        The number of runs.
    Raises:
        UserError: no leaderboard, something is at `target` already, or it cannot be written.
    """
    run_query(leaderboard.path, "SELECT 1", leaderboard.wait_seconds)  # says it if there is none; upgrades an old one
    return create(target, lambda draft: _WRITERS[form](leaderboard, draft))


def create(target: Path, write: Callable[[Path], Written]) -> Written:
    """Have a new file or folder written, which appears when it is complete.

    Raises:
        UserError: something is at `target` already, or it cannot be written.
    """
    if target.exists():
        raise UserError(f"{target}: is there already. Name a new place, or move it away.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(target) as draft:
            written = write(draft)
            draft.rename(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror}). Name a place you can write to.") from error
    except CANNOT_WRITE as error:
        raise UnavailableError(f"{target}: cannot be written ({first_line(error)}). Check the disk.") from error
    return written


def _write_parquet(leaderboard: Leaderboard, folder: Path) -> int:
    folder.mkdir()
    engine = start_engine()
    try:
        confine(engine, leaderboard.path, folder=folder)
        attach(engine, leaderboard.path, "board", leaderboard.wait_seconds, read_only=True)
        read_version(engine, "board", leaderboard.path)
        for table in ("schema_version", *TABLE_NAMES):
            file = quote(str(folder / f"{table}.parquet"))
            with blamed_on(leaderboard.path, but=CANNOT_WRITE):
                engine.execute(f"COPY board.{table} TO {file} (FORMAT parquet, COMPRESSION zstd)")
        return _count(engine)
    finally:
        engine.close()


def _count(engine: duckdb.DuckDBPyConnection) -> int:
    row = engine.execute("SELECT count(*) FROM board.runs").fetchone()
    assert row is not None
    return int(row[0])


def _write_csv(leaderboard: Leaderboard, file: Path) -> int:
    table = _rows(leaderboard)
    file.write_text(to_csv(table), encoding="utf-8", newline="")
    return len(table.rows)


def _write_json(leaderboard: Leaderboard, file: Path) -> int:
    table = _rows(leaderboard)
    file.write_text(to_json(table), encoding="utf-8")
    return len(table.rows)


def _rows(leaderboard: Leaderboard) -> Table:
    renamed = ", ".join(f"{name} AS {of_metric}" for name, of_metric in SCORE_COLUMNS.items())
    return run_query(
        leaderboard.path, f"SELECT * RENAME ({renamed}) FROM runs ORDER BY run_id", leaderboard.wait_seconds
    )


_WRITERS = {ExportFormat.PARQUET: _write_parquet, ExportFormat.CSV: _write_csv, ExportFormat.JSON: _write_json}

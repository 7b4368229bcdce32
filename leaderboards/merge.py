"""Merging leaderboards by identity: what is new is added, what contradicts is reported, nothing is overwritten."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from leaderboards.connection import first_line, start_engine
from leaderboards.definitions import TABLE_NAMES
from leaderboards.errors import UserError
from leaderboards.rows import SCORE_COLUMNS
from leaderboards.sources import open_source
from leaderboards.store import Leaderboard
from leaderboards.writer import Writer


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A run that both leaderboards have, with different values. Ours stays as it was."""

    run_id: str
    what: str
    """`test accuracy` for a metric of a split, or the column of `runs`."""
    ours: str
    theirs: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What became of another leaderboard's runs."""

    added: int
    present: int
    """Runs that were here before, those in conflict included."""
    conflicts: tuple[Conflict, ...]


def merge(leaderboard: Leaderboard, source: Path) -> Merged:
    """Add the runs of another leaderboard that this one lacks, with all their rows; all of them or none.

    A run that is here already is left as it is, also where theirs has more rows.

    Args:
        source: a leaderboard of this or an older version (DuckDB), or what `transfer.export` wrote: a folder of Parquet
            files, a `.csv` or a `.json`. The latter two bring the headline metric on test alone.
    Raises:
        UserError: `source` is not a leaderboard, breaks a rule of `schema.sql`, or is this leaderboard itself.
        UnavailableError: this leaderboard cannot be written now.
    """
    if source.exists() and leaderboard.path.exists() and source.samefile(leaderboard.path):
        raise UserError(f"{source}: is the leaderboard itself. Name another one to import.")
    engine = start_engine()
    with Writer(leaderboard.path, leaderboard.wait_seconds, 0, engine) as writer:
        theirs = open_source(engine, source, leaderboard.wait_seconds, leaderboard.path)
        _require_headlines(engine, theirs, source)
        with writer.transaction() as connection:
            conflicts = _conflicts(connection, theirs)
            try:
                added, present = _add_new(connection, theirs)
            except duckdb.ConstraintException as error:
                raise UserError(f"{source}: breaks a rule of leaderboards ({first_line(error)}).") from error
    return Merged(added=added, present=present, conflicts=conflicts)


def _require_headlines(engine: duckdb.DuckDBPyConnection, theirs: str, source: Path) -> None:
    """No constraint can say that the headline in `runs` is the one in `metrics`."""
    equals = {"run_id": "run_id", "metric": "metric", **SCORE_COLUMNS}
    same = " AND ".join(f"r.{ours} IS NOT DISTINCT FROM m.{of_metric}" for ours, of_metric in equals.items())
    lacking = engine.execute(
        f"SELECT run_id FROM {theirs}.runs AS r ANTI JOIN {theirs}.metrics AS m ON m.split = 'test' AND {same}"
    ).fetchone()
    if lacking is not None:
        raise UserError(
            f"{source}: run {lacking[0]} has no row for its headline metric on test, or one of another value. "
            "Export it again."
        )


_MUST_AGREE = ("suite", "dataset", "backbone", "protocol", "partition", "seed", "metric", "source")


def _conflicts(connection: duckdb.DuckDBPyConnection, theirs: str) -> tuple[Conflict, ...]:
    columns = " UNION ALL ".join(
        f"SELECT run_id, '{name}', o.{name}::VARCHAR, t.{name}::VARCHAR "
        f"FROM {theirs}.runs AS t JOIN board.runs AS o USING (run_id) WHERE o.{name} IS DISTINCT FROM t.{name}"
        for name in _MUST_AGREE
    )
    values = (
        "SELECT run_id, split || ' ' || metric, coalesce(o.value::VARCHAR, 'undefined'), "
        f"coalesce(t.value::VARCHAR, 'undefined') FROM {theirs}.metrics AS t JOIN board.metrics AS o "
        "USING (run_id, split, metric) WHERE o.value IS DISTINCT FROM t.value"
    )
    rows = connection.execute(f"{columns} UNION ALL {values} ORDER BY ALL").fetchall()
    return tuple(Conflict(run_id=run_id, what=what, ours=str(a), theirs=str(b)) for run_id, what, a, b in rows)


def _add_new(connection: duckdb.DuckDBPyConnection, theirs: str) -> tuple[int, int]:
    connection.execute(
        f"CREATE TEMP TABLE fresh AS SELECT run_id FROM {theirs}.runs ANTI JOIN board.runs USING (run_id)"
    )
    for table in TABLE_NAMES:
        connection.execute(f"INSERT INTO board.{table} BY NAME FROM {theirs}.{table} SEMI JOIN fresh USING (run_id)")
    counts = connection.execute(f"SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM {theirs}.runs)").fetchone()
    assert counts is not None
    connection.execute("DROP TABLE fresh")
    added, given = counts
    return added, given - added

"""Merging leaderboards by identity: what is new is added, what contradicts is reported, nothing is overwritten."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from leaderboards.agreement import Difference
from leaderboards.errors import UserError
from leaderboards.file.connection import blamed_on, first_line, start_engine
from leaderboards.file.definitions import RUN_TABLES, TABLE_NAMES
from leaderboards.file.rows import SCORE_COLUMNS
from leaderboards.file.writer import Writer
from leaderboards.formats.sources import open_source
from leaderboards.store import Leaderboard


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """A run, or a number of the table multimodal, that both leaderboards have with different values. Ours stays."""

    run_id: str
    """Or the result_id."""
    what: str
    """`test accuracy` for a metric of a split, the column of `runs`, or that its seed is in its point already."""
    ours: str
    theirs: str


@dataclass(frozen=True, kw_only=True)
class Alias:
    """Runs that both leaderboards have, of one checkpoint under two names. Ours stays."""

    ours: str
    theirs: str
    n_runs: int


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What became of another leaderboard's runs."""

    added: int
    present: int
    """Runs that were here before, those in conflict included."""
    conflicts: tuple[Conflict, ...]
    largest: Difference | None = None
    """Of the differences that `agreement.TOLERANCE` allows; None: all values are the same to the last digit."""
    aliases: tuple[Alias, ...] = ()
    results_added: int = 0
    """Rows of the table multimodal, as `results_present`."""
    results_present: int = 0


def merge(leaderboard: Leaderboard, source: Path) -> Merged:
    """Add the runs of another leaderboard that this one lacks, with all their rows, and its rows of the tables
    multimodal and failures; all of them or none.

    A run that is here already is left as it is, also where theirs has more rows or was measured on another device. A
    second run of a seed that a point of ours has is a conflict, and not added.

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
        with blamed_on(source):
            _read_through(engine, theirs)
            _require_headlines(engine, theirs, source)
        with writer.transaction() as connection, _telling_rules(source):
            conflicts = _conflicts(connection, theirs)
            differing, largest = _differences(connection, theirs)
            second, aliases = _second_runs(connection, theirs), _aliases(connection, theirs)
            added, present = _add_new(connection, theirs, [conflict.run_id for conflict in second])
            of_results, largest = _differing_results(connection, theirs, largest)
            results_added, results_present = _add_new_results(connection, theirs)
            _add_failures(connection, theirs)
    return Merged(
        added=added,
        present=present,
        conflicts=tuple(
            sorted([*conflicts, *differing, *second, *of_results], key=lambda found: (found.run_id, found.what))
        ),
        largest=largest,
        aliases=aliases,
        results_added=results_added,
        results_present=results_present,
    )


@contextmanager
def _telling_rules(source: Path) -> Iterator[None]:
    """What DuckDB has against their rows."""
    try:
        yield
    except (duckdb.ConstraintException, duckdb.DataError, duckdb.ProgrammingError) as error:
        raise UserError(f"{source}: breaks a rule of leaderboards ({first_line(error)}). Export it again.") from error


def _read_through(engine: duckdb.DuckDBPyConnection, theirs: str) -> None:
    """Read every block of theirs, so that a damaged one that is met later is one of ours."""
    for table in TABLE_NAMES:
        engine.execute(f"SELECT bit_xor(hash(COLUMNS(*))) FROM {theirs}.{table}").fetchall()


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


_MUST_AGREE = ("suite", "dataset", "protocol", "partition", "seed", "metric", "higher_is_better", "source")


def _conflicts(connection: duckdb.DuckDBPyConnection, theirs: str) -> list[Conflict]:
    """Columns of `runs`. Under identity 1 the backbone's name is among them; later it is only an alias."""
    differs = {name: f"o.{name} IS DISTINCT FROM t.{name}" for name in _MUST_AGREE}
    differs["backbone"] = "o.backbone <> t.backbone AND o.identity_version = 1"
    columns = " UNION ALL ".join(
        f"SELECT run_id, '{name}', o.{name}::VARCHAR, t.{name}::VARCHAR "
        f"FROM {theirs}.runs AS t JOIN board.runs AS o USING (run_id) WHERE {condition}"
        for name, condition in differs.items()
    )
    return _as_conflicts(connection.execute(columns).fetchall())


def _differences(connection: duckdb.DuckDBPyConnection, theirs: str) -> tuple[list[Conflict], Difference | None]:
    """Metrics that contradict, and the largest difference of those that do not."""
    result = connection.execute(
        f"SELECT run_id, split || ' ' || metric, o.value, t.value FROM {theirs}.metrics AS t "
        "JOIN board.metrics AS o USING (run_id, split, metric) WHERE o.value IS DISTINCT FROM t.value"
    )
    return _sorted_out(result, None)


def _differing_results(
    connection: duckdb.DuckDBPyConnection, theirs: str, largest: Difference | None
) -> tuple[list[Conflict], Difference | None]:
    """Rows of the table multimodal likewise."""
    result = connection.execute(
        f"SELECT result_id, o.what || ' ' || o.metric, o.value, t.value FROM {theirs}.multimodal AS t "
        "JOIN board.multimodal AS o USING (result_id) WHERE o.value IS DISTINCT FROM t.value"
    )
    return _sorted_out(result, largest)


def _sorted_out(
    result: duckdb.DuckDBPyConnection, largest: Difference | None
) -> tuple[list[Conflict], Difference | None]:
    """Rows of (identity, what, our value, their value) that differ: conflicts, and the largest other difference."""
    conflicts = []
    while rows := result.fetchmany(_CHUNK):
        for run_id, what, ours, value in rows:
            found = Difference(run_id=run_id, what=what, ours=ours, theirs=value)
            if not found.agrees:
                shown = ["undefined" if value is None else str(value) for value in (ours, value)]
                conflicts.append(Conflict(run_id=run_id, what=what, ours=shown[0], theirs=shown[1]))
            elif largest is None or found.size > largest.size:
                largest = found
    return conflicts, largest


_CHUNK = 10_000


def _second_runs(connection: duckdb.DuckDBPyConnection, theirs: str) -> list[Conflict]:
    """New runs of theirs whose seed some run of ours has in the same point, where a seed counts once."""
    rows = connection.execute(
        f"""
        SELECT t.run_id, 'second run of seed ' || t.seed || ' in one point', o.run_id, t.run_id
        FROM (FROM {theirs}.runs ANTI JOIN board.runs USING (run_id)) AS t
        JOIN board.runs AS o USING (curve_id, partition, samples, seed)
        """
    ).fetchall()
    return _as_conflicts(rows)


def _as_conflicts(rows: Iterable[tuple[str, str, object, object]]) -> list[Conflict]:
    return [Conflict(run_id=run_id, what=what, ours=str(a), theirs=str(b)) for run_id, what, a, b in rows]


def _aliases(connection: duckdb.DuckDBPyConnection, theirs: str) -> tuple[Alias, ...]:
    rows = connection.execute(
        f"SELECT o.backbone, t.backbone, count(*) FROM {theirs}.runs AS t JOIN board.runs AS o USING (run_id) "
        "WHERE o.backbone <> t.backbone AND o.identity_version > 1 GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return tuple(Alias(ours=ours, theirs=name, n_runs=n) for ours, name, n in rows)


def _add_new(connection: duckdb.DuckDBPyConnection, theirs: str, but: Sequence[str]) -> tuple[int, int]:
    connection.execute(
        f"CREATE TEMP TABLE fresh AS SELECT run_id FROM {theirs}.runs ANTI JOIN board.runs USING (run_id) "
        "WHERE NOT list_contains($but, run_id)",
        {"but": list(but)},
    )
    for table in RUN_TABLES:
        connection.execute(f"INSERT INTO board.{table} BY NAME FROM {theirs}.{table} SEMI JOIN fresh USING (run_id)")
    counts = connection.execute(f"SELECT (SELECT count(*) FROM fresh), (SELECT count(*) FROM {theirs}.runs)").fetchone()
    assert counts is not None
    connection.execute("DROP TABLE fresh")
    added, given = counts
    return added, given - added - len(but)


def _add_new_results(connection: duckdb.DuckDBPyConnection, theirs: str) -> tuple[int, int]:
    """How many rows of the table multimodal were added, and how many were here."""
    added = connection.execute(
        f"INSERT INTO board.multimodal BY NAME FROM {theirs}.multimodal ANTI JOIN board.multimodal USING (result_id)"
    ).fetchone()
    given = connection.execute(f"SELECT count(*) FROM {theirs}.multimodal").fetchone()
    assert added is not None
    assert given is not None
    return added[0], given[0] - added[0]


def _add_failures(connection: duckdb.DuckDBPyConnection, theirs: str) -> None:
    """A run that failed there and was made nowhere failed here too; one that was made anywhere did not."""
    connection.execute(
        f"INSERT INTO board.failures BY NAME FROM {theirs}.failures ANTI JOIN board.failures USING (run_id)"
    )
    connection.execute("DELETE FROM board.failures WHERE run_id IN (SELECT run_id FROM board.runs)")

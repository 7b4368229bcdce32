"""Queries of others end: in a stated time and memory, and at Ctrl-C."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb

from leaderboards.errors import UserError

LEAST_MEMORY = 10_000_000
"""Bytes without which DuckDB cannot even open a leaderboard."""
_CHUNK = 10_000
_GRACE_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one query may take."""

    memory_bytes: int
    """In DuckDB, which spills nothing to disk, and again for the rows it gives."""
    seconds: float


def fetch_within(connection: duckdb.DuckDBPyConnection, fetch: Callable[[], Any], limits: Limits) -> Any:
    """What `fetch` gives, which runs in a thread: DuckDB lets no signal through to the one that waits for it.

    Raises:
        UserError: it took too long.
        KeyboardInterrupt: at once; the query is told to stop.
    """
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(fetch())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(limits.seconds)
        late = thread.is_alive()
    except KeyboardInterrupt:
        _stop(connection, thread)
        raise
    if late:
        _stop(connection, thread)
        raise UserError(f"the query took longer than {limits.seconds:g} s. Ask for less, or pass a longer --timeout.")
    if failure:
        raise failure[0]
    return outcome[0]


def rows_within(result: Any, limits: Limits) -> list[tuple[Any, ...]]:
    """All rows of a result.

    Raises:
        UserError: they take more memory than allowed.
    """
    rows: list[tuple[Any, ...]] = []
    taken = 0
    while chunk := result.fetchmany(_CHUNK):
        taken += sum(sys.getsizeof(row) + sum(map(sys.getsizeof, row)) for row in chunk)
        if taken > limits.memory_bytes:
            raise UserError(
                f"the first {len(rows) + len(chunk)} rows take more than {limits.memory_bytes} bytes. Add a LIMIT, or "
                "pass more by --memory."
            )
        rows += chunk
    return rows


def _stop(connection: duckdb.DuckDBPyConnection, thread: threading.Thread) -> None:
    connection.interrupt()
    thread.join(_GRACE_SECONDS)

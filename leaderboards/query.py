"""Reading a leaderboard: SQL that can look at everything in the file and touch nothing anywhere."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from leaderboards.errors import UserError
from leaderboards.file.connection import WAIT_SECONDS
from leaderboards.file.limits import Limits, fetch_within, rows_within
from leaderboards.file.reader import connect_to_read
from leaderboards.formats.csv_cells import csv_line, guard
from leaderboards.formats.markdown import markdown_table

if TYPE_CHECKING:
    import pandas

# By type as DuckDB parses it: SHOW, DESCRIBE, SUMMARIZE, FROM and VALUES are SELECT, and PIVOT is MULTI.
_ALLOWED = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI}


@dataclass(frozen=True)
class Table:
    """The result of a query."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    """Python values as DuckDB gives them; None is NULL."""

    def df(self) -> "pandas.DataFrame":
        """A DataFrame of it, for notebooks."""
        import pandas  # noqa: PLC0415 - half a second that commands need not wait

        return pandas.DataFrame(self.rows, columns=list(self.columns))

    def _repr_html_(self) -> str:
        return self.df()._repr_html_()


def run_query(
    path: Path,
    sql: str,
    wait_seconds: float = WAIT_SECONDS,
    limits: Limits | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Table:
    """Run one query on a leaderboard.

    Not even a mistake can do harm: what is not a single query is refused before it runs, the file is opened read-only,
    and the connection has no access to other files, to extensions or to its own settings. Only a file of an older
    version is upgraded first, with a backup beside it.

    Args:
        parameters: what `$name` in the query stands for.
    Raises:
        UserError: no such file, or locked; not one query; or what DuckDB has against it.
    """
    if not sql.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in sql):
        raise UserError("the query is no UTF-8 text. Type it again")
    if not path.is_file():
        raise UserError(f"{path}: no leaderboard here. Fill one with: python -m harness run --backbone mp_mae")
    memory = None if limits is None else f"{limits.memory_bytes}B"
    with connect_to_read(path, wait_seconds, memory) as connection:
        return _run(connection, sql, limits, parameters or {})


def to_csv(table: Table) -> str:
    """A header line and a line per row (RFC 4180, but "\\n" ends lines). NULL and NaN are empty, nested values JSON.

    Texts that a spreadsheet would take for a formula begin with an apostrophe, see `csv_cells`.
    """
    lines = [[guard(column) for column in table.columns], *([_csv_cell(value) for value in row] for row in table.rows)]
    return "".join(csv_line(cells) for cells in lines)


def to_json(table: Table) -> str:
    """A list of objects, one per row.

    NULL, NaN and infinities are null, times ISO 8601; a column name that comes again gets a number.
    """
    names = _unique(table.columns)
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in table.rows]
    return json.dumps(rows, ensure_ascii=False, allow_nan=False, indent=2)


def to_markdown(table: Table) -> str:
    """A table of Markdown. NULL and NaN are empty, nested values JSON."""
    numeric = [any(isinstance(row[i], int | float | Decimal) for row in table.rows) for i in range(len(table.columns))]
    rows = [[_in_words(_plain(value)) for value in row] for row in table.rows]
    return "".join(f"{line}\n" for line in markdown_table(table.columns, rows, numeric))


def _run(
    connection: duckdb.DuckDBPyConnection, sql: str, limits: Limits | None, parameters: Mapping[str, Any]
) -> Table:
    def fetch() -> Table:
        result = connection.execute(_single_query(connection, sql), dict(parameters))
        rows = result.fetchall() if limits is None else rows_within(result, limits)
        return Table(tuple(column[0] for column in result.description), rows)

    try:
        return fetch() if limits is None else fetch_within(connection, fetch, limits)
    except MemoryError as error:
        raise UserError("the query takes more memory than it may. Ask for less, or pass more by --memory.") from error
    except duckdb.Error as error:
        raise UserError(_explain(error)) from error


def _single_query(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise UserError(f"wanted one query, found {len(statements) or 'none'}. Pass one SELECT at a time.")
    (statement,) = statements
    kind = _kind(statement)
    if kind not in _ALLOWED:
        raise UserError(
            f"{kind.name if kind else 'This statement'} is not allowed: the leaderboard is read-only here. "
            "Use SELECT, WITH, FROM, VALUES, PIVOT, SHOW, DESCRIBE, SUMMARIZE or EXPLAIN."
        )
    return statement


def _kind(statement: duckdb.Statement) -> duckdb.StatementType | None:
    try:
        return statement.type
    except ValueError:  # a type that DuckDB parses and its Python enumeration does not list, as UPDATE EXTENSIONS
        return None


def _explain(error: duckdb.Error) -> str:
    message = str(error).strip()
    if "'pytz'" in message:
        return "The result has a TIMESTAMP WITH TIME ZONE, which needs pytz. Cast it, as in now()::TIMESTAMP."
    return message


def _unique(columns: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for column in columns:
        name, repeats = column, 1
        while name in names:
            repeats += 1
            name = f"{column}_{repeats}"
        names.append(name)
    return names


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one return per kind of value is the table this is
    """A DuckDB value as JSON has it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal():
            return float(value) if math.isfinite(value) else None
        case datetime() | date() | time():
            return value.isoformat()
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case bytes():
            return value.hex()
        case _:  # intervals, UUIDs and the like
            return str(value)


def _csv_cell(value: Any) -> str:
    plain = _plain(value)
    return guard(plain) if isinstance(plain, str) else _in_words(plain)


def _in_words(plain: Any) -> str:
    """A value of JSON in a cell: itself, empty for null, JSON where it is nested."""
    if plain is None:
        return ""
    if isinstance(plain, bool | dict | list):
        return json.dumps(plain, ensure_ascii=False, allow_nan=False)
    return str(plain)

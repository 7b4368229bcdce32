"""Rows of the table `multimodal`: stored all or none, and a number that is there already stays as it is."""

import json
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import UTC
from typing import Any

from leaderboards.file.reader import connect_to_read
from leaderboards.query import Table
from leaderboards.schema import MultimodalRow
from leaderboards.store import Leaderboard

_COLUMNS = tuple(field.name for field in fields(MultimodalRow))
_VALUES = ", ".join(f"unnest(${name}) AS {name}" for name in _COLUMNS)
_INSERT = (
    f"INSERT INTO multimodal BY NAME SELECT * FROM (SELECT {_VALUES}) "
    "WHERE result_id NOT IN (SELECT result_id FROM multimodal)"
)


def store_results(leaderboard: Leaderboard, rows: Sequence[MultimodalRow]) -> int:
    """Add rows in one transaction: all of those that are new, or none. Those that are there already stay as they are.

    Returns:
        How many are new.
    Raises:
        ValueError: two of the rows have one identity.
        UnavailableError: the file is gone, locked, read-only, or the disk is full.
        duckdb.ConstraintException: a row breaks a rule of `schema.sql`.
    """
    if len({row.result_id for row in rows}) < len(rows):
        raise ValueError("two rows of the table multimodal have one result_id")
    if not rows:
        return 0
    with leaderboard.transaction() as connection:
        added = connection.execute(_INSERT, {name: [_cell(row, name) for row in rows] for name in _COLUMNS}).fetchone()
    assert added is not None
    return int(added[0])


def known_results(leaderboard: Leaderboard, result_ids: Collection[str]) -> set[str]:
    """Which of these are there already; none if there is no file yet.

    Raises:
        UserError: the file is locked or not a leaderboard.
    """
    if not result_ids or not leaderboard.path.exists():
        return set()
    with connect_to_read(leaderboard.path, leaderboard.wait_seconds) as connection:
        found = connection.execute(
            "SELECT result_id FROM multimodal WHERE result_id IN (SELECT unnest($ids))", {"ids": list(result_ids)}
        )
        return {result_id for (result_id,) in found.fetchall()}


def read_results(leaderboard: Leaderboard, result_ids: Collection[str]) -> Table:
    """These rows with all their columns, dataset by dataset; those that are not there are left out.

    Raises:
        UserError: no such file, or it is locked or not a leaderboard.
    """
    with connect_to_read(leaderboard.path, leaderboard.wait_seconds) as connection:
        found = connection.execute(
            "FROM multimodal WHERE result_id IN (SELECT unnest($ids)) ORDER BY suite, test_dataset, dataset, what, "
            "gallery, fitted_on, len(modalities) DESC, modalities, channel_of, missing_channel, metric, k",
            {"ids": list(result_ids)},
        )
        return Table(tuple(column[0] for column in found.description), found.fetchall())


def _cell(row: MultimodalRow, name: str) -> Any:
    """A field as DuckDB takes it."""
    value = getattr(row, name)
    if name == "configuration":
        return json.dumps(dict(value), ensure_ascii=False, allow_nan=False, sort_keys=True)
    if name == "finished_at":
        return value.astimezone(UTC).replace(tzinfo=None)
    return list(value) if name == "modalities" else value

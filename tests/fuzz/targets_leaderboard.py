"""Fuzz targets of the leaderboard: each takes any bytes, and lets nothing but the documented error out.

`target_import` merges them as each kind of file; `target_sql` runs them as a query.
"""

import atexit
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "leaderboards"))
from leaderboard_records import make_record

from leaderboards.errors import UserError
from leaderboards.limits import Limits
from leaderboards.merge import merge
from leaderboards.query import run_query
from leaderboards.store import Leaderboard, open_leaderboard
from leaderboards.transfer import ExportFormat, export

LIMITS = Limits(memory_bytes=100_000_000, seconds=5)


def target_import(data: bytes) -> None:
    """The first byte chooses the kind of file; the rest is its content."""
    board = _board()
    suffix = (".json", ".csv", ".duckdb")[data[0] % 3] if data else ".json"
    source = board.path.with_name(f"source{suffix}")
    source.write_bytes(data[1:])
    try:
        merge(board, source)
    except UserError:
        return


def target_sql(data: bytes) -> None:
    """The bytes are the text of a query."""
    try:
        run_query(_board().path, data.decode("utf-8", "replace"), limits=LIMITS)
    except UserError:
        return


def seeds() -> dict[str, list[bytes]]:
    """Good inputs to change, by target."""
    board = _board()
    folder = board.path.parent
    files = []
    for number, (form, suffix) in enumerate(((ExportFormat.JSON, "json"), (ExportFormat.CSV, "csv"))):
        target = folder / f"seed.{suffix}"
        if not target.exists():
            export(board, target, form)
        files.append(bytes([number]) + target.read_bytes())
    return {
        "import": [*files, b"\x02" + board.path.read_bytes()],
        "sql": [
            b"FROM leaderboard", b"SELECT backbone, avg(value) FROM scores GROUP BY ALL", b"DESCRIBE runs",
            b"PIVOT scores ON seed USING first(value)", b"SELECT configuration->>'$.k' FROM runs",
        ],
    }  # fmt: skip


@cache
def _board() -> Leaderboard:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    board = open_leaderboard(folder / "board.duckdb")
    board.commit(make_record())
    return board

"""Tortillas: a file that holds others, with a Parquet table at its end that says where each lies.

Bytes 0-1 are `#y` or `WX`, 2-9 the offset of that table and 10-17 its length, both little-endian. A tortilla inside a
tortilla counts from its own beginning.
"""

import io
import struct
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.files.budgets import INDEX_BYTES, INDEX_ROWS, SAMPLE_BYTES
from harness.data.files.regular_file import check_regular
from harness.errors import NotHereError, UserError

SUFFIX = ".tortilla"
TORTILLA = "TORTILLA"
_MAGIC = (b"#y", b"WX")
_HEADER = struct.Struct("<2sQQ")
_ID, _FORMAT, _OFFSET, _LENGTH = (f"tortilla:{column}" for column in ("id", "file_format", "offset", "length"))
_AGAIN = "Download the file again"


class Item(NamedTuple):
    """One file inside a tortilla."""

    id: str
    format: str
    """GTiff, HDF5, GeoParquet, BYTES, or TORTILLA."""
    start: int
    """Its first byte in the outermost file."""
    length: int
    columns: dict[str, Any]
    """All that the table says of it."""


def read_index(path: Path, where: str, inside: Item | None = None) -> list[Item]:
    """The files in a tortilla, in the order of its table.

    Args:
        inside: of this tortilla inside the file; None: of the file itself.
    Raises:
        NotHereError: pyarrow is not installed.
        UserError: no tortilla, or its table is damaged, or something is said to lie outside; begins with `where`.
    """
    try:
        start, length = (inside.start, inside.length) if inside else (0, check_regular(path, where))
        rows = _read_rows(_read_table(path, start, length, where), where)
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror}). Download the dataset again") from None
    return [_item(row, start, length, where) for row in rows]


def read_column(path: Path, column: str, where: str) -> list[Any]:
    """What the table of a file says of each of its files in one column. Raises as `read_index` does."""
    try:
        table = _read_table(path, 0, check_regular(path, where), where)
    except OSError as error:
        raise UserError(f"{where}: cannot be read ({error.strerror}). Download the dataset again") from None
    return [row.get(column) for row in _read_rows(table, where, [column])]


def read_item(path: Path, item: Item, where: str) -> bytes:
    """The bytes of a file in a tortilla. UserError: more than a sample may have."""
    if item.length > SAMPLE_BYTES:
        raise UserError(f"{where}: {item.id} has {item.length} bytes; at most {SAMPLE_BYTES} are read. {_AGAIN}")
    with path.open("rb") as file:
        file.seek(item.start)
        return file.read(item.length)


def _read_table(path: Path, start: int, length: int, where: str) -> bytes:
    """The Parquet file at the end of a tortilla."""
    with path.open("rb") as file:
        file.seek(start)
        header = file.read(min(_HEADER.size, length))
        if len(header) < _HEADER.size or header[:2] not in _MAGIC:
            raise UserError(f"{where}: is no tortilla: it begins with {header[:2]!r}. {_AGAIN}")
        _, offset, size = _HEADER.unpack(header)
        if offset + size > length:
            raise UserError(
                f"{where}: its table should end at byte {offset + size}, it has {length}: the download is incomplete. "
                f"{_AGAIN}"
            )
        if size > INDEX_BYTES:
            raise UserError(f"{where}: its table has {size} bytes; at most {INDEX_BYTES} are read. {_AGAIN}")
        file.seek(start + offset)
        return file.read(size)


def _read_rows(content: bytes, where: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
    try:
        import pyarrow  # noqa: PLC0415 - of the extra `geo`
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise NotHereError(f"{where}: is read by pyarrow, which is not installed. Run: pip install '.[geo]'") from None
    try:
        table = parquet.ParquetFile(io.BytesIO(content))
        unpacked = sum(table.metadata.row_group(i).total_byte_size for i in range(table.metadata.num_row_groups))
        if table.metadata.num_rows > INDEX_ROWS or unpacked > INDEX_BYTES:
            raise UserError(f"{where}: its table has {table.metadata.num_rows} rows, {unpacked} bytes. {_AGAIN}")
        return table.read(columns, use_threads=False).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:100]
        raise UserError(f"{where}: its table is damaged ({reason}). {_AGAIN}") from None


def _item(row: dict[str, Any], start: int, length: int, where: str) -> Item:
    name, form, offset, size = (row.get(column) for column in (_ID, _FORMAT, _OFFSET, _LENGTH))
    if not (isinstance(name, str) and isinstance(form, str) and isinstance(offset, int) and isinstance(size, int)):
        raise UserError(f"{where}: its table lacks {_ID}, {_FORMAT}, {_OFFSET} or {_LENGTH} of a file. {_AGAIN}")
    if offset < 0 or size < 0 or offset + size > length:
        raise UserError(
            f"{where}: {name[:50]!r} should lie in bytes {offset} to {offset + size}, of {length}: the download is "
            f"incomplete. {_AGAIN}"
        )
    return Item(name, form, start + offset, size, row)

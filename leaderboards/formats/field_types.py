"""Whether the fields of a row that others wrote are of the types that its class declares."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from leaderboards.schema import TABLES, RunRow

_DECLARED: Mapping[type, Mapping[str, Any]] = {
    row_class: get_type_hints(row_class) for row_class in (RunRow, *(table.row_class for table in TABLES))
}
_BITS = 64
"""Of DuckDB's BIGINT."""


def require_types(row: Any) -> None:
    """Look at every field of a row of `schema.py`.

    Raises:
        ValueError: one is of another type than declared, an integer of more than 64 bits, or a text that is no UTF-8.
    """
    for name, declared in _DECLARED[type(row)].items():
        value = getattr(row, name)
        if not _fits(value, declared):
            raise ValueError(f"{name}: a value of another type or size, {ascii(value)[:40]}")


def _fits(value: Any, declared: Any) -> bool:
    origin, parts = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(one, parts[0]) for one in value)
    check = _SCALARS.get(declared)
    return isinstance(value, origin or declared) if check is None else check(value)


def _is_text(value: Any) -> bool:
    """Whether a value is text in UTF-8, unlike a lone half of a surrogate pair, which JSON can escape."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < _BITS


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_integer(value)


_SCALARS = {str: _is_text, int: _is_integer, float: _is_number}

"""Tables as compact JSON: column by column, and a text that repeats stands there once.

A column is a list of numbers, or `{"values": [...], "index": [...]}` where `index` has one entry per row, or none
if all rows have the one value. `data.js` turns it back into rows.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

DIGITS = 6
"""Numbers are rounded to so many digits after the point: far below the noise of any score, and half the file.
Those that are small, as errors in moles may be, keep as many digits that count."""
_SMALL = 0.1

Column = list[float | int | bool | None] | dict[str, Any]


def encode_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The number of rows and the columns by name."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return {
        "n": len(rows),
        "columns": {name: encode(list(column)) for name, column in zip(names, columns, strict=True)},
    }


def encode(column: list[Any]) -> Column:
    """One column. Lists and objects are kept as values, equal ones once."""
    if all(value is None or isinstance(value, int | float) for value in column) and len(set(column)) > 1:
        return [_round(value) for value in column]
    positions: dict[Any, int] = {}
    index = [positions.setdefault(_key(value), len(positions)) for value in column]
    values = [key if isinstance(key, str) else json.loads(key[0]) for key in positions]
    return {"values": values, "index": index if len(values) > 1 else []}


def script_safe_json(data: Any) -> str:
    """JSON that may stand inside a `<script>` element: no text in it can end the element or start a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def merge_keys(documents: Iterable[dict[str, Any]]) -> list[str]:
    """All keys of some objects, in the order they first come."""
    return list(dict.fromkeys(key for document in documents for key in document))


def _round(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if abs(value) < _SMALL else round(value, DIGITS)


def _key(value: Any) -> str | tuple[str]:
    """Something hashable: a text is its own key, anything else has that of its JSON, in a tuple to tell them apart."""
    if isinstance(value, str):
        return value
    return (json.dumps(_round(value), ensure_ascii=False, default=str),)

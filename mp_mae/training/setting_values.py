"""Values of settings between text and types: TOML, `key=value` of a command line, and what each key wants."""

import json
import tomllib
import types
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from mp_mae.errors import UserError

AUTO = "auto"
"""How None is written in TOML and on the command line: chosen from the data or the machine."""

_PYTHON_BOOLS = {"True": True, "False": False}
"""What somebody types who thinks of Python, where TOML has true and false."""


def read_toml(path: Path) -> dict[str, Any]:
    """Values by key of a TOML file, unchecked. Raises UserError when it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot read the configuration ({error.strerror}). Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML ({error}). Write one `key = value` a line.") from error


def format_toml(values: Mapping[str, Any]) -> str:
    """A TOML file that gives the same values again."""
    return "".join(f"{key} = {json.dumps(AUTO if value is None else value)}\n" for key, value in values.items())


def split_assignment(text: str) -> tuple[str, str]:
    """Key and value of `key=value`. Raises UserError when there is no such sign."""
    key, separator, value = text.partition("=")
    if not separator:
        raise UserError(f"--set {text}: wanted key=value, for example --set epochs=20.")
    return key.strip(), value.strip()


def read_word(text: str) -> Any:
    """A value of the command line: read as TOML where that makes sense, else the word as it is."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def coerce(key: str, value: Any, kinds: Mapping[str, Any]) -> Any:
    """A value from TOML or the command line as the type that its key wants.

    Args:
        kinds: declared type of every key there is.
    Raises:
        UserError: an unknown key (with the nearest known one), or a value of another type.
    """
    if key not in kinds:
        nearest = get_close_matches(key, kinds, n=1)
        hint = f"Did you mean {nearest[0]}? " if nearest else ""
        raise UserError(f"there is no setting {key!r}. {hint}There are: {', '.join(kinds)}.")
    kind = kinds[key]
    if get_origin(kind) in (Union, types.UnionType):
        if value == AUTO:
            return None
        kind = get_args(kind)[0]
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        listed = [_item(item, part.strip()) for part in value.split(",")] if isinstance(value, str) else value
        n = None if get_args(kind)[-1] is Ellipsis else len(get_args(kind))
        if isinstance(listed, list | tuple) and all(_is(item, part) for part in listed) and n in (None, len(listed)):
            return tuple(item(part) for part in listed)
    elif get_origin(kind) is Literal:
        if isinstance(value, str):
            return value  # the record it goes into knows the choices
    elif _is(kind, value):
        return kind(value)
    elif kind is bool and value in _PYTHON_BOOLS:
        return _PYTHON_BOOLS[value]
    raise UserError(f"{key} is {value!r}; wanted {_describe(kinds[key])}.")


def _item(kind: type, text: str) -> Any:
    """One entry of a list that was written with commas; text that is no number stays what it is."""
    try:
        return kind(text)
    except ValueError:
        return text


def _is(kind: type, value: Any) -> bool:
    wanted: tuple[type, ...] = (int, float) if kind is float else (kind,)
    return isinstance(value, wanted) and (kind is bool or not isinstance(value, bool))


def _describe(kind: Any) -> str:
    if get_origin(kind) in (Union, types.UnionType):
        return f"{_describe(get_args(kind)[0])} or {AUTO}"
    if get_origin(kind) is tuple:
        return f"a list such as {'[0.9, 0.95]' if get_args(kind)[0] is float else 'one,another'}"
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    return names.get(kind) or "one of " + ", ".join(get_args(kind))

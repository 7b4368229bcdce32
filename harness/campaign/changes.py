"""What users change about the settings of protocols: `--set PROTOCOL.SETTING=VALUE`."""

import math
from collections.abc import Collection, Iterable
from typing import Any, get_type_hints

import mp_mae.errors
from harness.errors import UserError
from harness.protocols import TABLES
from mp_mae.training.setting_values import coerce, read_word

_NOT_TO_BE_SET = {"version", "trials"}
"""The one says what code runs, the other has an option of its own."""
_FROM_ZERO = {"min_updates"}
"""Whole numbers that may be 0."""

Changes = dict[str, dict[str, Any]]
"""Protocol -> setting -> its value."""


def read_changes(texts: Iterable[str], protocols: Collection[str]) -> Changes:
    """The values of `PROTOCOL.SETTING=VALUE`, of the type that the setting has.

    Raises:
        UserError: it is something else, of a protocol that does not run or a setting that it does not have (with the
            nearest), set twice, of another type or below what such a number can be.
    """
    changes: Changes = {}
    for text in texts:
        protocol, dot, assignment = text.partition(".")
        setting, equals, word = assignment.partition("=")
        if not dot or not equals:
            raise UserError(f"--set {text}: expected PROTOCOL.SETTING=VALUE, for example --set fine_tune.epochs=5")
        if protocol not in protocols:
            raise UserError(f"--set {text}: {protocol} is none of the protocols that run: {', '.join(protocols)}")
        of_protocol = changes.setdefault(protocol, {})
        if setting in of_protocol:
            raise UserError(f"--set {text}: {protocol}.{setting} is set twice. Set it once")
        try:
            of_protocol[setting] = coerce(setting, read_word(word), _kinds(protocol))
        except mp_mae.errors.UserError as error:
            raise UserError(f"--set {text}: {error}") from error
        _check_numbers(text, setting, of_protocol[setting])
    return changes


def _kinds(protocol: str) -> dict[str, Any]:
    """The type of each setting that a protocol has for any kind of labels."""
    settings = [type(table[protocol].settings) for table in TABLES.values() if protocol in table]
    return {
        key: kind for of_kind in settings for key, kind in get_type_hints(of_kind).items() if key not in _NOT_TO_BE_SET
    }


def _check_numbers(text: str, setting: str, value: Any) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        lowest = int(type(number) is int and setting not in _FROM_ZERO)
        if not isinstance(number, str) and not lowest <= number < math.inf:
            raise UserError(f"--set {text}: expected a number from {lowest}, found {number}")

"""Words of notebooks as the harness knows them, and its errors as notebooks show them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

import leaderboards.errors
import mp_mae.errors
from baselines.bands import Unit
from harness.errors import UserError, as_user_error


def as_unit(text: str | None) -> Unit | None:
    """A unit by its name or its value, in any case. UserError: there is none such; lists all."""
    if text is None:
        return None
    for unit in Unit:
        if text.casefold() in (unit.value.casefold(), unit.name.casefold()):
            return unit
    raise UserError(f"unknown unit {text!r}. There are: {', '.join(map(repr, map(str, Unit)))}")


def as_list(given: Any, kind: type, wanted: str) -> list[Any]:
    """One thing or several as a list; None: none.

    Args:
        kind: what each has to be, where it is no name.
        wanted: how the message begins if one is something else.
    """
    if isinstance(given, str | kind):
        return [given]
    things = list(given) if isinstance(given, Iterable) else [] if given is None else [given]
    foreign = [type(thing).__name__ for thing in things if not isinstance(thing, str | kind)]
    if foreign:
        raise UserError(f"{wanted}; found {foreign[0]}")
    return things


@contextmanager
def kind_errors() -> Iterator[None]:
    """Every mistake of the user as a `harness.errors.UserError`, which a notebook shows in one line."""
    try:
        yield
    except (leaderboards.errors.UserError, mp_mae.errors.UserError) as error:
        raise as_user_error(error) from None


def below_the_cell() -> Console:
    """Where it is told how work goes: stderr, which a notebook shows there."""
    return Console(stderr=True, force_jupyter=False)

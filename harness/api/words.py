"""Words of notebooks as the harness knows them, and its errors as notebooks show them."""

from collections.abc import Iterator
from contextlib import contextmanager

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

"""The objectives that a training can have, by name: their own settings, and where the class is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mp_mae.config import check_choice
from mp_mae.model_config import MPMAEOptions

if TYPE_CHECKING:
    from mp_mae.objective import Objective


@dataclass(frozen=True, kw_only=True)
class ObjectiveEntry:
    """One objective, known without importing torch."""

    summary: str
    options: type[Any]
    """A frozen dataclass of the objective's own settings. Every field has a default and is annotated with one line of
    text; none is called like a field of `Settings`. They are compared when a training is resumed."""
    load: "Callable[[], type[Objective]]"
    """Imports the class, and torch with it."""


def _load_mp_mae() -> "type[Objective]":
    from mp_mae.model import MPMAE  # noqa: PLC0415 - imports torch

    return MPMAE


OBJECTIVES: dict[str, ObjectiveEntry] = {
    "mp_mae": ObjectiveEntry(
        summary="predict every modality at the removed patches", options=MPMAEOptions, load=_load_mp_mae
    ),
}


def find_objective(name: str) -> ObjectiveEntry:
    """Raises UserError that names the nearest objective and lists all when there is none of that name."""
    check_choice("objective", name, tuple(OBJECTIVES))
    return OBJECTIVES[name]

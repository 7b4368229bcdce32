"""Backbones that a Python program holds, known by name while it asks for their runs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.entry import Entry
from mp_mae.errors import UserError

if TYPE_CHECKING:
    from baselines.contract import Backbone

BUILDER = "baselines.timm_models.wrapped"
"""What made them backbones, as the configuration of their runs says."""


@dataclass(frozen=True, kw_only=True)
class Held(Entry):
    """A backbone that is built already."""

    backbone: "Backbone"

    def build(self, weights: Path | None, seed: int) -> "Backbone":
        return self.backbone


_HELD: dict[str, Held] = {}


def find_held(name: str) -> Held | None:
    """The entry of a backbone that is held now."""
    return _HELD.get(name)


@contextmanager
def holding(entries: Iterable[Held]) -> Iterator[None]:
    """Let the registry know some backbones by their names, in this process, for the duration of the context.

    Raises:
        UserError: two have one name.
    """
    before = dict(_HELD)
    for entry in entries:
        if _HELD.setdefault(entry.name, entry) is not entry:
            raise UserError(f"two backbones are called {entry.name}. Wrap one of them under another name")
    try:
        yield
    finally:
        _HELD.clear()
        _HELD.update(before)

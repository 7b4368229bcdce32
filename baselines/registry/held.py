"""Backbones that a Python program holds, known by name while it asks for their runs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from baselines.entry import Entry

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
    """Let the registry know some backbones by their names, in this process, for the duration of the context."""
    before = dict(_HELD)
    _HELD.update((entry.name, entry) for entry in entries)
    try:
        yield
    finally:
        _HELD.clear()
        _HELD.update(before)

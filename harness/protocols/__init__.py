"""Protocols: how frozen features become predictions. To add one: a file here and a line in `PROTOCOLS`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.protocols import knn, linear_probe
from harness.records import LabelKind, Material, Outcome


@dataclass(frozen=True)
class ProtocolEntry:
    """A protocol with the settings it runs with; they are part of a run's identity."""

    settings: Any
    """A frozen dataclass with a `version`; JSON-able."""
    function: Callable[[Material, Any, int], Outcome]
    label_kinds: frozenset[LabelKind]


_CLASSIFICATION = frozenset({LabelKind.SINGLE_LABEL, LabelKind.MULTI_LABEL})

PROTOCOLS: dict[str, ProtocolEntry] = {
    "linear_probe": ProtocolEntry(linear_probe.LinearProbeSettings(), linear_probe.linear_probe, _CLASSIFICATION),
    "knn": ProtocolEntry(knn.KnnSettings(), knn.knn, _CLASSIFICATION),
}

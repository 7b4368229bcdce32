"""One dataset, embedded: what all questions about it are answered from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.multimodal.questions import Channels, Seen
from harness.multimodal.vectors import SharedVectors
from harness.records.labels import LabelKind


@dataclass(frozen=True, kw_only=True)
class Described:
    """What is known of a dataset before any image is embedded."""

    name: str
    suite: str
    kind: LabelKind
    class_names: tuple[str, ...]
    metric: str
    """The headline metric of its labels."""
    channels: Channels
    """The modalities and channels of the model that it has."""
    configuration: Mapping[str, Any]
    """JSON-able: what decides its numbers beside the question and the seed."""

    @property
    def everything(self) -> Seen:
        return Seen(tuple(self.channels))

    def asks_the_same_as(self, other: "Described") -> bool:
        """Whether a probe of one can be tested on the other: the same labels, and modalities of the same names."""
        ours, theirs = ((one.kind, one.class_names, one.metric, tuple(one.channels)) for one in (self, other))
        return ours == theirs


@dataclass(frozen=True, eq=False, kw_only=True)
class Material:
    """Images of train and test that have every modality, in the shared space, with their labels."""

    described: Described
    train: SharedVectors
    numbers: np.ndarray
    """(n_train, K) float64: the labels of train (`harness.protocols.image.numeric_labels.numbers_of`)."""
    test: SharedVectors
    targets: np.ndarray
    """Labels of test, as `harness.tasks` holds them."""
    places: np.ndarray | None
    """(n_test, 2) longitude and latitude in degrees, NaN = not known; None: nobody says."""

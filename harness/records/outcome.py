"""What protocols return, and what they were tuned to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # the command line imports this file and must not wait for torch
    from baselines.meter import NetworkInput


@dataclass(frozen=True, kw_only=True)
class Range:
    """Where a number is searched for when a protocol is tuned."""

    low: float
    high: float
    log: bool = False
    """Whether its order of magnitude is what is searched for."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """The settings a run uses, and how they were chosen."""

    settings: Any
    ran_with: Mapping[str, Any] = field(default_factory=dict)
    """`chosen`: the parameters; `study`: an entry a trial, in order, with number, state, parameters, value (the best on
    valid) and how often it was judged. Empty if nothing was tuned."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a protocol returns: predictions over whole splits, never metrics."""

    valid_scores: np.ndarray
    """(n_valid, K) float64 class probabilities (each label on its own if multi-label). Of masks the decision alone is
    kept: (n_valid, H, W) uint8 predicted classes. Numbers of images, areas among them: (n_valid, K) float64; of pixels:
    (n_valid, H, W) float32."""
    test_scores: np.ndarray
    """The same of the test split."""
    ran_with: Mapping[str, Any] = field(default_factory=dict)
    """What was chosen on the way (for example the regularisation), JSON-able."""
    n_labels_fit: int
    """Labelled samples used to fit the reported predictor."""
    n_labels_select: int
    """Further labelled samples used to choose it; 0 if nothing was chosen."""
    network_input: "NetworkInput | None" = None
    """What entered the backbone, measured over train, by a protocol that runs it; None: it got features."""

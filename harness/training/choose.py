"""Which of the networks a training passes through is kept: the best on valid, or the last."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor, nn

from harness.errors import UserError
from harness.training.network import snapshot


class Trained(Protocol):
    """A training under way."""

    @property
    def network(self) -> nn.Module: ...

    @property
    def n_updates(self) -> int:
        """It will make in all."""
        ...

    def run(self) -> Iterator[int]:
        """Trains; yields the number of updates made whenever it is time to look at valid, and after the last."""
        ...


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The network that is kept."""

    n_updates: int
    weights: Mapping[str, Tensor]
    valid_scores: np.ndarray
    """Its predictions for valid."""
    curve: list[float | None]
    """The headline metric on valid at each evaluation, the negative of an error, to six digits; None: undefined. Empty
    if nothing was judged."""


def train_and_choose(
    training: Trained,
    *,
    predict: Callable[[], np.ndarray],
    judge: Callable[[np.ndarray], float],
    choosing: bool,
    agreeing: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Chosen:
    """Train to the end and keep the best network, of equals the earliest; or, if not `choosing`, the last.

    Args:
        predict: of valid, by the network as it is.
        judge: the headline metric of these predictions, minus infinity if undefined.
        agreeing: around what each of several processes does by itself, as `Devices.agreeing`.
    Raises:
        UserError: the metric was undefined every time.
    """
    best: Chosen | None = None
    best_score = -np.inf
    curve: list[float | None] = []
    for n_updates in training.run():
        if not choosing and n_updates < training.n_updates:
            continue
        predicted = predict()
        with agreeing():
            score = judge(predicted) if choosing else np.inf
            if choosing:
                curve.append(float(f"{score:.6g}") if np.isfinite(score) else None)
            if score > best_score:
                best_score, weights = score, snapshot(training.network)
                best = Chosen(n_updates=n_updates, weights=weights, valid_scores=predicted, curve=curve)
    if best is None:
        raise UserError(
            "the headline metric is undefined on the valid split (no labelled pixel, no positive label, or a number "
            "that never varies?), so no network can be chosen by it. Pass --select none, which keeps the last"
        )
    return best

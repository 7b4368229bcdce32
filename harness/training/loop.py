"""The training loop: whatever is trained by AdamW, a backbone as a whole or a head alone, is trained by this one.

A caller takes the network from it whenever it is judged, and stops when it likes. What differs between trainings comes
from outside: the batches, how a batch becomes gradients, the rate of each update.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from harness.errors import UserError
from harness.records.progress import Silent, Step
from harness.training.devices import Devices
from harness.training.groups import parameters_of, set_rate

Batch = TypeVar("Batch")


class DivergedError(UserError):
    """The loss is no number any more. A trial of tuning that meets it is lost, not the tuning."""


def train(
    optimizer: torch.optim.Optimizer,
    batches: Iterator[Batch],
    set_gradients: Callable[[Batch], Tensor | None],
    *,
    rates: Sequence[float],
    looks: Collection[int],
    devices: Devices,
    step: Step | None = None,
) -> Iterator[int]:
    """Make an update of each batch; yields how many are made whenever it is time to look at the network.

    Args:
        optimizer: AdamW over groups of `groups`.
        batches: at least as many as rates; of several processes each gets its own share.
        set_gradients: of the loss of a batch, () in return; None: it was not computed, so nobody asks whether it is a
            number.
        rates: the learning rate of every update, of which there are thus so many.
        looks: numbers of updates after which to yield.
        devices: adds up gradients and losses of several processes; what goes wrong in one has gone wrong in all.
        step: told of every update.
    Raises:
        DivergedError: a loss is not finite.
    """
    told = step or Silent()
    for update, rate in enumerate(rates):
        set_rate(optimizer, rate)
        with devices.agreeing():
            loss = set_gradients(next(batches))
        devices.add_gradients(parameters_of(optimizer))
        if loss is not None:
            _check_loss(devices.total(loss), update, rates)
        with devices.agreeing():  # its first step makes room for two more numbers a weight
            optimizer.step()
        told.advance()
        if update + 1 in looks:
            yield update + 1


def _check_loss(loss: float, update: int, rates: Sequence[float]) -> None:
    """Refuse a loss that is no number: nothing can be learned from it any more."""
    if not np.isfinite(loss):
        raise DivergedError(
            f"the loss is {loss} after {update} of {len(rates)} updates at a rate of up to {max(rates):.2g}. Look for "
            "broken weights; fine_tune can also choose a lower rate, by --trials 16"
        )


def draw_batches(n: int, size: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """(size,) int64 rows of n, batch after batch: shuffled epochs without a gap between them. Ends never."""
    rows = np.empty(0, np.int64)
    while True:
        while len(rows) < size:
            rows = np.concatenate([rows, torch.randperm(n, generator=generator).numpy()])
        yield rows[:size]
        rows = rows[size:]

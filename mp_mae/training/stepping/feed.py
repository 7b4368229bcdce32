"""The micro-batches of this process, as the model takes them, and over how many values the losses of their step run.

A loss is a mean over all valid values of the step, of every process and micro-batch. How many those are is known from
targets and masks alone, so the micro-batches of a step are read before its first forward pass; while the model works,
those of the next step take their places.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mp_mae.data.loader import Loader, training_requests
from mp_mae.data.prepare import Batch
from mp_mae.objective import Objective
from mp_mae.training.plan import TrainingPlan
from mp_mae.training.setup import Training

DRAW_STREAM = 2
"""Random stream of one (seed, step); the data's streams of one (seed, epoch) are 0 and the odd ones."""


@dataclass(frozen=True, eq=False)
class _Taken:
    inputs: tuple[Any, ...]
    counts: Tensor | None
    """(T,) as `Objective.counts` has them."""


class Feed:
    """Micro-batches from one step on, in order."""

    def __init__(self, training: Training, first: int, batches: Iterator[Batch]) -> None:
        self.batches = batches
        """As they were read, for objectives that compare all tiles of a step."""
        self._training = training
        self._coming = self._inputs(first)
        self._read: deque[_Taken] = deque()
        self._counted = training.plan.order.processes * training.plan.order.accumulation > 1
        self._waited = 0.0

    def mean_counts(self) -> Tensor | None:
        """(T,) what each loss of the step's micro-batches is divided by: the step's valid values over the number of
        its micro-batches, of all processes. None where the step is one micro-batch, or where counts are known with
        the predictions alone.

        Called at the beginning of a step.
        """
        order = self._training.plan.order
        self._read_up_to(1)
        if self._read[0].counts is None:
            return None
        self._read_up_to(order.accumulation)
        own = torch.stack([taken.counts for taken in self._read if taken.counts is not None]).sum(0)
        summed: Tensor = self._training.accelerator.reduce(own, "sum")
        return summed / (order.processes * order.accumulation)

    def take(self) -> tuple[Any, ...]:
        """What the model is called with for the next micro-batch."""
        self._read_up_to(1)
        return self._read.popleft().inputs

    def read_ahead(self) -> None:
        """Read one more micro-batch in the place of the one that was taken, where the next step needs its counts."""
        if self._read and self._read[0].counts is not None:
            self._read_up_to(len(self._read) + 1)

    def seconds_waited(self) -> float:
        """Time spent waiting for data since this was asked last."""
        waited, self._waited = self._waited, 0.0
        return waited

    def _read_up_to(self, n: int) -> None:
        while len(self._read) < n and (taken := next(self._coming, None)):
            self._read.append(taken)

    def _inputs(self, first: int) -> Iterator[_Taken]:
        plan, model = self._training.plan, self._training.model
        for step in range(first, plan.total_steps):
            for drawn in step_draws(plan, model, step):
                asked = time.perf_counter()
                batch = next(self.batches)
                self._waited += time.perf_counter() - asked
                inputs = model.inputs(batch.input, batch.targets, drawn)
                yield _Taken(inputs, model.counts(*inputs) if self._counted else None)


def read_batches(training: Training, first: int, end: int) -> Generator[Batch, None, None]:
    """This process's micro-batches of the steps first .. end - 1, read in the background."""
    plan = training.plan
    loader = Loader(
        plan.files,
        capacity=plan.order.micro_batch * plan.objective.crops_per_tile,
        crop=plan.crop,
        device=training.accelerator.device,
        workers=plan.settings.workers,
    )
    requests = training_requests(
        plan.files,
        plan.rows,
        plan.order,
        first,
        end,
        crop=plan.crop,
        crops_per_tile=plan.objective.crops_per_tile,
        turn=plan.settings.turn,
    )
    yield from loader.batches(requests)


def step_draws(plan: TrainingPlan, model: Objective, step: int) -> list[Tensor]:
    """This process's random numbers of one step, (micro_batch, ...) for each micro-batch.

    Drawn for all positions of the global batch, so that a sample's numbers do not depend on who works on it.
    """
    order = plan.order
    seed = np.random.SeedSequence((plan.settings.seed, step, DRAW_STREAM)).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(seed) >> 1)  # torch wants 63 bits
    drawn = model.draw(generator, order.global_batch, plan.crop)
    assert len(drawn) == order.global_batch, "an objective draws for every tile of the step"
    share = order.global_batch // order.processes
    own = drawn[order.rank * share : (order.rank + 1) * share]
    return list(own.split(order.micro_batch))

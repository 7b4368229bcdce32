"""The gradient of a loss that compares all tiles of a step: of all micro-batches, of all processes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from mp_mae.data.prepare import Batch
from mp_mae.objective import CachedGradient, ComparingObjective, LossReport
from mp_mae.training.setup import Training
from mp_mae.training.stepping.leave import StopWish


def add_step_gradients(
    training: Training, model: ComparingObjective, draws: Sequence[Tensor], batches: Iterator[Batch], wish: StopWish
) -> tuple[LossReport, float]:
    """Gradients of the whole step at the parameters. Returns its losses, and the seconds without data.

    Averaged over processes, as they are when this returns, gradients are those of the loss of all tiles of the step.

    Args:
        draws: this process's random numbers, (micro_batch, ...) for each micro-batch.
    Raises:
        StepGivenUpError: somebody wished to stop.
    """
    inputs: list[tuple[Any, ...]] = []
    here: list[Tensor] = []
    waited = 0.0
    for drawn in draws:
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        inputs.append(model.inputs(batch.input, batch.targets, drawn))
        here.append(training.places_of(batch.rows))
    if len(inputs) == 1 and training.accelerator.num_processes == 1:
        report: LossReport = training.parallel(inputs[0], here[0], None)
        training.accelerator.backward(report.total)
        return report, waited
    report, cached = compare_step(training, model, inputs, torch.cat(here), wish)
    for index, (each, gradient) in enumerate(zip(inputs, cached, strict=True)):
        is_last = index + 1 == len(inputs)
        if index:
            wish.leave_if_asked(is_last=is_last)
        with nullcontext() if is_last else training.accelerator.no_sync(training.parallel):
            training.accelerator.backward(training.parallel(each, None, gradient))
    return report, waited


def compare_step(
    training: Training, model: ComparingObjective, inputs: Sequence[tuple[Any, ...]], places: Tensor, wish: StopWish
) -> tuple[LossReport, list[CachedGradient]]:
    """The losses of a step, the same in every process, and their gradient at each micro-batch of this one.

    Args:
        inputs: of each micro-batch of this process.
        places: (n, 3) of the tiles of this process.
    """
    accelerator = training.accelerator
    with torch.no_grad(), accelerator.autocast():
        embedded = torch.cat(_embed_each(model, inputs, wish))
        known = torch.cat([model.known(*each) for each in inputs])
    share, rank = len(embedded), accelerator.process_index
    of_all = accelerator.gather(embedded).detach().requires_grad_()
    report = model.compare_exactly(of_all, accelerator.gather(known), accelerator.gather(places))
    at_embedded, at_parameters = _gradients(model, report.total, of_all)
    own = at_embedded[rank * share : (rank + 1) * share] * accelerator.num_processes
    at_each = {name: gradient / len(inputs) for name, gradient in at_parameters.items()}
    cached = [CachedGradient(embedded=part, parameters=at_each) for part in own.split(share // len(inputs))]
    return replace(report, total=report.total.detach()), cached


def _embed_each(model: ComparingObjective, inputs: Sequence[tuple[Any, ...]], wish: StopWish) -> list[Tensor]:
    embedded: list[Tensor] = []
    for each in inputs:
        if embedded:
            wish.leave_if_asked(is_last=len(embedded) + 1 == len(inputs))
        embedded.append(model.embed(*each))
    return embedded


def _gradients(model: ComparingObjective, total: Tensor, embedded: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Gradients of the loss at the embeddings, and at the parameters that the comparison uses."""
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    first, *others = torch.autograd.grad(total, [embedded, *named.values()], allow_unused=True)
    return first, {name: found for name, found in zip(named, others, strict=True) if found is not None}

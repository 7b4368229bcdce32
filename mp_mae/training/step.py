"""One optimizer step: random numbers, micro-batches, what all processes together found, update.

What a step computes depends on the settings, the seed and the step alone: its samples, crops and random numbers are
drawn for the whole batch, whoever works on which part. Losses are means over the valid values of the whole step
(`mp_mae.training.stepping.feed`), so that neither the micro-batch nor the number of processes is part of what is
learnt. Where an objective counts values with its predictions alone, they are means over the micro-batches that all
processes work on at the same time.
"""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from mp_mae.errors import NonFiniteLossError, UserError
from mp_mae.objective import ComparingObjective, LossReport
from mp_mae.training.comparing.gradients import add_step_gradients
from mp_mae.training.log import StepRecord
from mp_mae.training.processes.launch import widest_float
from mp_mae.training.setup import Training
from mp_mae.training.stepping.feed import Feed, step_draws
from mp_mae.training.stepping.leave import StopWish


@dataclass(frozen=True, kw_only=True)
class StepEnd:
    """How a step ended, the same in every process."""

    record: StepRecord
    stopped: bool
    """Whether any process was told to stop."""
    save: bool
    """Whether the first process wants to save what was reached."""


def take_step(training: Training, step: int, feed: Feed, wish: StopWish, save: Callable[[], bool]) -> StepEnd:
    """One optimizer step.

    Args:
        save: whether this process wants to save after it.
    Raises:
        NonFiniteLossError: before the model is touched; its gradients are there to be forgotten.
        StepGivenUpError: likewise.
        UserError: a parameter that is trained got no gradient, or there was nothing to learn from.
    """
    plan, began = training.plan, time.perf_counter()
    if isinstance(training.model, ComparingObjective):
        draws = step_draws(plan, training.model, step)
        report, waited = add_step_gradients(training, training.model, draws, feed.batches, wish)
        reports, of_step = [report], False
    else:
        reports, of_step = add_gradients(training, feed, wish)
        waited = feed.seconds_waited()
    norm = nn.utils.get_total_norm(_gradients(training))
    wishes = norm.new_tensor([wish.here(), save()], dtype=widest_float(norm.device))
    sums = sum_over_processes(training.accelerator, reports, norm, wishes, of_step=of_step)
    _check_finite(sums, step)
    _check_learnt_from(training, sums, step)
    update(training, plan.rate(step), norm)
    seconds = time.perf_counter() - began
    record = StepRecord(
        step=step + 1,
        epoch=(step + 1) / plan.order.steps_per_epoch,
        rate=plan.rate(step),
        total=sums.total,
        losses=sums.losses,
        gradient_norm=sums.gradient_norm,
        images_per_second=plan.order.global_batch / seconds,
        waiting=waited / seconds,
        memory_mb=_memory_mb(training.accelerator.device),
        watched={name: float(value) for name, value in reports[-1].watched.items()},
    )
    return StepEnd(record=record, stopped=sums.wishes[0], save=sums.wishes[1])


def add_gradients(training: Training, feed: Feed, wish: StopWish) -> tuple[list[LossReport], bool]:
    """Forward and backward of every micro-batch of this process, and whether losses are means over the whole step.

    With the last micro-batch, gradients are averaged over processes.
    """
    accelerator, accumulation = training.accelerator, training.plan.order.accumulation
    reports: list[LossReport] = []
    counts = feed.mean_counts()
    share = _share_counts(accelerator) if counts is None else _always(counts)
    for index in range(accumulation):
        is_last = index + 1 == accumulation
        if index:
            wish.leave_if_asked(is_last=is_last)
        inputs = feed.take()
        with nullcontext() if is_last else accelerator.no_sync(training.parallel):
            report: LossReport = training.parallel(*inputs, share)
            accelerator.backward(report.total / accumulation)
        reports.append(report)
        del inputs
        feed.read_ahead()
    return reports, counts is not None


@dataclass(frozen=True, kw_only=True)
class StepSums:
    """What all processes together found in one step, as numbers."""

    total: float
    losses: dict[str, float | None]
    gradient_norm: float
    non_finite: tuple[str, ...]
    """Losses that are infinite or not a number."""
    wishes: tuple[bool, ...]
    """Whether any process has each of the wishes."""


def sum_over_processes(
    accelerator: Accelerator, reports: list[LossReport], norm: Tensor, wishes: Tensor, *, of_step: bool
) -> StepSums:
    """One exchange between processes, and a wait for the device.

    Of M micro-batches and T losses, every process sends (M, T) means, (M, T) counts, (M,) totals and its wishes.

    Args:
        wishes: in the type that everything is sent in (`widest_float`).
        of_step: whether each micro-batch's losses were divided by its share of the step's counts, not by its own.
    """
    names = reports[0].names
    sent = (
        torch.stack([report.means for report in reports]).to(wishes.dtype),
        torch.stack([report.counts for report in reports]).to(wishes.dtype),
        torch.stack([report.total.detach() for report in reports]).to(wishes.dtype),
        wishes,
    )
    summed = accelerator.reduce(torch.cat([part.flatten() for part in sent]), "sum").cpu()
    parts = summed.split([part.numel() for part in sent])
    means, counts, totals, wanted = (part.view(like.shape) for part, like in zip(parts, sent, strict=True))
    # A process divides by the counts that all share, so the mean over processes is that of the common micro-batch.
    means = means / accelerator.num_processes
    n_valid = counts.sum(0)
    losses = means.mean(0) if of_step else torch.where(counts > 0, means * counts, 0).sum(0) / n_valid
    return StepSums(
        total=float(totals.mean() / accelerator.num_processes),
        losses={
            name: float(loss) if valid else None for name, loss, valid in zip(names, losses, n_valid > 0, strict=True)
        },
        gradient_norm=float(norm),
        non_finite=tuple(name for name, fine in zip(names, means.isfinite().all(0), strict=True) if not fine),
        wishes=tuple((wanted > 0).tolist()),
    )


def update(training: Training, rate: float, norm: Tensor) -> None:
    """Change the parameters by their gradients of this L2 norm, and forget the gradients."""
    optimizer, clip_norm = training.optimizer, training.plan.settings.clip_norm
    for group in optimizer.param_groups:
        group["lr"] = rate
    if clip_norm:
        nn.utils.clip_grads_with_norm_(_parameters(training), clip_norm, norm)
    optimizer.step()
    optimizer.zero_grad()


def _parameters(training: Training) -> list[nn.Parameter]:
    """The parameters that are trained, in the optimizer's order."""
    return [parameter for group in training.optimizer.param_groups for parameter in group["params"]]


def _gradients(training: Training) -> list[Tensor]:
    """The gradient of every parameter that is trained. Without one it has no moments, and no checkpoint would do."""
    missing = [name for name, p in training.model.named_parameters() if p.requires_grad and p.grad is None]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise UserError(
            f"objective {training.plan.settings.objective}: wanted a gradient of every parameter, {listed} got none. "
            "Have the loss use them, or freeze them with requires_grad_(False)."
        )
    return [p.grad for p in _parameters(training) if p.grad is not None]


def _check_finite(sums: StepSums, step: int) -> None:
    if sums.non_finite:
        found = f"the loss of {', '.join(sums.non_finite)} is not finite"
    elif not np.isfinite(sums.total):
        found = "the losses are finite, but their weighted total is not"
    elif not np.isfinite(sums.gradient_norm):
        found = "the losses are finite, but their gradient is not"
    else:
        return
    raise NonFiniteLossError(f"step {step + 1}: {found}")


def _check_learnt_from(training: Training, sums: StepSums, step: int) -> None:
    """Refuses a first batch without a single value. A later one is an accident: a step that changes next to nothing."""
    if training.optimizer.state or any(loss is not None for loss in sums.losses.values()):
        return
    plan = training.plan
    wanted = "values for two" if isinstance(training.model, ComparingObjective) else "a value for any"
    raise UserError(
        f"step {step + 1}: none of the {plan.order.global_batch} tiles has {wanted} of the modalities "
        f"{', '.join(plan.modalities)}, so nothing can be learnt. Choose others, or a larger batch."
    )


def _share_counts(accelerator: Accelerator) -> Callable[[Tensor], Tensor] | None:
    """Mean over processes of the numbers of valid targets; one process has nobody to share with."""
    if accelerator.num_processes == 1:
        return None
    return lambda counts: accelerator.reduce(counts, "sum") / accelerator.num_processes


def _always(counts: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda own: counts


def _memory_mb(device: torch.device) -> float:
    """Most memory used so far; NaN where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    if sys.platform == "win32":
        return float("nan")
    import resource  # noqa: PLC0415 - not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

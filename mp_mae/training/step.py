"""One optimizer step: random numbers, micro-batches, what all processes together found, update.

What a step computes depends on the settings, the seed and the step alone: its samples, crops and random numbers are
drawn for the whole batch, whoever works on which part. Losses are means over the valid values of the micro-batches
that all processes work on at the same time; where a process works on several after one another, their gradients are
averaged.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from mp_mae.data.prepare import Batch
from mp_mae.errors import NonFiniteLossError, UserError
from mp_mae.objective import ComparingObjective, LossReport, Objective
from mp_mae.training.comparing.gradients import add_step_gradients
from mp_mae.training.export import CHECKPOINTS
from mp_mae.training.log import StepRecord
from mp_mae.training.plan import TrainingPlan
from mp_mae.training.setup import Training
from mp_mae.training.state import newest_state

DRAW_STREAM = 2
"""Random stream of one (seed, step); the data's streams of one (seed, epoch) are 0 and the odd ones."""


def take_step(
    training: Training, step: int, batches: Iterator[Batch], stop: Callable[[], bool]
) -> tuple[StepRecord, bool]:
    """One optimizer step. Returns its record, and whether any process was told to stop.

    Raises:
        NonFiniteLossError: before the model is touched.
        UserError: a parameter that is trained got no gradient, or there was nothing to compare.
    """
    plan, began = training.plan, time.perf_counter()
    draws = step_draws(plan, training.model, step)
    if isinstance(training.model, ComparingObjective):
        report, waited = add_step_gradients(training, training.model, draws, batches)
        reports = [report]
    else:
        reports, waited = add_gradients(training, draws, batches)
    norm = nn.utils.get_total_norm(_gradients(training))
    sums = sum_over_processes(training.accelerator, reports, norm, stop())
    _check_finite(sums, step, training.out)
    if isinstance(training.model, ComparingObjective):
        _check_comparable(sums, step, plan)
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
    return record, sums.stopped


def add_gradients(
    training: Training, draws: Sequence[Tensor], batches: Iterator[Batch]
) -> tuple[list[LossReport], float]:
    """Forward and backward of every micro-batch of this process. Returns their losses, and the seconds without data.

    With the last micro-batch, gradients are averaged over processes.

    Args:
        draws: this process's random numbers, (micro_batch, ...) for each micro-batch.
    """
    accelerator, accumulation = training.accelerator, training.plan.order.accumulation
    reports: list[LossReport] = []
    waited = 0.0
    for index, drawn in enumerate(draws):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        is_last = index + 1 == accumulation
        with nullcontext() if is_last else accelerator.no_sync(training.parallel):
            inputs = training.model.inputs(batch.input, batch.targets, drawn)
            report: LossReport = training.parallel(*inputs, _share_counts(accelerator))
            accelerator.backward(report.total / accumulation)
        reports.append(report)
    return reports, waited


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


@dataclass(frozen=True, kw_only=True)
class StepSums:
    """What all processes together found in one step, as numbers."""

    total: float
    losses: dict[str, float | None]
    gradient_norm: float
    non_finite: tuple[str, ...]
    """Losses that are infinite or not a number."""
    stopped: bool


def sum_over_processes(accelerator: Accelerator, reports: list[LossReport], norm: Tensor, stop: bool) -> StepSums:
    """One exchange between processes, and the step's only wait for the device.

    Of M micro-batches and T losses, every process sends (M, T) means, (M, T) counts, (M,) totals and its wish to stop.
    """
    names = list(reports[0].by_task)
    sent = (
        _table(names, (report.by_task for report in reports)),
        _table(names, (report.n_valid for report in reports)),
        torch.stack([report.total.detach() for report in reports]).double(),
        norm.new_tensor([stop], dtype=torch.float64),
    )
    summed = accelerator.reduce(torch.cat([part.flatten() for part in sent]), "sum").cpu()
    parts = summed.split([part.numel() for part in sent])
    means, counts, totals, stops = (part.view(like.shape) for part, like in zip(parts, sent, strict=True))
    # A process divides by the counts that all share, so the mean over processes is that of the common micro-batch.
    means = means / accelerator.num_processes
    n_valid = counts.sum(0)
    losses = torch.where(counts > 0, means * counts, 0).sum(0) / n_valid
    return StepSums(
        total=float(totals.mean() / accelerator.num_processes),
        losses={
            name: float(loss) if valid else None for name, loss, valid in zip(names, losses, n_valid > 0, strict=True)
        },
        gradient_norm=float(norm),
        non_finite=tuple(name for name, fine in zip(names, means.isfinite().all(0), strict=True) if not fine),
        stopped=bool(stops > 0),
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


def _table(names: list[str], rows: Iterable[Mapping[str, Tensor]]) -> Tensor:
    """Scalars by name of every micro-batch: (M, T) float64."""
    return torch.stack([torch.stack([row[name] for name in names]).double() for row in rows])


def _check_finite(sums: StepSums, step: int, out: Path) -> None:
    if sums.non_finite:
        found = f"the loss of {', '.join(sums.non_finite)} is not finite"
    elif not np.isfinite(sums.total):
        found = "the losses are finite, but their weighted total is not"
    elif not np.isfinite(sums.gradient_norm):
        found = "the losses are finite, but their gradient is not"
    else:
        return
    newest = newest_state(out / CHECKPOINTS)
    kept = f"The newest checkpoint, {newest.folder}, is from before." if newest else "There is no checkpoint yet."
    raise NonFiniteLossError(
        f"step {step + 1}: {found}; the training stopped before using it. {kept} "
        "Start again with a smaller base_rate or with clip_norm=1."
    )


def _check_comparable(sums: StepSums, step: int, plan: TrainingPlan) -> None:
    if all(loss is None for loss in sums.losses.values()):
        raise UserError(
            f"step {step + 1}: none of the {plan.order.global_batch} tiles has values for two of the modalities "
            f"{', '.join(plan.modalities)}, so nothing can be compared. Choose others, or a larger batch."
        )


def _share_counts(accelerator: Accelerator) -> Callable[[Tensor], Tensor] | None:
    """Mean over processes of the numbers of valid targets; one process has nobody to share with."""
    if accelerator.num_processes == 1:
        return None
    return lambda counts: accelerator.reduce(counts, "sum") / accelerator.num_processes


def _memory_mb(device: torch.device) -> float:
    """Most memory used so far; NaN where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    if sys.platform == "win32":
        return float("nan")
    import resource  # noqa: PLC0415 - not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

"""One optimizer step: masks, micro-batches, what all processes together found, update.

What a step computes depends on the settings, the seed and the step alone: its samples, crops and masks are drawn for
the whole batch, whoever works on which part. Losses are means over the valid values of the micro-batches that all
processes work on at the same time; where a process works on several after one another, their gradients are averaged.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from mp_mae.data.prepare import Batch
from mp_mae.errors import UserError
from mp_mae.masking import Mask, mask_from_noise
from mp_mae.model import LossReport
from mp_mae.training.export import CHECKPOINTS
from mp_mae.training.log import StepRecord
from mp_mae.training.plan import TrainingPlan
from mp_mae.training.setup import Training
from mp_mae.training.state import newest_state

MASK_STREAM = 2
"""Random stream of one (seed, step); the data's streams of one (seed, epoch) are 0 and 1."""


class NonFiniteLossError(UserError):
    """A loss or the gradient became infinite or not a number. Nothing of that step was kept."""


def take_step(
    training: Training, step: int, batches: Iterator[Batch], stop: Callable[[], bool]
) -> tuple[StepRecord, bool]:
    """One optimizer step. Returns its record, and whether any process was told to stop.

    Raises:
        NonFiniteLossError: before the model is touched.
    """
    accelerator, plan, optimizer = training.accelerator, training.plan, training.optimizer
    accumulation = plan.order.accumulation
    began, waited = time.perf_counter(), 0.0
    reports: list[LossReport] = []
    for index, mask in enumerate(step_masks(plan, step)):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        is_last = index + 1 == accumulation
        with nullcontext() if is_last else accelerator.no_sync(training.parallel):
            there = mask.to(accelerator.device)
            report: LossReport = training.parallel(batch.input, batch.targets, there, _share_counts(accelerator))
            accelerator.backward(report.total / accumulation)
        reports.append(report)
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    sums = sum_over_processes(accelerator, reports, norm, stop())
    _check_finite(sums, step, training.out)
    rate = plan.rate(step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    if plan.settings.clip_norm:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grads_with_norm_(parameters, plan.settings.clip_norm, norm)
    optimizer.step()
    optimizer.zero_grad()
    seconds = time.perf_counter() - began
    record = StepRecord(
        step=step + 1,
        epoch=(step + 1) / plan.order.steps_per_epoch,
        rate=rate,
        total=sums.total,
        losses=sums.losses,
        gradient_norm=sums.gradient_norm,
        images_per_second=plan.order.global_batch / seconds,
        waiting=waited / seconds,
        memory_mb=_memory_mb(accelerator.device),
    )
    return record, sums.stopped


def step_masks(plan: TrainingPlan, step: int) -> list[Mask]:
    """This process's masks of one step, a micro-batch each.

    Drawn for all positions of the global batch, so that a sample's mask does not depend on who works on it.
    """
    order = plan.order
    seed = np.random.SeedSequence((plan.settings.seed, step, MASK_STREAM)).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(seed) >> 1)  # torch wants 63 bits
    noise = torch.randn(order.global_batch, plan.n_patches, generator=generator)
    share = order.global_batch // order.processes
    own = noise[order.rank * share : (order.rank + 1) * share]
    return [mask_from_noise(part, plan.model.mask_ratio) for part in own.split(order.micro_batch)]


@dataclass(frozen=True, kw_only=True)
class StepSums:
    """What all processes together found in one step, as numbers."""

    total: float
    losses: dict[str, float | None]
    gradient_norm: float
    non_finite: tuple[str, ...]
    """Tasks with a loss that is infinite or not a number."""
    stopped: bool


def sum_over_processes(accelerator: Accelerator, reports: list[LossReport], norm: Tensor, stop: bool) -> StepSums:
    """One exchange between processes, and the step's only wait for the device."""
    names = list(reports[0].by_task)
    shape = (len(reports), len(names))
    means = [report.by_task[name] for report in reports for name in names]
    counts = [report.n_valid[name] for report in reports for name in names]
    totals = [report.total.detach() for report in reports]
    flag = norm.new_tensor(float(stop))
    packed = torch.stack([value.double() for value in (*means, *counts, *totals, flag)])
    summed = accelerator.reduce(packed, "sum").cpu()
    n = len(means)
    mean = summed[:n].view(shape) / accelerator.num_processes
    count = summed[n : 2 * n].view(shape)
    weighted = torch.where(count > 0, mean * count, 0).sum(0) / count.sum(0)
    return StepSums(
        total=float(summed[2 * n : -1].mean() / accelerator.num_processes),
        losses={
            name: float(loss) if valid else None
            for name, loss, valid in zip(names, weighted, count.sum(0) > 0, strict=True)
        },
        gradient_norm=float(norm),
        non_finite=tuple(name for name, fine in zip(names, mean.isfinite().all(0), strict=True) if not fine),
        stopped=bool(summed[-1] > 0),
    )


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

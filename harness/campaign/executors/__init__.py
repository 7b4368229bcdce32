"""`executor_for`: who does the runs. An executor gets work and hands back records or failures, in any order.

It asks its work for groups of jobs when it has room for them, hands back one result for each job that it began, and
ends when there is no more, or when it is told to stop and what it began has ended. It never writes to the leaderboard:
the driver alone does, so a thousand workers need no lock.
"""

from collections.abc import Callable, Generator
from functools import partial

import torch

from baselines.registry.held import find_held
from harness.campaign.dividing.work import Work
from harness.campaign.executors.gpus import run_on_gpus
from harness.campaign.executors.local import run_in_turn
from harness.campaign.executors.on_ray import run_on_ray
from harness.campaign.executors.processes import run_side_by_side
from harness.campaign.request import RunRequest
from harness.execution.workbench import Workbench
from harness.records.job import Result

Executor = Callable[[Work, Workbench], Generator[Result, None, None]]


def executor_for(request: RunRequest, n_processes: int) -> Executor:
    """The executor for what was asked and for this machine.

    Args:
        n_processes: that `accelerate launch` has started, which train together and so in one order.
    """
    if n_processes > 1:
        return run_in_turn
    if request.ray is not None:
        return partial(run_on_ray, asked=request.ray)
    is_held = any(map(find_held, request.backbones))  # and other processes know backbones by name
    if request.device == "cuda" and torch.cuda.device_count() > 1 and not is_held:
        return partial(run_on_gpus, n_gpus=torch.cuda.device_count())
    return run_side_by_side if request.workers > 1 else run_in_turn

"""Where training runs: one device, or one per process of `accelerate launch`, and what processes tell each other."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object, reduce
from torch import Tensor, nn

Item = TypeVar("Item")


class Devices:
    """This process's device and its peers. With one process everything here is a no-op but `autocast`."""

    def __init__(self, device: str) -> None:
        """
        Args:
            device: for a process on its own; of several each takes the one Accelerate gave it.
        """
        state = PartialState(cpu=device == "cpu")
        self.count: int = state.num_processes
        self.rank: int = state.process_index
        self.device: torch.device = torch.device(device) if self.count == 1 else state.device
        self.precision = "bf16" if self.device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision where the device has it; weights and their updates stay in float32."""
        return torch.autocast("cuda", torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def share(self, n: int) -> np.ndarray:
        """This process's part of n samples that all processes know: every `count`-th, as (m,) int64."""
        return np.arange(self.rank, n, self.count)

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make every gradient the sum over processes. One that no sample reached counts as zero."""
        if self.count == 1:
            return
        for parameter in parameters:
            if parameter.requires_grad:
                found = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = reduce(found, reduction="sum")

    def total(self, value: Tensor) -> float:
        """Sum over processes of a scalar."""
        return float(value if self.count == 1 else reduce(value, reduction="sum"))

    def gather(self, items: list[Item]) -> list[Item]:
        """All processes' items, in every process: first all of the first."""
        return items if self.count == 1 else list(gather_object(items))

    def from_first(self, items: list[Item]) -> list[Item]:
        """The first process's items, in every process."""
        if self.count == 1:
            return items
        shared = [items]
        broadcast_object_list(shared)
        return shared[0]

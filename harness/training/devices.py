"""Where training runs: one device, or one per process of `accelerate launch`, and what processes tell each other."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from functools import cache
from typing import TypeVar

import numpy as np
import torch
import torch.distributed
from torch import Tensor, nn

from harness.errors import UserError, as_user_error

Item = TypeVar("Item")

BUCKET = 2**22
"""Numbers sent at a time, 16 MiB: enough that the latency of a message no longer counts."""


class Devices:
    """This process's device and its peers. With one process everything here is a no-op but `autocast`."""

    def __init__(self, device: str) -> None:
        """
        Args:
            device: for a process on its own; of several each takes the one Accelerate gave it.
        """
        from accelerate import PartialState  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

        state = PartialState(cpu=device == "cpu")
        alone = state.num_processes == 1
        self._set(torch.device(device) if alone else state.device, state.num_processes, state.process_index)

    @classmethod
    def alone(cls, device: str) -> "Devices":
        """One device, for what each of several processes trains by itself."""
        devices = cls.__new__(cls)
        devices._set(torch.device(device), 1, 0)
        return devices

    def _set(self, device: torch.device, count: int, rank: int) -> None:
        self.device, self.count, self.rank = device, count, rank
        self.precision = "bf16" if self.device.type == "cuda" and _has_bf16() else "float32"

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision where the device has it; weights and their updates stay in float32."""
        return torch.autocast("cuda", torch.bfloat16) if self.precision == "bf16" else nullcontext()

    def share(self, n: int) -> np.ndarray:
        """This process's part of n samples that all processes know: every `count`-th, as (m,) int64."""
        return np.arange(self.rank, n, self.count)

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make every gradient the sum over processes. One that no sample reached counts as zero.

        They are sent many at a time: each message costs as long as the sending of many numbers.
        """
        if self.count == 1:
            return
        for bucket in _buckets(p for p in parameters if p.requires_grad):
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in bucket]
            summed = add_up(torch.cat([gradient.flatten() for gradient in gradients]))
            for parameter, part in zip(bucket, summed.split([p.numel() for p in bucket]), strict=True):
                parameter.grad = part.view_as(parameter)

    def total(self, value: Tensor) -> float:
        """Sum over processes of a scalar."""
        return float(value if self.count == 1 else add_up(value))

    def gather(self, items: list[Item]) -> list[Item]:
        """All processes' items, in every process: first all of the first. They hold no tensor of a device."""
        if self.count == 1:
            return items
        found: list[list[Item]] = [[] for _ in range(self.count)]
        torch.distributed.all_gather_object(found, items, group=_patient_group())
        return [item for of_process in found for item in of_process]

    def gathered_rows(self, n: int) -> np.ndarray:
        """(n,) int64: which of n samples the items are that `gather` gets if each process gives those of its share."""
        return np.concatenate([np.arange(rank, n, self.count) for rank in range(self.count)])

    def from_first(self, items: list[Item]) -> list[Item]:
        """The first process's items, in every process."""
        if self.count == 1:
            return items
        shared = [items]
        torch.distributed.broadcast_object_list(shared, group=_patient_group())
        return shared[0]

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """Around what each process does by itself: if it goes wrong in one, it has gone wrong in all.

        So none waits for a part that will never come. It ends for all at once, however long one takes.

        Raises:
            Exception: what was raised here.
            UserError: what was raised in another process, which it names, or that one is gone.
        """
        problem = None
        try:
            yield
        except Exception as error:
            if self.count == 1:
                raise
            problem = error
        if self.count == 1:
            return
        try:
            said = self._problems(problem)
        except RuntimeError as lost:
            raise problem or UserError("another of the processes is gone, and its own output says why") from lost
        if problem is not None:
            raise problem
        if said:
            raise UserError(said[0])

    def _problems(self, problem: Exception | None) -> list[str]:
        """What went wrong in any process; one small message if nothing did."""
        found = torch.tensor(int(problem is not None))
        torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX, group=_patient_group())
        if not found:
            return []
        mine = [] if problem is None else [f"process {self.rank}: {_in_one_line(problem)}"]
        return self.gather(mine)


def add_up(values: Tensor) -> Tensor:
    """The sum over processes of tensors of one shape."""
    from accelerate.utils import reduce  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

    return reduce(values, reduction="sum")


@cache
def _patient_group() -> torch.distributed.ProcessGroup:
    """All processes, for words: on the CPU, and with patience, since one may convert a dataset for hours."""
    group = torch.distributed.new_group(backend="gloo", timeout=timedelta(days=7))
    assert not isinstance(group, int), "every process belongs to it"
    return group


def _in_one_line(error: Exception) -> str:
    return " ".join(str(as_user_error(error)).split())


def _has_bf16() -> bool:
    """Whether the GPU computes in bf16 itself. Older ones emulate it, slower than float32."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _buckets(parameters: Iterable[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Lists of tensors in order, as many of one type at a time as `BUCKET` holds, or a single larger one."""
    bucket: list[nn.Parameter] = []
    for parameter in parameters:
        full = sum(p.numel() for p in bucket) + parameter.numel() > BUCKET
        if bucket and (full or parameter.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(parameter)
    if bucket:
        yield bucket

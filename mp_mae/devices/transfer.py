"""Numbers on their way to the device, for which neither the program nor the device waits."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """A small tensor on the device. For a GPU it is copied from pinned memory: from other memory, the program would
    wait until the GPU has done all that it was told before."""
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)


class Transfer(Protocol):
    """Copies of one buffer in this machine's memory, one after another."""

    @property
    def pinned(self) -> bool:
        """Whether the buffer has to be in pinned memory."""

    def start(self, host: Tensor) -> Tensor:
        """The buffer's content on the device, for what the device is told from now on."""

    def wait(self) -> None:
        """Return when the last copy is done, and the buffer may be filled anew."""


class PlainTransfer:
    """A copy that is done when the program goes on. On a CPU the buffer itself is used: whoever fills it anew knows
    that nobody needs it any more."""

    pinned = False

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def start(self, host: Tensor) -> Tensor:
        return host.to(self._device)

    def wait(self) -> None:
        pass


class GpuTransfer:
    """Copies from pinned memory on a stream of their own, while the GPU computes on its usual one."""

    pinned = True

    def __init__(self, device: torch.device, stream: torch.cuda.Stream) -> None:
        self._device = device
        self._stream = stream
        self._done = torch.cuda.Event()

    def start(self, host: Tensor) -> Tensor:
        computing = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._stream):
            there = host.to(self._device, non_blocking=True)
            self._done.record(self._stream)
        computing.wait_event(self._done)
        there.record_stream(computing)  # its memory is free once what uses it there is done
        return there

    def wait(self) -> None:
        self._done.synchronize()


def transfers(device: torch.device, n: int) -> Sequence[Transfer]:
    """One for each of `n` buffers."""
    if device.type != "cuda":
        return [PlainTransfer(device) for _ in range(n)]
    stream = torch.cuda.Stream(device)
    return [GpuTransfer(device, stream) for _ in range(n)]

"""How many images are on a device at a time: as many as fit, found by halving."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from harness.errors import UserError

PIXELS_AT_A_TIME = {"cpu": 2**16, "cuda": 2**21}
"""To begin with, by kind of device: 16 or 512 images of 64 px. More would not stay in the caches of a CPU, and one that
runs out of memory rarely says so."""


class Portions:
    """Cuts batches into portions that fit. Keeps what it learned for the next batch."""

    def __init__(self, device: torch.device, pixels_per_image: int) -> None:
        self.device = device
        self.largest = max(1, PIXELS_AT_A_TIME.get(device.type, PIXELS_AT_A_TIME["cpu"]) // pixels_per_image)
        self.halvings = 0

    def of(self, n: int) -> Iterator[slice]:
        """Consecutive slices of n samples."""
        return (slice(start, min(start + self.largest, n)) for start in range(0, n, self.largest))

    def add_gradients(self, optimizer: torch.optim.Optimizer, n: int, loss_of: Callable[[slice], Tensor]) -> Tensor:
        """Gradients of the loss of n samples, from zero, portion by portion.

        Args:
            loss_of: a portion's share of the loss.
        Returns:
            () the loss.
        """
        loss = torch.zeros((), device=self.device)

        def work() -> None:
            optimizer.zero_grad()
            loss.zero_()
            for portion in self.of(n):
                share = loss_of(portion)
                share.backward()
                loss.add_(share.detach())

        self.attempt(work)
        return loss

    def attempt(self, work: Callable[[], None]) -> None:
        """Do `work`, which cuts by `of`, from its beginning again with half as many if memory runs out.

        Raises:
            UserError: a single image is too much.
        """
        while True:
            try:
                return work()
            except RuntimeError as error:
                from accelerate.utils.memory import should_reduce_batch_size  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

                if not should_reduce_batch_size(error):
                    raise
                if self.largest == 1:
                    raise UserError(
                        f"{self.device}: one image and the gradients of its layers do not fit into memory. Choose a "
                        "smaller backbone, or another --device"
                    ) from error
            # Outside the handler, whose traceback keeps the tensors of the failed attempt alive.
            self.largest //= 2
            self.halvings += 1
            from accelerate.utils.memory import clear_device_cache  # noqa: PLC0415

            clear_device_cache(garbage_collection=True)

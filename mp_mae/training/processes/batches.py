"""How the images of an optimizer step are divided: over processes, and into micro-batches one after another."""

import torch

from mp_mae.errors import UserError
from mp_mae.training.settings import Settings

CPU_MICRO_BATCH = 64
"""More at once is no faster on a CPU and takes more memory."""
LARGEST_MICRO_BATCH = 4096
_USEFUL_MICRO_BATCH = 32


def effective_batch(settings: Settings, n: int, processes: int) -> int:
    """Images of one optimizer step: the batch asked for, or the largest one below that the split and the processes
    allow.

    A smaller one is a multiple of the processes and, where it is large enough, can be cut into micro-batches of a
    useful size on every machine.

    Args:
        n: samples in the training split.
    Raises:
        UserError: fewer samples than processes, or than one micro-batch of each.
    """
    fits = settings.batch % processes == 0 or settings.micro_batch is not None
    if settings.batch <= n and fits:
        return settings.batch
    unit = processes * (settings.micro_batch or 1)
    most = min(settings.batch, n)
    if most < unit:
        found = f"training split has {n} tiles" if n < settings.batch else f"batch has {settings.batch} tiles"
        raise UserError(
            f"The {found}, too few for {processes} processes with "
            f"{settings.micro_batch or 1} at once. Use fewer processes or a smaller micro_batch."
        )
    if settings.micro_batch:
        return most - most % unit
    return useful_batch(most, processes)


def useful_batch(most: int, processes: int) -> int:
    """The largest batch up to `most` whose part of each process can be cut into micro-batches of a useful size."""
    for batch in range(most - most % processes, 0, -processes):
        share = batch // processes
        if share <= CPU_MICRO_BATCH or largest_divisor(share, CPU_MICRO_BATCH) >= _USEFUL_MICRO_BATCH:
            return batch
    return processes


def stored_batch(stored: int, settings: Settings, processes: int) -> int:
    """The batch of a training that is resumed, whatever the number of processes now.

    Raises:
        UserError: it cannot be divided over them.
    """
    if stored % processes:
        fitting = ", ".join(str(n) for n in range(1, 2 * processes) if stored % n == 0)
        raise UserError(
            f"The training that is resumed has batches of {stored} tiles, which cannot be divided over {processes} "
            f"processes. Resume with {fitting}."
        )
    return stored


def choose_micro_batch(settings: Settings, share: int, limit: int, *, stored: int | None, pinned: bool) -> int:
    """Tiles that go through the model at once: those asked for, else those of before, else what fits.

    Args:
        share: tiles of a process in each step.
        limit: that fit, the smallest of all processes: half of what memory holds.
        stored: of the training that is resumed.
        pinned: whether it has to stay because it decides what is learnt.
    """
    if settings.micro_batch:
        return settings.micro_batch
    # Free memory differs a little each time; what was chosen before fits as long as memory holds twice the limit.
    if stored and share % stored == 0 and (pinned or stored <= 2 * limit):
        return stored
    return largest_divisor(share, limit)


def largest_divisor(n: int, limit: int) -> int:
    """Largest divisor of n that is at most `limit`."""
    return next(divisor for divisor in range(min(n, limit), 0, -1) if n % divisor == 0)


def micro_batch_limit(per_tile: int, device: torch.device, *, held: int = 0) -> int:
    """Tiles that go through the model at once: what fills half the free GPU memory; a constant on a CPU.

    Args:
        per_tile: bytes that each takes.
        held: bytes of the step's other tiles, which wait in the same memory.
    """
    if device.type != "cuda":
        return CPU_MICRO_BATCH
    free, _ = torch.cuda.mem_get_info(device)
    fitting = max((free - held) // 2 // per_tile, 1)
    return int(min(2 ** (fitting.bit_length() - 1), LARGEST_MICRO_BATCH))

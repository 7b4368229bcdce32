"""Which samples a training reads, in which order: a function of the seed and the step alone.

An epoch is a permutation of the samples, cut into global batches; what does not fill the last one is left out of that
epoch (each epoch leaves out others). Process r of R works on the r-th R-th of every global batch, in micro-batches one
after another. So the global batches are the same for any number of processes and any micro-batch, and training
resumes at any step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mp_mae.errors import UserError

ORDER_STREAM, CROP_STREAM = 0, 1
"""Independent random streams of one (seed, epoch); further crops of a tile have the odd ones after CROP_STREAM."""


def random_bits(n: int, seed: int, epoch: int, stream: int) -> np.ndarray:
    """(n,) uint64 random bits; element i is the same for every n > i, and for every NumPy version."""
    return np.random.PCG64(np.random.SeedSequence((seed, epoch, stream))).random_raw(n)


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The permutation (n,) int64 of 0 .. n-1 in which an epoch visits its samples."""
    return np.argsort(random_bits(n, seed, epoch, ORDER_STREAM), kind="stable")


@dataclass(frozen=True)
class MicroBatch:
    """What one process pushes through the model at once."""

    step: int
    """Optimizer step, counted from the start of training."""
    epoch: int
    positions: np.ndarray
    """(micro_batch,) int64 positions in the split."""


@dataclass(frozen=True, kw_only=True)
class TrainingOrder:
    """The order of a training. Raises UserError when the batch sizes do not divide or the split is too small."""

    n: int
    """Samples in the split."""
    global_batch: int
    """Samples per optimizer step, over all processes."""
    micro_batch: int
    processes: int = 1
    rank: int = 0
    seed: int

    def __post_init__(self) -> None:
        per_pass = self.micro_batch * self.processes
        if self.micro_batch < 1 or self.global_batch < 1 or self.global_batch % per_pass:
            raise UserError(
                f"The global batch of {self.global_batch} samples is not a multiple of {per_pass}: micro-batches of "
                f"{self.micro_batch} in {self.processes} processes. Choose a multiple."
            )
        if self.n < self.global_batch:
            raise UserError(
                f"The split has {self.n} samples, fewer than one global batch of {self.global_batch}. "
                f"Choose a global batch of at most {self.n}."
            )

    @property
    def steps_per_epoch(self) -> int:
        return self.n // self.global_batch

    @property
    def left_out(self) -> int:
        """Samples that an epoch does not visit because they do not fill a global batch."""
        return self.n % self.global_batch

    @property
    def accumulation(self) -> int:
        """Micro-batches of one process per optimizer step."""
        return self.global_batch // (self.micro_batch * self.processes)

    def micro_batches(self, first_step: int, end_step: int) -> Iterator[MicroBatch]:
        """This process's micro-batches of the steps first_step .. end_step - 1, in order."""
        epoch, order = -1, np.empty(0, np.int64)
        share = self.global_batch // self.processes
        for step in range(first_step, end_step):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                order = epoch_order(self.n, self.seed, epoch)
            start = step % self.steps_per_epoch * self.global_batch + self.rank * share
            for positions in order[start : start + share].reshape(self.accumulation, self.micro_batch):
                yield MicroBatch(step, epoch, positions)


def evaluation_batches(n: int, batch: int, processes: int = 1, rank: int = 0) -> Iterator[np.ndarray]:
    """This process's batches of positions 0 .. n-1; over all processes each position comes exactly once.

    The last batch is smaller if need be, and the number of batches can differ between processes by one.
    """
    for start in range(rank * batch, n, processes * batch):
        yield np.arange(start, min(start + batch, n))

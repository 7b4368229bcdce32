"""Leaving a step that is under way: whoever is told to stop need not wait for its end, and all processes leave at once.

With many micro-batches a step takes minutes, and queues kill a process half a minute after they asked it to stop.
"""

from collections.abc import Callable

import torch
from accelerate import Accelerator


class StepGivenUpError(Exception):
    """A step was left before it changed anything. Every process of the training raises it in the same step."""


class StopWish:
    """Whether somebody asked to stop."""

    def __init__(self, accelerator: Accelerator, asked: Callable[[], bool]) -> None:
        """`asked` is called once a micro-batch, until it says yes."""
        self._accelerator = accelerator
        self._asked = asked
        self._here = False

    def here(self) -> bool:
        """Whether this process was asked."""
        self._here = self._here or self._asked()
        return self._here

    def leave_if_asked(self, *, is_last: bool) -> None:
        """Between two micro-batches: raises StepGivenUpError if any process was asked.

        Processes exchange a word before the last micro-batch (`is_last`), after which they average gradients, and one
        that was asked says so at once: where all are asked, all leave within a micro-batch.
        """
        leave = self.here()
        if self._accelerator.num_processes > 1:
            if not leave and not is_last:
                return
            word = torch.tensor(float(leave), device=self._accelerator.device)
            leave = bool(self._accelerator.reduce(word, "sum") > 0)
        if leave:
            raise StepGivenUpError

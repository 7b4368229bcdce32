"""How much memory a task takes, roughly: what a scheduler has to know so that it does not crowd a machine."""

from harness.campaign.executors.tasks import On, Task
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.extraction.batches import BYTES_ON_CPU

PROCESS = 2**30
"""Bytes of a process that has imported PyTorch, its arrays and copies of a few thousand labels."""
COPIES = 5
"""Times the vectors of a dataset: as stored, and as double precision that is standardised."""
TRAINED = 4
"""Times what a network takes on an image, or a batch: weights, gradients and two moments; or a batch a thread."""


def memory_of(task: Task, workbench: Workbench) -> int:
    """Bytes of memory, on the machine's side; of a backbone that cannot tell, those of the process alone."""
    job = task.example
    try:
        costs, n_images = workbench.costs(job), len(workbench.feature_rows(job))
    except UserError:  # which the task will meet and report
        return PROCESS
    if task.on is On.CORE:
        return PROCESS + COPIES * n_images * costs.vector_bytes
    return PROCESS + TRAINED * max(costs.peak_memory_bytes, BYTES_ON_CPU)

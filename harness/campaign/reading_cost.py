"""How much a run reads, told before it starts: a probe of pixels may read its features many times over."""

from harness.execution.workbench import Workbench
from harness.protocols import find_protocol
from harness.records.job import Job


def bytes_read(job: Job, workbench: Workbench) -> int:
    """Bytes of stored features that a protocol reads that reads them many times; 0 of others, which read them once."""
    run = job.run
    protocol = find_protocol(run.protocol, workbench.dataset(job.dataset).spec.label_kind)
    if protocol is None or protocol.images_read is None:
        return 0
    image_bytes = workbench.costs(job).pyramid_bytes
    partition = workbench.drawn_partition(job.dataset, run.partition, run.train_draw, run.seed)
    sizes = len(partition.train), len(partition.valid), len(partition.test)
    return image_bytes * protocol.images_read(protocol.settings, run.selection, *sizes, image_bytes)

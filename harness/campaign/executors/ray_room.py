"""What a Ray cluster has room for: how many tasks at a time, and what one of them asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.campaign.executors.tasks import On
from harness.errors import UserError
from harness.records.ray_wish import DeviceOnRay

MOST_CORES = 4
"""Of one task at a device: to read images for a GPU, or to embed them without any."""
AHEAD, MOST_SEATS = 2, 512
"""Tasks of each kind that are handed to Ray at once: so many for each that has room now, for a cluster may grow; and no
more than so many, each of which takes a thread of this process."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What a cluster has, as it is at the start."""

    on_gpus: bool
    """Whether tasks at a device get a GPU each."""
    cores: int
    """Of a task at a device."""
    memory_bytes: int
    """Of the largest node: more is never asked for."""
    seats: Mapping[On, int]
    """Tasks that are handed to Ray at once."""

    def asked(self, on: On, memory_bytes: int) -> dict[str, Any]:
        """What Ray is asked for a task."""
        memory = min(memory_bytes, self.memory_bytes)
        if on is On.CORE:
            return {"num_cpus": 1, "num_gpus": 0, "memory": memory}
        return {"num_cpus": self.cores, "num_gpus": int(self.on_gpus), "memory": memory}


def room_on(nodes: Sequence[Mapping[str, float]], device: DeviceOnRay) -> Room:
    """What nodes have room for.

    Args:
        nodes: of each its resources by Ray's names: CPU, GPU, memory in bytes.
        device: of tasks that embed or train; `auto`: GPUs if there are any.
    Raises:
        UserError: GPUs are wanted and there are none.
    """
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if device == "cuda" and not gpus:
        raise UserError("--device cuda: no node of the Ray cluster has a GPU. Say --device cpu, or add such a node")
    on_gpus = gpus > 0 and device != "cpu"
    cores = [int(node.get("CPU", 0)) for node in nodes]
    # Beside a GPU half of its share of the cores stays free, for runs on what it has embedded.
    shares = [int(node["CPU"] / node["GPU"] / 2) for node in nodes if node.get("GPU")] if on_gpus else [max(cores)]
    of_device = max(1, min(MOST_CORES, *shares))
    at_devices = gpus if on_gpus else sum(n // of_device for n in cores)
    return Room(
        on_gpus=on_gpus,
        cores=of_device,
        memory_bytes=int(max(node.get("memory", 0) for node in nodes)),
        seats={
            On.DEVICE: max(1, min(MOST_SEATS, AHEAD * at_devices)),
            On.CORE: max(1, min(MOST_SEATS, AHEAD * sum(cores))),
        },
    )

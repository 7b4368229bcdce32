"""Two nodes of Ray on this machine, for tests of what becomes of runs when their processes and nodes die."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def two_nodes() -> Iterator[Any]:
    """A cluster of two nodes of a core each, to which nobody is connected. Skips the test without Ray."""
    pytest.importorskip("ray", reason="the extra `ray`")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()


def busy_processes(cluster: Any) -> Iterator[int]:
    """Processes of the cluster that are at a task of ours."""
    raylets = {node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            named = (status.parent / "cmdline").read_text().startswith("ray::_do_there")
        except OSError:
            continue
        if named and int(fields["PPid"]) in raylets:
            yield int(status.parent.name)


def remove_a_node(cluster: Any) -> None:
    """End one that is not the head, and whatever runs on it."""
    cluster.remove_node(cluster.list_all_nodes()[-1], allow_graceful=False)

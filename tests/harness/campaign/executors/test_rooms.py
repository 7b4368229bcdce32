"""Which process sees which GPU, and what Ray is asked for."""

import pytest

from harness.campaign.executors.gpus import VISIBLE, one_each
from harness.campaign.executors.ray_room import MOST_SEATS, room_on
from harness.campaign.executors.tasks import On
from harness.errors import UserError

GIB = 2**30
LAPTOP = {"CPU": 8.0, "memory": 16.0 * GIB}
GPU_NODE = {"CPU": 32.0, "GPU": 4.0, "memory": 256.0 * GIB}


@pytest.mark.parametrize(
    ("visible", "n_gpus", "expected"),
    [
        (None, 3, ["0", "1", "2"]),
        ("", 2, ["0", "1"]),
        ("2,3", 2, ["2", "3"]),
        ("GPU-8a1, GPU-9b2", 2, ["GPU-8a1", "GPU-9b2"]),
        ("0,1,2,3", 2, ["0", "1"]),
        ("7", 1, ["7"]),
    ],
)
def test_each_process_sees_one_gpu_of_those_seen_here(visible, n_gpus, expected):
    assert one_each(visible, n_gpus) == [{VISIBLE: name} for name in expected]


def test_without_gpus_cores_embed():
    room = room_on([LAPTOP], "auto")
    assert room.asked(On.DEVICE, 2 * GIB) == {"num_cpus": 4, "num_gpus": 0, "memory": 2 * GIB}
    assert room.asked(On.CORE, GIB) == {"num_cpus": 1, "num_gpus": 0, "memory": GIB}
    assert room.seats == {On.DEVICE: 4, On.CORE: 16}


def test_a_task_at_a_device_gets_one_gpu_and_leaves_cores_for_probes():
    room = room_on([LAPTOP, GPU_NODE, GPU_NODE], "auto")
    assert room.asked(On.DEVICE, GIB) == {"num_cpus": 4, "num_gpus": 1, "memory": GIB}
    assert room.asked(On.CORE, GIB)["num_gpus"] == 0
    assert room.seats == {On.DEVICE: 16, On.CORE: 144}


def test_one_core_and_no_core_at_all_still_have_seats():
    assert room_on([{"CPU": 1.0}], "cpu").seats == {On.DEVICE: 2, On.CORE: 2}
    assert room_on([{}], "auto").seats == {On.DEVICE: 1, On.CORE: 1}
    assert room_on([{"CPU": 1.0, "GPU": 1.0}], "cuda").asked(On.DEVICE, 0)["num_cpus"] == 1


def test_no_more_is_asked_than_the_largest_node_has():
    assert room_on([LAPTOP, GPU_NODE], "cpu").asked(On.CORE, 1000 * GIB)["memory"] == 256 * GIB


def test_a_large_cluster_has_a_bounded_number_of_seats():
    assert set(room_on([GPU_NODE] * 1000, "cuda").seats.values()) == {MOST_SEATS}


def test_gpus_that_are_not_there_are_missed_in_one_line():
    with pytest.raises(UserError, match="--device cuda: no node of the Ray cluster has a GPU"):
        room_on([LAPTOP], "cuda")

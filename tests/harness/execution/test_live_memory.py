"""The most memory that tensors take at once, against counts made by hand."""

import torch

from harness.execution.live_memory import LiveMemory

IMAGE = 192
"""Bytes of 3 x 4 x 4 float32."""


def peak(work):
    x = torch.zeros(3, 4, 4)
    with torch.inference_mode(), LiveMemory([x]) as memory:
        work(x)
    return memory.peak_bytes


def test_what_is_let_go_makes_room():
    def chain(x):
        y = x
        for _ in range(10):
            y = y + 1

    assert peak(chain) == 3 * IMAGE  # x, what goes in and what comes out


def test_what_is_kept_adds_up():
    assert peak(lambda x: [x + i for i in range(10)]) == 11 * IMAGE


def test_views_and_changes_in_place_take_nothing():
    assert peak(lambda x: x.reshape(-1)[5:].view(43).add_(1)) == IMAGE


def test_a_view_keeps_the_whole_tensor_it_looks_into():
    assert peak(lambda x: [(x + 1)[0, 0, :1] for _ in range(4)]) == 5 * IMAGE


def test_of_several_things_that_come_at_once_each_counts():
    assert peak(lambda x: x.max(dim=0)) == IMAGE + 16 * 4 + 16 * 8  # values, and where they are

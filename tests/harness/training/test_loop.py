"""The one training loop: what an update is, when it is looked at, and that nothing trains by another."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from harness.training.devices import Devices
from harness.training.groups import adamw, full_rate
from harness.training.loop import DivergedError, draw_batches, train

HARNESS = Path(__file__).parents[3] / "harness"


def weight_of_ones():
    return nn.Parameter(torch.ones(2, 1))


def test_updates_take_their_rates_from_the_list_and_are_looked_at_when_it_is_time():
    """AdamW's first steps under a constant gradient are the rate itself: bias correction makes the moments 1."""
    weight, slow = weight_of_ones(), weight_of_ones()
    optimizer = adamw([*full_rate([weight], 0.0), {"params": [slow], "weight_decay": 0.0, "lr_scale": 0.5}], (0.9, 0.9))

    def set_gradients(batch):
        weight.grad, slow.grad = torch.full((2, 1), float(batch + 1)), torch.ones(2, 1)
        return torch.tensor(1.0)

    batches = iter([0, 0, 0, 0, 0])
    updates = train(
        optimizer, batches, set_gradients, rates=[0.1, 0.2, 0.3], looks={1, 3}, devices=Devices.alone("cpu")
    )
    looks = [(made, round(weight[0].item(), 4), round(slow[0].item(), 4)) for made in updates]
    assert looks == [(1, 0.9, 0.95), (3, 0.4, 0.7)]
    assert len(list(batches)) == 2  # nothing was drawn for updates that are not made


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_its_update(loss):
    weight = weight_of_ones()

    def set_gradients(batch):
        weight.grad = torch.ones(2, 1)
        return torch.tensor(loss if batch == 1 else 1.0)

    updates = train(
        adamw(full_rate([weight], 0.0), (0.9, 0.999)),
        count(),
        set_gradients,
        rates=[0.1, 0.3, 0.2],
        looks={1},
        devices=Devices.alone("cpu"),
    )
    assert next(updates) == 1
    with pytest.raises(DivergedError, match=f"the loss is {loss} after 1 of 3 updates at a rate of up to 0.3"):
        next(updates)
    assert weight[0].item() == pytest.approx(0.9)


def test_matrices_decay_and_vectors_do_not():
    layer = nn.Linear(3, 2)
    decays, spared = full_rate(layer.parameters(), 0.3)
    assert (decays["params"], decays["weight_decay"]) == ([layer.weight], 0.3)
    assert (spared["params"], spared["weight_decay"]) == ([layer.bias], 0.0)


def test_batches_run_on_over_the_ends_of_epochs():
    batches = draw_batches(5, 2, torch.Generator().manual_seed(0))
    rows = np.concatenate([next(batches) for _ in range(5)])
    assert sorted(rows[:5]) == sorted(rows[5:]) == [0, 1, 2, 3, 4]


def test_nothing_in_the_harness_trains_by_a_loop_of_its_own():
    """Whatever takes optimizer steps is in `loop`, whatever makes an optimizer in `groups`."""
    texts = {path.relative_to(HARNESS).as_posix(): path.read_text() for path in HARNESS.rglob("*.py")}
    assert [path for path, text in texts.items() if "optimizer.step()" in text] == ["training/loop.py"]
    assert [path for path, text in texts.items() if "optim.AdamW(" in text] == ["training/groups.py"]
    assert [path for path, text in texts.items() if "math.cos(math.pi *" in text] == ["training/recipe.py"]

import numpy as np
import pytest

from mp_mae.data.crops import centre_crops, crop_side, random_crops
from mp_mae.data.order import TrainingOrder, epoch_order, evaluation_batches, random_bits
from mp_mae.errors import UserError


def order(**changes):
    return TrainingOrder(**{"n": 50, "global_batch": 12, "micro_batch": 2, "seed": 3, **changes})


def global_batches(processes, micro_batch, steps=(0, 9)):
    """Samples of each step, in the order of ranks and micro-batches."""
    batches = {step: [] for step in range(*steps)}
    for rank in range(processes):
        ranks_order = order(processes=processes, rank=rank, micro_batch=micro_batch)
        for batch in ranks_order.micro_batches(*steps):
            assert len(batch.positions) == micro_batch
            batches[batch.step].extend(batch.positions.tolist())
    return batches


def test_an_epoch_is_a_permutation_that_only_seed_and_epoch_choose():
    first = epoch_order(1000, seed=1, epoch=0)
    assert sorted(first) == list(range(1000))
    np.testing.assert_array_equal(first, epoch_order(1000, seed=1, epoch=0))
    assert (first != epoch_order(1000, seed=1, epoch=1)).any()
    assert (first != epoch_order(1000, seed=2, epoch=0)).any()


def test_the_order_of_a_seed_does_not_change_between_versions():
    assert epoch_order(8, seed=0, epoch=0).tolist() == [3, 2, 1, 6, 0, 7, 4, 5]
    assert [hex(bits) for bits in random_bits(2, seed=0, epoch=1, stream=1).tolist()] == [
        "0xd9412115ac9c856a",
        "0x41170a7dd14f0383",
    ]


@pytest.mark.parametrize(("processes", "micro_batch"), [(1, 12), (1, 3), (2, 6), (2, 2), (3, 4), (6, 1), (12, 1)])
def test_global_batches_are_the_same_for_any_number_of_processes_and_micro_batches(processes, micro_batch):
    assert global_batches(processes, micro_batch) == global_batches(1, 12)


def test_global_batches_cut_each_epochs_permutation_and_leave_out_what_does_not_fill_one():
    assert (order().steps_per_epoch, order().left_out, order().accumulation) == (4, 2, 6)
    batches = global_batches(1, 12)
    for epoch in (0, 1):
        visited = [sample for k in range(4) for sample in batches[epoch * 4 + k]]
        assert visited == epoch_order(50, seed=3, epoch=epoch)[:48].tolist()


@pytest.mark.parametrize("start", range(9))
def test_resuming_at_a_step_goes_on_as_if_never_stopped(start):
    whole = [(batch.step, batch.epoch, batch.positions.tolist()) for batch in order().micro_batches(0, 9)]
    rest = [(batch.step, batch.epoch, batch.positions.tolist()) for batch in order().micro_batches(start, 9)]
    assert rest == [batch for batch in whole if batch[0] >= start]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"micro_batch": 5}, "global batch of 12 samples is not a multiple of 5: micro-batches of 5 in 1 processes"),
        ({"processes": 4}, "not a multiple of 8"),
        ({"micro_batch": 0}, "not a multiple"),
        ({"global_batch": 0}, "not a multiple"),
        ({"n": 11}, "11 samples, fewer than one global batch of 12"),
    ],
)
def test_batches_must_divide_and_fit(changes, message):
    with pytest.raises(UserError, match=message):
        order(**changes)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [0, 1, 8, 17])
def test_evaluation_sees_every_sample_once(n, processes):
    batches = [list(evaluation_batches(n, 4, processes, rank)) for rank in range(processes)]
    every = [batch.tolist() for own in batches for batch in own]
    assert sorted(position for batch in every for position in batch) == list(range(n))
    assert all(1 <= len(batch) <= 4 for batch in every)
    assert max(map(len, batches)) - min(map(len, batches)) <= 1


def test_a_rows_crop_depends_on_seed_epoch_and_row_alone():
    many, few = (random_crops(n, 64, 56, seed=1, epoch=2, turn=True) for n in (100, 10))
    for name in ("top", "left", "orientation"):
        np.testing.assert_array_equal(getattr(many, name)[:10], getattr(few, name))
        for other in ({"seed": 2, "epoch": 2}, {"seed": 1, "epoch": 3}):
            assert (getattr(many, name) != getattr(random_crops(100, 64, 56, turn=True, **other), name)).any()


def test_turning_changes_no_crop():
    upright, turned = (random_crops(100, 64, 56, seed=1, epoch=2, turn=turn) for turn in (False, True))
    np.testing.assert_array_equal(upright.top, turned.top)
    np.testing.assert_array_equal(upright.left, turned.left)
    assert not upright.orientation.any()


def test_places_and_orientations_are_uniform_and_independent():
    crops = random_crops(81 * 8 * 50, 64, 56, seed=0, epoch=0, turn=True)
    joint = np.bincount((crops.top * 9 + crops.left) * 8 + crops.orientation, minlength=648)
    assert len(joint) == 648
    chi_square = ((joint - 50) ** 2 / 50).sum()
    assert 550 < chi_square < 760  # 647 degrees of freedom, standard deviation 36


def test_crops_do_not_follow_the_order():
    order_ranks = np.argsort(epoch_order(5000, seed=0, epoch=0))
    top = random_crops(5000, 64, 56, seed=0, epoch=0, turn=False).top
    assert abs(np.corrcoef(order_ranks, top)[0, 1]) < 0.05


def test_centre_crops_are_upright_in_the_middle():
    crops = centre_crops(2, 128, 112)
    assert (crops.top.tolist(), crops.left.tolist(), crops.orientation.tolist()) == ([8, 8], [8, 8], [0, 0])


def test_the_crop_follows_from_the_tile_unless_asked_for():
    assert [crop_side(64, None), crop_side(128, None), crop_side(64, 32), crop_side(96, 96)] == [56, 112, 32, 96]
    with pytest.raises(UserError, match="tiles are 96 px; crops are known for 64 -> 56, 128 -> 112"):
        crop_side(96, None)
    for crop in (0, 65):
        with pytest.raises(UserError, match=f"crop of {crop} px does not fit tiles of 64 px"):
            crop_side(64, crop)

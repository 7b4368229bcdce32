import threading

import numpy as np
import pytest
import tiny_mmearth
import torch

from mp_mae.data.crops import centre_crops, random_crops
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, Request, evaluation_requests, training_requests
from mp_mae.data.order import TrainingOrder
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS, choose_modalities

ALL = choose_modalities(PRESETS["all"])
CPU = torch.device("cpu")
N, SIDE, CROP = 30, 12, 8


@pytest.fixture(scope="module", params=[{}, {"chunks": "row", "compression": "gzip"}], ids=["mapped", "compressed"])
def files(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loader") / "d"
    return open_mmearth(tiny_mmearth.write(folder, tiny_mmearth.random_columns(N, SIDE), storage=request.param), ALL)


def training(files, first=0, end=7, *, workers=2, ahead=3, turn=True, **order):
    order = TrainingOrder(**{"n": len(files.rows("train")), "global_batch": 8, "micro_batch": 4, "seed": 5, **order})
    loader = Loader(files, capacity=order.micro_batch, crop=CROP, device=CPU, workers=workers, ahead=ahead)
    requests = training_requests(files, files.rows("train"), order, first, end, crop=CROP, turn=turn)
    return list(loader.batches(requests))


def assert_same(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        np.testing.assert_array_equal(batch.rows, other.rows)
        torch.testing.assert_close(batch.input, other.input, rtol=0, atol=0)
        for name, target in batch.targets.items():
            torch.testing.assert_close(target, other.targets[name], rtol=0, atol=0, equal_nan=True)


def joined(batches):
    """All tiles of several batches as one."""
    targets = {name: torch.cat([batch.targets[name] for batch in batches]) for name in batches[0].targets}
    return type(batches[0])(
        torch.cat([batch.input for batch in batches]), targets, np.concatenate([batch.rows for batch in batches])
    )


@pytest.mark.parametrize(("workers", "ahead"), [(1, 1), (3, 5)])
def test_batches_do_not_depend_on_threads_or_reading_ahead(files, workers, ahead):
    assert_same(training(files, workers=workers, ahead=ahead), training(files))


@pytest.mark.parametrize("step", [2, 3, 4])
def test_resuming_at_a_step_gives_the_rest_of_the_batches(files, step):
    assert_same(training(files, first=step), training(files)[2 * step :])


def test_two_processes_see_what_one_sees_augmentation_included(files):
    one = training(files, micro_batch=8)
    two = [training(files, processes=2, rank=rank) for rank in (0, 1)]
    assert_same([joined(parts) for parts in zip(*two, strict=True)], one)


def test_another_epoch_looks_at_a_tile_differently(files):
    batches = training(files, end=6)
    first, second = joined(batches[:6]), joined(batches[6:])
    row = next(iter(set(first.rows) & set(second.rows)))
    tiles = [batch.input[int(np.flatnonzero(batch.rows == row)[0])] for batch in (first, second)]
    assert not torch.equal(*tiles)


def test_evaluation_gives_every_tile_of_a_split_once_in_order_from_the_centre(files):
    loader = Loader(files, capacity=8, crop=CROP, device=CPU)
    batches = list(loader.batches(evaluation_requests(files, files.rows("train"), 8, crop=CROP)))
    assert [len(batch.rows) for batch in batches] == [8, 8, 8, 6]
    whole = joined(batches)
    np.testing.assert_array_equal(whole.rows, files.rows("train"))
    alone = Loader(files, capacity=N, crop=CROP, device=CPU).batches(
        [Request(files.rows("train"), centre_crops(N, SIDE, CROP))]
    )
    assert_same([whole], list(alone))


def test_batches_stay_valid_when_their_buffers_are_used_again(files):
    batches = training(files, end=12, ahead=1)  # 24 batches through 3 buffers
    again = training(files, end=12, ahead=24)
    assert_same(batches, again)


def test_a_loader_serves_several_passes_and_stops_its_threads(files):
    loader = Loader(files, capacity=4, crop=CROP, device=CPU)
    request = Request(np.arange(4), random_crops(4, SIDE, CROP, seed=0, epoch=0, turn=False))
    before = threading.active_count()
    first = list(loader.batches([request] * 3))
    stopped = loader.batches([request] * 100)
    next(stopped)
    assert threading.active_count() > before
    stopped.close()
    assert threading.active_count() == before
    assert_same(first, list(loader.batches([request] * 3)))
    assert list(loader.batches([])) == []


def test_reading_stays_within_what_was_asked_for_ahead(files):
    taken = []

    def requests():
        for i in range(50):
            taken.append(i)
            yield Request(np.arange(2), centre_crops(2, SIDE, CROP))

    batches = Loader(files, capacity=2, crop=CROP, device=CPU, ahead=3).batches(requests())
    next(batches)
    assert len(taken) == 3
    batches.close()


def test_an_unknown_processing_level_reaches_the_caller(tmp_path):
    columns = tiny_mmearth.random_columns(4, SIDE)
    columns["metadata"]["S2_type"][2] = b"l3"
    files = open_mmearth(tiny_mmearth.write(tmp_path / "d", columns), ALL)
    loader = Loader(files, capacity=4, crop=CROP, device=CPU)
    with pytest.raises(UserError, match="tile 'tile 2' has S2_type 'l3'"):
        list(loader.batches(evaluation_requests(files, np.arange(4), 4, crop=CROP)))


def test_damage_found_by_a_reading_thread_reaches_the_caller(tmp_path):
    folder = tiny_mmearth.write(
        tmp_path / "d", tiny_mmearth.random_columns(4, SIDE), storage={"chunks": "row", "compression": "gzip"}
    )
    files = open_mmearth(folder, ALL)
    import h5py

    with h5py.File(folder / "d.h5") as file:
        chunk = file["aster"].id.get_chunk_info(3)
    with (folder / "d.h5").open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    loader = Loader(files, capacity=1, crop=CROP, device=CPU)
    batches = loader.batches(evaluation_requests(files, np.arange(4), 1, crop=CROP))
    assert [next(batches).rows[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UserError, match="rows of aster cannot be read"):
        next(batches)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_prepares_the_same_batches(files):
    order = TrainingOrder(n=N, global_batch=4, micro_batch=4, seed=5)
    both = [
        list(
            Loader(files, capacity=4, crop=CROP, device=torch.device(name)).batches(
                training_requests(files, files.rows("train"), order, 0, 20, crop=CROP, turn=True)
            )
        )
        for name in ("cpu", "cuda")
    ]
    for cpu, gpu in zip(*both, strict=True):
        torch.testing.assert_close(gpu.input.cpu(), cpu.input)
        for name, target in cpu.targets.items():
            torch.testing.assert_close(gpu.targets[name].cpu(), target, equal_nan=True)

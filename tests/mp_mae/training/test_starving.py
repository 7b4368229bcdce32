"""A training that waits for compressed rows says so once, and what to do; the advice can be followed."""

import math

import h5py

from generated_mmearth import write_mmearth
from mp_mae.data.files import open_mmearth
from mp_mae.data.shards import write_shards
from mp_mae.modalities import choose_modalities
from mp_mae.training.log import StepRecord
from mp_mae.training.stepping.starving import Starving


def record(waiting):
    nothing = {"epoch": 1.0, "rate": 0.0, "total": 1.0, "losses": {}, "gradient_norm": 1.0, "images_per_second": 1.0}
    return StepRecord(step=1, waiting=waiting, memory_mb=1.0, **nothing)


def words(data, waits):
    starving = Starving(open_mmearth(data, choose_modalities(("sentinel2",))))
    return [starving.word(record(waiting)) for waiting in waits]


def test_three_steps_in_a_row_that_wait_for_gzip_are_told_once(tmp_path):
    plain = write_mmearth(tmp_path / "plain", n=4, side=16)
    packed = tmp_path / "packed"
    packed.mkdir()
    for path in plain.iterdir():
        (packed / path.name.replace("plain", "packed")).write_bytes(path.read_bytes())
    with h5py.File(packed / "packed.h5", "a") as file:
        values = file["sentinel2"][:]
        del file["sentinel2"]
        file.create_dataset("sentinel2", data=values, chunks=(1, *values.shape[1:]), compression="gzip")
    waits = [0.9, 0.9, 0.1, 0.9, math.nan, 0.3, 0.3, 0.3, 0.9, 0.9]
    told = words(packed, waits)
    assert [bool(word) for word in told] == [False] * 7 + [True] + [False] * 2
    unpacked = tmp_path / "unpacked" / "packed"
    assert "30% of the time is spent waiting for rows of packed.h5, which are compressed" in told[7]
    assert told[7].endswith(f": python -m mp_mae shards {packed} {unpacked}")
    assert f"--data {unpacked} --resume auto" in told[7]
    write_shards(packed, unpacked, lambda done, total: None)
    assert not any(words(unpacked, waits))

"""Tiles per second of the MMEarth loader on a contiguous file: 64 px, every modality, random order, file in memory.

"Loader" is what the CPU has to do for a GPU: batches of raw rows in one buffer, read ahead by two threads. It is
compared with NumPy's fancy indexing of a memory map of the same bytes, in one thread, and with a reader that fetches
each row by itself with h5py and prepares it with NumPy. `prepare` runs on the training device; here it is timed on one
CPU thread, alone and behind the loader.

Of 128 px tiles it is told what one reader and the thread that hands batches on manage in a second of computing, beside
a bare copy of as many bytes: how many readers a number of tiles wants follows, on a machine that has as many cores.

    pytest tests/benchmarks/bench_mmearth_loader.py -s
"""

import json
import statistics
import time
from functools import partial

import h5py
import numpy as np
import pytest
import torch

from mp_mae.data.buffers import fresh_arrays
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, training_requests
from mp_mae.data.order import TrainingOrder
from mp_mae.data.prepare import DatasetTables, prepare
from mp_mae.modalities import MMEARTH, PRESETS, WORLDCOVER_CODES, Kind, choose_modalities

N, SIDE, CROP, BATCH, ROUNDS = 4000, 64, 56, 64, 7
EPOCHS = 3
"""Per round of the fast contestants, so that a round takes most of a second."""
SLOW_TILES = 192
"""Per round of the reader that takes one row after another."""
LARGE_N, LARGE_SIDE = 640, 128
CPU = torch.device("cpu")

DTYPES = {"sentinel2": "u2", "aster": "i2", "canopy_height_eth": "i1", "biome": "u1", "eco_region": "u2"}


def stored_values(name, rng, n, side):
    modality = MMEARTH[name]
    if modality.kind is Kind.IMAGE_CLASS:
        return np.eye(modality.n_classes, dtype=DTYPES[name])[rng.integers(modality.n_classes, size=n)]
    shape = (n, len(modality.stored), *((side, side) if modality.kind.is_pixel else ()))
    if modality.kind is Kind.PIXEL_CLASS:
        return rng.choice(np.array([0, *modality.codes], "u1"), shape)
    if name in DTYPES:
        info = np.iinfo(DTYPES[name])
        return rng.integers(max(info.min, 0), min(info.max, 10_000), shape, DTYPES[name])
    return rng.random(shape, "f4")


def write_files(folder, n, side):
    folder.mkdir()
    rng = np.random.default_rng(0)
    with h5py.File(folder / "tiles.h5", "w") as file:
        for name in MMEARTH:
            file[name] = stored_values(name, rng, n, side)
        file["metadata"] = np.array([(b"tile", b"l1c"), (b"tile", b"l2a")] * (n // 2), "S100,S10")
    sizes = {name: len(m.stored) for name, m in MMEARTH.items()} | {"sentinel2_l1c": 13, "sentinel2_l2a": 13}
    stats = {name: {"mean": [1.0] * size, "std": [2.0] * size} for name, size in sizes.items()}
    (folder / "tiles_band_stats.json").write_text(json.dumps(stats))
    (folder / "tiles_splits.json").write_text(json.dumps({"train": list(range(n))}))
    return open_mmearth(folder, choose_modalities(PRESETS["all"]))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    found = write_files(tmp_path_factory.mktemp("bench") / "tiles", N, SIDE)
    yield found
    found.paths.h5.unlink()


@pytest.fixture(autouse=True)
def one_torch_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def requests(files, epochs):
    rows = files.rows("train")
    order = TrainingOrder(n=len(rows), global_batch=BATCH, micro_batch=BATCH, seed=0)
    steps = epochs * order.steps_per_epoch
    return training_requests(files, rows, order, 0, steps, crop=CROP, turn=False)


def read_raw_batches(files, epochs=EPOCHS):
    return sum(len(batch.levels) for batch in loader(files).raw_batches(requests(files, epochs)))


def read_prepared_batches(files):
    return sum(len(batch.input) for batch in loader(files).batches(requests(files, 1)))


def loader(files):
    return Loader(files, capacity=BATCH, crop=CROP, device=CPU)


def index_memory_map(files):
    """The opponent that sets the limit: the same rows of the same columns, batch by batch."""
    memory = np.memmap(files.paths.h5, np.uint8, "r")
    maps = [
        np.ndarray((column.n_rows, *column.shape), column.stored, buffer=memory, offset=column.offset)
        for column in files.columns
    ]
    tiles = 0
    for request in requests(files, EPOCHS):
        batch = [rows[request.rows] for rows in maps]
        tiles += len(batch[0])
    return tiles


def read_row_by_row(files):
    """The usual loader: h5py fetches a row, NumPy marks no-data and normalises it, a batch is stacked."""
    tiles = 0
    with h5py.File(files.paths.h5, "r") as file:
        datasets = {name: file[name] for name in MMEARTH}
        for request in requests(files, 1):
            samples = [prepare_row(files, file, datasets, row) for row in request.rows]
            batch = {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in MMEARTH}
            tiles += len(batch["sentinel2"])
            if tiles >= SLOW_TILES:
                return tiles
    return tiles


def prepare_row(files, file, datasets, row):
    level = int(file["metadata"][row][1] == b"l2a")
    sample = {}
    for name, modality in MMEARTH.items():
        values = datasets[name][row]
        if modality.kind is Kind.IMAGE_CLASS:
            sample[name] = values.argmax() if values.any() and values.max() == 1 else np.int64(-1)
            continue
        values = values[..., :CROP, :CROP] if modality.kind.is_pixel else values
        if modality.kind is Kind.PIXEL_CLASS:
            table = np.full(256, -1)
            table[list(WORLDCOVER_CODES if name == "esa_worldcover" else modality.codes)] = range(modality.n_classes)
            sample[name] = table[values[0]]
            continue
        values = values[[modality.stored.index(band) for band in modality.bands]].astype(np.float32)
        for code in modality.no_data:
            values[values == code] = np.nan
        values[~np.isfinite(values)] = np.nan
        known = files.statistics[name]
        shape = (-1, 1, 1) if modality.kind.is_pixel else (-1,)
        mean, std = (part[level if len(part) > 1 else 0].reshape(shape) for part in (known.mean, known.std))
        sample[name] = (values - mean) / std
    return sample


def prepare_alone(files):
    raw = next(iter(loader(files).raw_batches(requests(files, 1))))
    tables = DatasetTables.of(files, CROP, CPU)
    start = time.perf_counter()
    for _ in range(8):
        prepare(raw.tensors, raw.levels, raw.request.crops, tables)
    return 8 * BATCH / (time.perf_counter() - start)


def tiles_per_second(read, files):
    start = time.perf_counter()
    tiles = read(files)
    return tiles / (time.perf_counter() - start)


def test_loader_against_memory_map_and_row_by_row(benchmark, files):
    contestants = {
        "memory map": index_memory_map,
        "loader": read_raw_batches,
        "row by row": read_row_by_row,
        "loader and prepare": read_prepared_batches,
    }
    rates = {name: [] for name in (*contestants, "prepare")}

    def one_round():
        for name, read in contestants.items():
            rates[name].append(tiles_per_second(read, files))
        rates["prepare"].append(prepare_alone(files))

    benchmark.pedantic(one_round, rounds=ROUNDS, warmup_rounds=1)
    median = {name: statistics.median(values[1:]) for name, values in rates.items()}  # the first warms up
    ours = median["loader"]
    benchmark.extra_info |= {f"{name}, tiles/s": round(rate) for name, rate in median.items()}
    benchmark.extra_info["loader / memory map"] = round(ours / median["memory map"], 2)
    benchmark.extra_info["loader / row by row"] = round(ours / median["row by row"], 1)
    benchmark.extra_info["loader and prepare / row by row"] = round(
        median["loader and prepare"] / median["row by row"], 1
    )
    print(json.dumps(benchmark.extra_info, indent=2))
    assert ours >= 0.7 * median["memory map"]
    assert ours >= 30 * median["row by row"]


def tiles_per_computing(work, files):
    """Tiles in a second of this thread's computing, whoever else the machine works for."""
    start = time.thread_time()
    tiles = work(files)
    return tiles / (time.thread_time() - start)


def test_what_a_reader_and_the_thread_that_hands_on_manage_at_128_px(tmp_path):
    files = write_files(tmp_path / "tiles", LARGE_N, LARGE_SIDE)
    reader, place = files.reader(), fresh_arrays(files.columns, BATCH)
    mapped = np.memmap(files.paths.h5, np.uint8, "r")
    copied = np.empty(BATCH * sum(column.row_bytes for column in files.columns), np.uint8)
    starts = np.random.default_rng(0).integers(0, len(mapped) - len(copied), LARGE_N // BATCH)

    def read(files):
        for request in requests(files, 1):
            reader.read_into(place, request.rows)
        return len(starts) * BATCH

    def copy(files):
        for start in starts.tolist():
            np.copyto(copied, mapped[start : start + len(copied)])
        return len(starts) * BATCH

    contestants = {"one reader": read, "bare copy": copy, "handing on": partial(read_raw_batches, epochs=15)}
    rates = {name: [tiles_per_computing(work, files) for _ in range(ROUNDS)] for name, work in contestants.items()}
    told = {f"{name}, tiles/s of computing": round(statistics.median(values[1:])) for name, values in rates.items()}
    print(json.dumps(told | {"MB a tile": round(len(copied) / BATCH / 1e6, 2)}, indent=2))
    files.paths.h5.unlink()

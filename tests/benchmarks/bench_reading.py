"""Reading every train image: our arrays against the official package and against a bare NumPy memory map.

2,000 samples of 13 bands and 64 x 64 pixels, one process. Run: pytest tests/benchmarks/bench_reading.py -s
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.data.arrays import ArrayCache, open_arrays
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.records.progress import Silent

N_SAMPLES, SIZE, BATCH = 2_000, 64, 256
N_OFFICIAL = 200
"""The official package is timed on so many samples and its rate extrapolated."""
ROUNDS = 9

ALL_BANDS = tuple(range(13))
WITHOUT_CIRRUS = (*range(10), 11, 12)
"""What a backbone pretrained without B10 reads."""


@pytest.fixture(scope="module")
def root(geobench, tmp_path_factory) -> Path:
    """The dataset, written by the official package's own classes."""
    root = tmp_path_factory.mktemp("geobench")
    directory = root / "classification_v1.0" / "bench"
    directory.mkdir(parents=True)
    random, data = np.random.default_rng(0), geobench.dataset
    names = [f"id_{index:04d}" for index in range(N_SAMPLES + 2)]
    for name in names:
        pixels = random.integers(0, 10_000, (13, SIZE, SIZE), np.int16)
        bands = [data.Band(band, info, 10) for band, info in zip(pixels, data.sentinel2_13_bands, strict=True)]
        data.Sample(bands, label=0, sample_name=name).write(directory)
    data.Partition({"train": names[:-2], "valid": names[-2:-1], "test": names[-1:]}).save(directory, "default")
    geobench.task.TaskSpecifications(
        dataset_name="bench",
        bands_info=data.sentinel2_13_bands,
        spatial_resolution=10,
        patch_size=(SIZE, SIZE),
        label_type=geobench.label.Classification(2),
    ).save(directory)
    stats = dict.fromkeys(data.compute_stats([0.0, 1.0]).to_dict(), 1.0)
    (directory / "band_stats.json").write_text(data.json.dumps({info.name: stats for info in data.sentinel2_13_bands}))
    return root


@pytest.fixture(scope="module")
def arrays(root, tmp_path_factory) -> ArrayCache:
    start = time.perf_counter()
    arrays = open_arrays(open_dataset(discover(root)[0]), tmp_path_factory.mktemp("cache"), Silent())
    print(f"\nconverted once at {len(arrays.samples) / (time.perf_counter() - start):,.0f} samples/s")
    return arrays


@pytest.fixture(scope="module")
def official_rate(geobench, root) -> float:
    """Samples/s of the official package: each sample read and packed into one array."""
    dataset = geobench.dataset.GeobenchDataset(root / "classification_v1.0" / "bench", split="train")
    return N_OFFICIAL / seconds(lambda: [dataset[i].pack_to_3d(dataset.band_names) for i in range(N_OFFICIAL)])


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def batches() -> list[slice]:
    return [slice(start, min(start + BATCH, N_SAMPLES)) for start in range(0, N_SAMPLES, BATCH)]


@pytest.mark.parametrize("channels", [ALL_BANDS, WITHOUT_CIRRUS], ids=["13 of 13 bands", "12 of 13 bands"])
def test_whole_batches_are_read_at_the_speed_of_the_memory_map(benchmark, arrays, official_rate, channels):
    """At least 60 % of the samples/s of copying whole batches of the same map, and 100 times the official package's."""
    raw = arrays.pixels[:]
    raw_seconds: list[float] = []

    def read_raw() -> None:
        for rows in batches():
            np.array(raw[rows])

    def read_ours() -> None:
        for rows in batches():
            arrays.read(rows, channels)

    read_raw()  # both find the file in memory, and its pages mapped
    # The two take turns, so that a busy machine slows both.
    benchmark.pedantic(read_ours, setup=lambda: raw_seconds.append(seconds(read_raw)), rounds=ROUNDS, warmup_rounds=1)
    ours = N_SAMPLES / benchmark.stats.stats.median
    bare = N_SAMPLES / statistics.median(raw_seconds)
    print(
        f"\n{len(channels)} of 13 bands: ours {ours:,.0f}, memory map {bare:,.0f} ({ours / bare:.0%}), "
        f"official package {official_rate:,.0f} samples/s ({ours / official_rate:,.0f} times)"
    )
    benchmark.extra_info.update(ours=ours, memory_map=bare, official_package=official_rate)
    assert ours >= 0.6 * bare
    assert ours >= 100 * official_rate


def test_shuffled_rows_are_read_in_batches(benchmark, arrays, official_rate):
    """A partition such as 1.00x_train lists the samples in another order: still 100 times the official package."""
    order = np.random.default_rng(0).permutation(N_SAMPLES)

    def read_ours() -> None:
        for rows in batches():
            arrays.read(order[rows], WITHOUT_CIRRUS)

    benchmark.pedantic(read_ours, rounds=ROUNDS, warmup_rounds=1)
    ours = N_SAMPLES / benchmark.stats.stats.median
    print(f"\nshuffled: ours {ours:,.0f} samples/s ({ours / official_rate:,.0f} times the official package)")
    assert ours >= 100 * official_rate

"""Embedding images of 13 bands and 64 px, reading included, against a plain loop; and converting them before.

The plain loop is what one writes first: 64 images at a time from a memory map, standardised, through the same network
as timm builds it, under inference mode, all threads to every operation. It has a process of its own, in which memory is
as Python leaves it. Both read the same arrays and take turns; medians of what all threads compute, which a busy machine
changes less than what the clock says.
Run: pytest tests/benchmarks/bench_embedding.py -s
"""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.layers.grn import GlobalResponseNorm

from baselines.bands import BandInfo
from baselines.contract import Backbone
from baselines.convnext import ResponseNorm
from baselines.inputs import Preparation
from baselines.meter import InputMeter
from baselines.registry import find_backbone
from geobench_files import (
    BLUE,
    RED,
    band,
    read_dataset,
    write_dataset,
    write_measured_statistics,
    write_sample,
    write_task,
)
from harness.data.arrays import ArrayCache, open_arrays
from harness.execution.costs import count_costs
from harness.extraction.batches import embed_images, images_per_batch, pooled
from harness.records.progress import Silent

N, SIDE, ROUNDS, PLAIN_BATCH, THREADS = 1_000, 64, 5, 64, 2
MEAN, STD = 5_000.0, 3_000.0
INFOS = (BLUE, RED, *(band(f"extra {i}") for i in range(11)))
GOALS = {"imagenet_lite": 1.5, "timm:convnextv2_atto?random": 1.5, "timm:resnet18?random": 1.5, "mp_mae": 1.5}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("embedding")
    directory = write_dataset(root, n_samples=N)
    random = np.random.default_rng(0)
    for index in range(N):
        pixels = random.integers(0, 10_000, (len(INFOS), SIDE, SIDE)).astype("uint16")
        bands = [(info, values, None) for info, values in zip(INFOS, pixels, strict=True)]
        write_sample(directory, f"id_{index}", bands, label=index % 3)
    write_task(directory, list(INFOS), patch_size=(SIDE, SIDE))
    write_measured_statistics(directory, pixels[None], list(INFOS))
    return read_dataset(root)


@pytest.fixture(scope="module")
def arrays(dataset, tmp_path_factory) -> ArrayCache:
    open_arrays(dataset, tmp_path_factory.mktemp("first"), Silent(), workers=2)  # starts one reader
    started = time.perf_counter()
    arrays = open_arrays(dataset, tmp_path_factory.mktemp("cache"), Silent(), workers=2)
    print(f"\nconverting in two processes: {N / (time.perf_counter() - started):.0f} images/s")
    return arrays


def ours(backbone: Backbone, arrays: ArrayCache, preparation: Preparation) -> np.ndarray:
    channels = tuple(range(len(preparation.mean)))
    batch = images_per_batch("cpu", SIDE * SIDE, count_costs(backbone, preparation.bands, SIDE, SIDE).image_bytes)
    rows, meter = np.arange(N), InputMeter()
    of_batches = embed_images(backbone, arrays, rows, channels, preparation, "cpu", batch, meter, Silent())
    return np.concatenate(list(pooled(of_batches)))


def as_timm_builds_it(backbone: Backbone) -> Backbone:
    """Without layers of ours."""
    for module in backbone.modules():
        if isinstance(module, ResponseNorm):
            module.__class__ = GlobalResponseNorm
    return backbone


def build(name: str) -> Backbone:
    entry = find_backbone(name)
    return entry.build(entry.demo_weights, 0).eval()


@cache
def plain_network(name: str) -> Backbone:
    torch.set_num_threads(THREADS)
    return as_timm_builds_it(build(name))


def plain(name: str, file: Path) -> tuple[np.ndarray, float]:
    """The vectors, and the seconds of computing that they took."""
    backbone, pixels = plain_network(name), np.load(file, mmap_mode="r")
    c, found = len(backbone.inputs.bands or ()), []
    started = time.process_time()
    with torch.inference_mode():
        for start in range(0, N, PLAIN_BATCH):
            of_batch = torch.from_numpy(pixels[start : start + PLAIN_BATCH][:, :c].astype(np.float32))
            found.append(backbone.embed((of_batch - MEAN) / STD, {}).vector)
    return torch.cat(found).numpy(), time.process_time() - started


@pytest.fixture(scope="module")
def own_process() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("name", GOALS)
def test_embedding(arrays, own_process, torch_threads, tmp_path, name):
    torch_threads(THREADS)
    np.save(tmp_path / "pixels.npy", np.asarray(arrays.pixels[:]))
    backbone = build(name)
    c = len(backbone.inputs.bands or ())
    bands = tuple(describe(index) for index in range(c))
    preparation = Preparation(torch.full((c,), MEAN), torch.full((c,), STD), bands=bands)

    def mine() -> tuple[np.ndarray, float]:
        started = time.process_time()
        return ours(backbone, arrays, preparation), time.process_time() - started

    def theirs() -> tuple[np.ndarray, float]:
        return own_process.submit(plain, name, tmp_path / "pixels.npy").result()

    (of_ours, _), (of_plain, _) = mine(), theirs()
    np.testing.assert_allclose(of_ours, of_plain, rtol=0, atol=1e-5 * np.abs(of_plain).max())
    seconds = [(mine()[1], theirs()[1]) for _ in range(ROUNDS)]
    taken, of_loop = np.median(seconds, axis=0)
    print(f"{name}: {1e3 * taken / N:.2f} ms an image, plain loop {1e3 * of_loop / N:.2f}: {of_loop / taken:.2f} times")
    assert of_loop / taken >= GOALS[name]


def describe(index: int) -> BandInfo:
    return BandInfo(name=INFOS[index].name)

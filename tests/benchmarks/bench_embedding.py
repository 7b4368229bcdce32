"""Embedding images of 13 bands and 64 px, reading included, against a plain loop; and converting them before.

The plain loop is what one writes first: 64 images at a time from a memory map, standardised, through the same network
as timm builds it, under inference mode, all threads to every operation. Both read the same arrays and take turns;
medians of what all threads compute, which a busy machine changes less than what the clock says.
Run: pytest tests/benchmarks/bench_embedding.py -s
"""

import time
from collections.abc import Callable
from copy import deepcopy

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

N, SIDE, ROUNDS, PLAIN_BATCH = 1_000, 64, 5, 64
INFOS = (BLUE, RED, *(band(f"extra {i}") for i in range(11)))
GOALS = {"imagenet_lite": 1.5, "timm:convnextv2_atto?random": 1.5, "timm:resnet18?random": 1.0, "mp_mae": 1.5}


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
    """A copy, without layers of ours."""
    stock = deepcopy(backbone)
    for module in stock.modules():
        if isinstance(module, ResponseNorm):
            module.__class__ = GlobalResponseNorm
    return stock


def plain(backbone: Backbone, arrays: ArrayCache, preparation: Preparation) -> np.ndarray:
    found, c = [], len(preparation.mean)
    mean, std = preparation.mean[:, None, None], preparation.std[:, None, None]
    with torch.inference_mode():
        for start in range(0, N, PLAIN_BATCH):
            pixels = torch.from_numpy(arrays.pixels[start : start + PLAIN_BATCH][:, :c].astype(np.float32))
            found.append(backbone.embed((pixels - mean) / std, {}).vector)
    return torch.cat(found).numpy()


@pytest.mark.parametrize("name", GOALS)
def test_embedding(arrays, torch_threads, name):
    torch_threads(2)
    entry = find_backbone(name)
    backbone = entry.build(entry.demo_weights, 0).eval()
    c = len(backbone.inputs.bands or ())
    bands = tuple(describe(index) for index in range(c))
    preparation = Preparation(torch.full((c,), 5_000.0), torch.full((c,), 3_000.0), bands=bands)
    networks = {ours: backbone, plain: as_timm_builds_it(backbone)}
    vectors = [way(network, arrays, preparation) for way, network in networks.items()]
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=0, atol=1e-5 * np.abs(vectors[1]).max())
    seconds: dict[Callable[..., np.ndarray], list[float]] = {way: [] for way in networks}
    for _ in range(ROUNDS):
        for way, network in networks.items():
            started = time.process_time()
            way(network, arrays, preparation)
            seconds[way].append(time.process_time() - started)
    mine, theirs = (float(np.median(seconds[way])) for way in networks)
    print(f"{name}: {1e3 * mine / N:.2f} ms an image, plain loop {1e3 * theirs / N:.2f}: {theirs / mine:.2f} times")
    assert theirs / mine >= GOALS[name]


def describe(index: int) -> BandInfo:
    return BandInfo(name=INFOS[index].name)

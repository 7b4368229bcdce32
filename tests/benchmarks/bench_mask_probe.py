"""The linear probe of masks predicting whole images from stored features, against the same sums in NumPy.

ConvNeXt V2 atto with 8 px patches on 256 px, 9.8 MB an image. Run: pytest tests/benchmarks/bench_mask_probe.py -s
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.contract import Features, Level
from baselines.meter import InputMeter
from harness.extraction.pixel_features import PixelFeatures, cached_pixel_features
from harness.protocols.masks.hypercolumn import likeliest, pixel_logits
from harness.records.progress import Silent
from harness.store.kinds import PIXEL_FEATURES, Place

PYRAMID = (Level(40, 1), Level(80, 2), Level(160, 4), Level(320, 8))
STRIDES = tuple(level.stride for level in PYRAMID)
SIDE, N_IMAGES, ROUNDS = 256, 16, 5


def extract(meter: InputMeter) -> tuple[Sequence[Level], Iterator[Features]]:
    return PYRAMID, draw(meter)


def draw(meter: InputMeter) -> Iterator[Features]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(N_IMAGES):
        sides = [(level.channels, SIDE // level.stride) for level in PYRAMID]
        maps = tuple(torch.randn(1, channels, side, side, generator=generator) for channels, side in sides)
        meter.add(maps[0])
        yield Features(vector=torch.zeros(1, 1), maps=maps)


@pytest.fixture(scope="module")
def place(tmp_path_factory: Any) -> Place:
    cache: Path = tmp_path_factory.mktemp("cache")
    return Place(cache_dir=cache, kind=PIXEL_FEATURES, key="key", title="bench")


def stored(place: Place) -> PixelFeatures:
    return cached_pixel_features(place, N_IMAGES, extract, {"device": "cpu"}, Silent())


def in_numpy(maps: Sequence[np.ndarray], weights: Sequence[np.ndarray], intercepts: np.ndarray) -> np.ndarray:
    """(K, H, W) logits, each level resampled by two products with the matrices of bilinear weights."""
    total = np.repeat(intercepts, SIDE * SIDE).reshape(-1, SIDE, SIDE)
    for level, stride, of_level in zip(maps, STRIDES, weights, strict=True):
        cells, _, channels = level.shape
        logits = (of_level @ level.reshape(-1, channels).astype(np.float32).T).reshape(-1, cells, cells)
        at = np.clip((np.arange(SIDE) + 0.5) / stride - 0.5, 0, cells - 1)
        first = np.floor(at).astype(np.int64)
        share = (at - first).astype(np.float32)
        matrix = np.zeros((SIDE, cells), np.float32)
        np.add.at(matrix, (np.arange(SIDE), first), 1 - share)
        np.add.at(matrix, (np.arange(SIDE), np.minimum(first + 1, cells - 1)), share)
        total += matrix @ logits @ matrix.T
    return total


def milliseconds(work: Callable[[], Any]) -> float:
    """Processor time of an image."""
    start = time.process_time()
    work()
    return (time.process_time() - start) / N_IMAGES * 1e3


@pytest.mark.parametrize("n_classes", [2, 7, 10])
def test_an_image_is_predicted_in_half_the_time_of_numpy(place: Place, torch_threads, n_classes: int) -> None:
    torch_threads(1)
    stored(place)
    random = np.random.default_rng(0)
    weights = [random.standard_normal((n_classes, level.channels)).astype(np.float32) for level in PYRAMID]
    intercepts = random.standard_normal(n_classes).astype(np.float32)

    def predict(features: PixelFeatures) -> np.ndarray:
        return np.stack([
            likeliest(pixel_logits(pyramid, STRIDES, weights, intercepts, (SIDE, SIDE)))
            for pyramid in zip(*(level[:] for level in features.maps), strict=True)
        ])  # fmt: skip

    def predict_plainly(features: PixelFeatures) -> np.ndarray:
        return np.stack([
            in_numpy(pyramid, weights, intercepts).argmax(axis=0)
            for pyramid in zip(*(level[:] for level in features.maps), strict=True)
        ])  # fmt: skip

    differing = (predict(stored(place)) != predict_plainly(stored(place))).mean()
    checked = milliseconds(lambda: predict(stored(place)))
    features = stored(place)
    predict(features)
    ours, plain = [], []
    for _ in range(ROUNDS):  # by turns, so that a busy machine slows both
        ours.append(milliseconds(lambda: predict(features)))
        plain.append(milliseconds(lambda: predict_plainly(features)))
    mean, other = statistics.median(ours), statistics.median(plain)
    print(
        f"\n{n_classes} classes: {mean:.1f} ms an image, {checked:.1f} ms with checksums, NumPy {other:.1f} ms; "
        f"{differing:.1e} of the pixels differ"
    )
    assert differing < 1e-5
    assert mean < other / 2

"""The packed encoder against the same encoder run densely on whole images: forward and backward, in one process.

60 % of the patches removed, two threads, rounds of both in turns. Floating-point operations fall by 49 / 19 = 2.6.
Run: pytest tests/benchmarks/bench_packed_encoder.py -s
"""

import statistics
import time
from typing import NamedTuple

import pytest
import torch

from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.encoder import build_encoder
from mp_mae.masking import draw_mask
from mp_mae.packed.encoder import forward_packed

THREADS, ROUNDS = 2, 9
SPEED = 2.2
"""Least speed wanted of the case that is asserted, in units of the dense encoder's."""


class Case(NamedTuple):
    size: str
    patch: int
    batch: int
    asserted: bool


CASES = {
    "atto-112-16": Case("atto", 16, 16, asserted=True),
    "atto-56-8": Case("atto", 8, 16, asserted=False),
    "tiny-112-16": Case("tiny", 16, 8, asserted=False),
    "tiny-56-8": Case("tiny", 8, 8, asserted=False),
}


@pytest.fixture(autouse=True)
def threads(torch_threads):
    torch_threads(THREADS)


@pytest.mark.parametrize("name", CASES)
def test_packed_encoder_against_the_dense_one(name, benchmark):
    case = CASES[name]
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig(case.size, MMEARTH_S2_BANDS, case.patch)).train()
    images = torch.randn(case.batch, len(MMEARTH_S2_BANDS), 7 * case.patch, 7 * case.patch)
    mask = draw_mask(torch.Generator().manual_seed(0), case.batch, 49, 0.6)
    dense_seconds: list[float] = []

    def packed() -> None:
        encoder.zero_grad()
        forward_packed(encoder, images, mask).square().mean().backward()

    def time_dense() -> None:
        encoder.zero_grad()
        start = time.perf_counter()
        encoder.forward_features(images).square().mean().backward()
        dense_seconds.append(time.perf_counter() - start)

    packed()
    time_dense()
    dense_seconds.clear()
    benchmark.pedantic(packed, setup=time_dense, rounds=ROUNDS)
    own, other = benchmark.stats.stats.median, statistics.median(dense_seconds)
    benchmark.extra_info["dense_seconds"] = dense_seconds
    print(f"\n{name}: {case.batch / own:.1f} images/s, dense {case.batch / other:.1f}, ratio {other / own:.2f}")
    if case.asserted:
        assert other / own >= SPEED

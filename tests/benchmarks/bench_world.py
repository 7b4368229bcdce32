"""Simulating tiles of 64 px: at least 400 a second on two cores, of which one process must give half.

Run: OMP_NUM_THREADS=1 pytest tests/benchmarks/bench_world.py -s
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median

import numpy as np
import pytest

from mp_mae.data.world.places import draw_places
from mp_mae.data.world.simulate import simulate

N_TILES = 512
ROUNDS = 5


def simulate_some(first: int) -> int:
    """Tiles `first` to `first + N_TILES`."""
    return len(simulate(0, draw_places(0, "pretrain", np.arange(first, first + N_TILES))).cover)


def test_one_process_simulates_200_tiles_a_second(benchmark):
    benchmark.pedantic(simulate_some, args=(0,), rounds=ROUNDS, warmup_rounds=1)
    rate = N_TILES / benchmark.stats["median"]
    print(f"\none process: {rate:,.0f} tiles/s")
    assert rate >= 200


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two cores wanted")
def test_two_processes_simulate_400_tiles_a_second():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(simulate_some, [0, N_TILES]))  # imports, first touches
        seconds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            list(pool.map(simulate_some, [0, N_TILES]))
            seconds.append(time.perf_counter() - began)
    rate = 2 * N_TILES / median(seconds)
    print(f"\ntwo processes: {rate:,.0f} tiles/s")
    assert rate >= 400

"""A training step, forward with all twelve losses, backward and AdamW, against the usual dense computation.

16 images, 60 % of the patches removed, every target with missing values, two threads. The opponent is
`dense_opponent.dense_total` over the same parameters with torch's default AdamW; before anything is timed, both must
give the same loss. Run: pytest tests/benchmarks/bench_train_step.py -s
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from dense_opponent import dense_total
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.model import MPMAE
from mp_mae.model_config import ModelConfig
from mp_mae.training.setup import parameter_groups
from pretraining_batch import random_batch

TESTS = Path(__file__).parent.parent
BATCH, THREADS, ROUNDS = 16, 2, 9
STEP_SPEED = 5.0
"""Least images/s wanted of the case that is asserted, in units of the opponent's."""
STEP_MEMORY = 0.5
"""Most memory allowed there, in units of the opponent's."""


class Case(NamedTuple):
    size: str
    patch: int
    asserted: bool


CASES = {
    "atto-112-16": Case("atto", 16, asserted=True),
    "atto-56-8": Case("atto", 8, asserted=False),
    "tiny-112-16": Case("tiny", 16, asserted=False),
    "tiny-56-8": Case("tiny", 8, asserted=False),
}


def build_step(case: Case, which: str) -> Callable[[], float]:
    """A training step that returns its loss; equal weights and data for "ours" and "dense"."""
    torch.manual_seed(0)
    model = MPMAE(ModelConfig(encoder=EncoderConfig(case.size, MMEARTH_S2_BANDS, case.patch)))
    batch = random_batch(model.tasks, n=BATCH, side=7 * case.patch, patch=case.patch)
    settings: dict[str, Any] = {"lr": 1e-4, "betas": (0.9, 0.95), "fused": True if which == "ours" else None}
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.05), **settings)

    def step() -> float:
        optimizer.zero_grad()
        total = model(*batch).total if which == "ours" else dense_total(model, *batch)
        total.backward()
        optimizer.step()
        return total.item()

    return step


@pytest.fixture(autouse=True)
def threads(torch_threads):
    torch_threads(THREADS)


@pytest.mark.parametrize("name", CASES)
def test_training_step_against_the_dense_one(name, benchmark):
    case = CASES[name]
    ours, dense = build_step(case, "ours"), build_step(case, "dense")
    assert ours() == pytest.approx(dense(), rel=1e-4)  # also the warm-up
    dense_seconds: list[float] = []

    def time_dense() -> None:
        start = time.perf_counter()
        dense()
        dense_seconds.append(time.perf_counter() - start)

    benchmark.pedantic(ours, setup=time_dense, rounds=ROUNDS)
    own, other = benchmark.stats.stats.median, statistics.median(dense_seconds)
    own_peak, other_peak = (peak_mib(name, which) for which in ("ours", "dense"))
    benchmark.extra_info |= {"dense_seconds": dense_seconds, "peak_mib": own_peak, "dense_peak_mib": other_peak}
    print(
        f"\n{name}: {BATCH / own:.1f} images/s, dense {BATCH / other:.1f}, ratio {other / own:.2f}; "
        f"peak {own_peak:.0f} MiB, dense {other_peak:.0f}, ratio {own_peak / other_peak:.2f}"
    )
    if case.asserted:
        assert other / own >= STEP_SPEED
        assert own_peak / other_peak <= STEP_MEMORY


def peak_mib(name: str, which: str) -> float:
    """Resident memory that model, optimizer, batch and three steps take at most, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    command = [sys.executable, __file__, name, which]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main(name: str, which: str) -> None:
    torch.set_num_threads(THREADS)
    before = peak_resident_mib()
    step = build_step(CASES[name], which)
    for _ in range(3):
        step()
    print(peak_resident_mib() - before)


def peak_resident_mib() -> float:
    """Of this program since it was started. Linux only: getrusage would also count the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

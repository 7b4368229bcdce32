"""A training step, forward with all twelve losses, backward and AdamW, against the usual dense computation.

16 images, 60 % of the patches removed, every target with missing values, two threads, float32 and products in bf16. The
opponent is `dense_opponent.dense_total` over the same parameters with torch's default AdamW; in bf16 its depthwise
convolutions stay float32, which is faster than autocast alone. Before anything is timed, all must give the same loss.
Run, on a CPU that multiplies in bf16: pytest tests/benchmarks/bench_train_step.py -s -k atto
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dense_opponent import dense_total
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.model import MPMAE
from mp_mae.model_config import ModelConfig
from mp_mae.training.setup import parameter_groups
from pretraining_batch import random_batch

TESTS = Path(__file__).parent.parent
BATCH, THREADS, ROUNDS = 16, 2, 5
EQUAL_SPEED = 3.8
"""Least images/s wanted of the case that is asserted, in units of the opponent's of the same precision."""
BF16_SPEED = 6.0
"""Least images/s wanted there in bf16, in units of the opponent's in float32."""
STEP_MEMORY = 1 / 3
"""Most memory allowed there, in units of the opponent's in float32."""
PRECISIONS = ("float32", "bf16")


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


def build_step(case: Case, which: str, precision: str) -> Callable[[], float]:
    """A training step that returns its loss; equal weights and data for "ours" and "dense"."""
    torch.manual_seed(0)
    model = MPMAE(ModelConfig(encoder=EncoderConfig(case.size, MMEARTH_S2_BANDS, case.patch)))
    batch = random_batch(model.tasks, n=BATCH, side=7 * case.patch, patch=case.patch)
    settings: dict[str, Any] = {"lr": 1e-4, "betas": (0.9, 0.95), "fused": True if which == "ours" else None}
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.05), **settings)
    if which == "dense" and precision == "bf16":
        keep_depthwise_in_float32(model)

    def step() -> float:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            total = model(*batch).total if which == "ours" else dense_total(model, *batch)
        total.backward()
        optimizer.step()
        return total.item()

    return step


def keep_depthwise_in_float32(model: nn.Module) -> None:
    for conv in model.modules():
        if isinstance(conv, nn.Conv2d) and conv.groups > 1:
            conv.forward = partial(exact_conv, conv)


def exact_conv(conv: nn.Conv2d, x: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        options = conv.stride, conv.padding, conv.dilation, conv.groups
        return F.conv2d(x.float(), conv.weight, conv.bias, *options)


@pytest.fixture(autouse=True)
def threads(torch_threads):
    torch_threads(THREADS)


@pytest.mark.parametrize("name", CASES)
def test_training_step_against_the_dense_one(name, benchmark):
    case = CASES[name]
    contestants = [(which, precision) for which in ("ours", "dense") for precision in PRECISIONS]
    steps = {each: build_step(case, *each) for each in contestants}
    losses = [step() for step in steps.values()]  # also the warm-up
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-3)
    seconds: dict[tuple[str, str], list[float]] = {each: [] for each in contestants}
    computed: dict[tuple[str, str], list[float]] = {each: [] for each in contestants}

    def one_round() -> None:
        for each, step in steps.items():
            began, used = time.perf_counter(), time.process_time()
            step()
            seconds[each].append(time.perf_counter() - began)
            computed[each].append(time.process_time() - used)

    benchmark.pedantic(one_round, rounds=ROUNDS)
    peaks = {each: peak_mib(name, *each) for each in contestants}
    benchmark.extra_info |= {f"{which} {precision}": values for (which, precision), values in seconds.items()}
    for each in contestants:
        print(
            f"\n{name}, {' '.join(each)}: {BATCH / statistics.median(seconds[each]):.1f} images/s, "
            f"{statistics.median(computed[each]):.2f} s of computing a step, peak {peaks[each]:.0f} MiB"
        )
    speeds = {}
    for own, other in (("float32", "float32"), ("bf16", "bf16"), ("bf16", "float32")):
        mine, theirs = ("ours", own), ("dense", other)
        speeds[own, other] = paired_ratio(seconds[theirs], seconds[mine])
        by_computing, memory = paired_ratio(computed[theirs], computed[mine]), peaks[mine] / peaks[theirs]
        print(
            f"ours in {own} against dense in {other}: {speeds[own, other]:.2f} times as fast, "
            f"{by_computing:.2f} by computing; memory {memory:.2f}"
        )
    if case.asserted:
        assert min(speeds["float32", "float32"], speeds["bf16", "bf16"]) >= EQUAL_SPEED
        assert speeds["bf16", "float32"] >= BF16_SPEED
        assert max(peaks["ours", precision] for precision in PRECISIONS) <= STEP_MEMORY * peaks["dense", "float32"]


def paired_ratio(theirs: list[float], ours: list[float]) -> float:
    """Median over rounds, in each of which they took turns."""
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def peak_mib(name: str, which: str, precision: str) -> float:
    """Resident memory that model, optimizer, batch and three steps take at most, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    command = [sys.executable, __file__, name, which, precision]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main(name: str, which: str, precision: str) -> None:
    torch.set_num_threads(THREADS)
    before = peak_resident_mib()
    step = build_step(CASES[name], which, precision)
    for _ in range(3):
        step()
    print(peak_resident_mib() - before)


def peak_resident_mib() -> float:
    """Of this program since it was started. Linux only: getrusage would also count the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

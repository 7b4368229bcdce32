"""Two processes that share a batch compute what one computes alone."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.training.log import read_log
from mp_mae.training.settings import as_fields
from pretraining_run import tiny_settings, train, weights

ROOT = Path(__file__).parents[3]


def launch(processes, settings, out):
    """`python -m mp_mae pretrain` in several processes on the CPU (for which Accelerate's launcher wants MPI)."""
    words = [
        f"--set={key}={','.join(map(str, value)) if isinstance(value, tuple) else str(value).lower()}"
        for key, value in as_fields(settings).items()
        if value is not None and key != "data"
    ]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
        "-m", "mp_mae", "pretrain", "--data", settings.data, "--out", str(out), *words,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, env=environment, cwd=out.parent, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """All modalities, with so much missing that the processes have different numbers of valid targets; 5 steps."""
    data = write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=40, side=16, missing=0.5)
    return tiny_settings(data, batch=8, epochs=1, warmup_epochs=0, base_rate=0.01)


@pytest.mark.slow
def test_two_processes_give_the_parameters_of_one_after_five_steps(settings, tmp_path):
    train(settings, tmp_path / "one")
    finished = launch(2, replace(settings, micro_batch=4), tmp_path / "two")
    assert finished.returncode == 0, finished.stderr
    assert "batch 8 = 2 x 4 x 1" in finished.stderr
    one, two = weights(tmp_path / "one", 5), weights(tmp_path / "two", 5)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=1e-5, msg=name)
    records = [read_log(tmp_path / name / "log.jsonl") for name in ("one", "two")]
    for alone, together in zip(*records, strict=True):
        assert together.losses == pytest.approx(alone.losses, rel=1e-4)
        assert together.total == pytest.approx(alone.total, rel=1e-4)

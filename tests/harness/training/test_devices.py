"""Several processes train as one would."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from baselines.meter import InputMeter
from harness.campaign.executors import local
from harness.store.damage import DamagedError
from harness.training import devices as module
from harness.training.devices import Devices
from harness.training.fine_tuning import Training
from harness.training.predict import predict_split
from harness.training.recipe import FineTuneSettings
from toy_images import textures

TESTS = Path(__file__).parents[2]
SETTINGS = FineTuneSettings(epochs=1, min_updates=3, batch_size=5, evaluations=1, head_first=0.3)


def train_and_save(path):
    """What each process runs: an uneven batch, an uneven split."""
    training = Training(textures(n=(9, 4, 7)), SETTINGS, 0, Devices("cpu"))
    list(training.run())
    weights = torch.cat([p.detach().flatten() for p in training.network.parameters()])
    np.savez(path, weights=weights.numpy(), scores=predict_split(training, "test"), count=training.devices.count)


@pytest.mark.slow
def test_two_processes_give_the_weights_and_predictions_of_one(tmp_path):
    train_and_save(tmp_path / "one.npz")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    code = "import sys; from test_devices import train_and_save; train_and_save(sys.argv[1])"
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS), str(Path(__file__).parent)])
    processes = []
    for rank in range(2):
        environment = {
            **os.environ, "PYTHONPATH": paths, "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, "-c", code, str(tmp_path / f"{rank}.npz")]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, printed = process.communicate(timeout=300)
        assert process.returncode == 0, printed
    one = np.load(tmp_path / "one.npz")
    for rank in range(2):
        found = np.load(tmp_path / f"{rank}.npz")
        assert (int(one["count"]), int(found["count"])) == (1, 2)
        np.testing.assert_allclose(found["weights"], one["weights"], atol=1e-4)
        np.testing.assert_allclose(found["scores"], one["scores"], atol=1e-3)


@pytest.mark.parametrize(("itself", "precision"), [(True, "bf16"), (False, "float32")])
def test_emulated_bf16_is_not_used(monkeypatch, itself, precision):
    """A T4 and a V100 emulate it, slower than float32."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or itself)
    assert Devices("cuda:0").precision == precision


def test_gradients_are_summed_many_at_a_time_and_each_comes_back_to_its_parameter(monkeypatch):
    shapes = [(3, 4), (5,), (2, 2, 2), (1,), (40,)]
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for i, parameter in enumerate(parameters[:-1]):
        parameter.grad = torch.full_like(parameter, i + 1.0)
    parameters[1].requires_grad_(False)
    sent = []
    monkeypatch.setattr(module, "add_up", lambda flat: sent.append(flat.numel()) or 2 * flat)
    monkeypatch.setattr(module, "BUCKET", 21)
    devices = Devices("cpu")
    devices.count = 2
    devices.add_gradients(parameters)
    assert sent == [12 + 8 + 1, 40]
    assert [float(p.grad.flatten()[0]) for p in parameters] == [2, 2, 6, 8, 0]
    assert [tuple(p.grad.shape) for p in parameters] == shapes


@pytest.mark.parametrize(("count", "attempts"), [(1, 2), (2, 1)])
def test_a_run_that_several_processes_train_does_not_start_again_in_one_alone(monkeypatch, count, attempts):
    """The others would be at the next run already, and help with that."""
    made = []

    def damaged_once(job, bench):
        made.append(job)
        if len(made) == 1:
            raise DamagedError("a block is not what was written")
        return "a record"

    monkeypatch.setattr(local, "execute", damaged_once)
    monkeypatch.setattr(local, "Devices", lambda device: SimpleNamespace(count=count))
    bench = SimpleNamespace(places=SimpleNamespace(device="cpu"), open_anew=lambda damage: None)
    outcome = local.execute_safely("a job", bench)
    assert len(made) == attempts
    assert (outcome == "a record") == (count == 1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_what_processes_tell_each_other_holds_no_tensor_of_a_gpu():
    meter = InputMeter()
    meter.add(torch.rand(2, 3, 4, 4, device="cuda"))
    assert all(value.device.type == "cpu" for value in vars(meter).values() if isinstance(value, torch.Tensor))


@pytest.mark.parametrize(("count", "expected"), [(1, [[0, 1, 2, 3, 4]]), (3, [[0, 3], [1, 4], [2]])])
def test_every_sample_belongs_to_one_process(count, expected):
    devices = Devices("cpu")
    devices.count = count
    shares = []
    for rank in range(count):
        devices.rank = rank
        shares.append(devices.share(5).tolist())
    assert shares == expected

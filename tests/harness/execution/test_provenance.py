"""What a row says of the machine and the software that made it, as far as digits may depend on it."""

import torch

from harness.execution import provenance
from harness.execution.provenance import collect_provenance


def test_versions_of_what_computes_and_the_number_of_threads_are_recorded():
    made = collect_provenance("cpu")
    assert {"torch", "timm", "numpy", "accelerate", "optuna"} <= {
        name for name, found in made["packages"].items() if found
    }
    assert made["threads"] == torch.get_num_threads()
    assert made["gpu"] is None
    assert made["cuda"] is None


def test_a_gpu_is_recorded_by_its_model_with_the_version_of_cuda(monkeypatch):
    monkeypatch.setattr(provenance.torch.cuda, "get_device_name", lambda device: f"model of {device}")
    monkeypatch.setattr(provenance.torch.version, "cuda", "13.0")
    made = collect_provenance("cuda:1")
    assert (made["gpu"], made["cuda"]) == ("model of cuda:1", "13.0")

"""Apple's GPUs: refused where there is none, and never asked for numbers that they do not have. Not run on one."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from clip_training import clip, clip_settings  # noqa: F401 - a fixture
from generated_mmearth import write_mmearth
from mp_mae.data.loader import Loader, evaluation_requests
from mp_mae.errors import UserError
from mp_mae.training import setup, step
from mp_mae.training.plan import open_files
from mp_mae.training.processes.launch import widest_float
from pretraining_run import tiny_settings, train

MPS = torch.device("mps")


class SeesFloat64(TorchDispatchMode):
    """Remembers which operations made float64, which MPS does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.made: set[str] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        leaves = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.made |= {str(function) for leaf in leaves if leaf.dtype == torch.float64}
        return result


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return write_mmearth(tmp_path_factory.mktemp("data") / "tiles", n=8, side=16, missing=0.2)


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is one")
def test_without_one_it_is_refused_in_one_line(tiles, tmp_path):
    with pytest.raises(UserError, match=r"device=mps: PyTorch .* finds no GPU of Apple here\. Pass --device cpu"):
        train(tiny_settings(tiles, device="mps"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_sums_are_as_wide_as_the_device_has_numbers():
    assert (widest_float(MPS), widest_float(torch.device("cpu"))) == (torch.float32, torch.float64)


def test_what_is_stored_in_unsigned_numbers_is_prepared_on_the_cpu(tiles):
    files = open_files(tiny_settings(tiles))
    assert any(column.dtype.name == "uint16" for column in files.columns)
    (raw,) = Loader(files, capacity=8, crop=16, device=MPS).raw_batches(
        evaluation_requests(files, files.rows("train"), 8, crop=16)
    )
    assert {tensor.device.type for tensor in (*raw.tensors.values(), raw.levels)} == {"cpu"}


@pytest.mark.usefixtures("clip")
@pytest.mark.parametrize("objective", ["mp_mae", "clip"])
def test_the_model_and_its_steps_need_no_number_that_mps_lacks(tiles, tmp_path, monkeypatch, objective):
    for module in (setup, step):
        monkeypatch.setattr(module, "widest_float", lambda device: torch.float32)
    seen = SeesFloat64()
    real = step.take_step

    def watched(*arguments, **named):
        with seen:
            return real(*arguments, **named)

    monkeypatch.setattr("mp_mae.training.loop.take_step", watched)
    make = clip_settings if objective == "clip" else tiny_settings
    assert train(make(tiles, epochs=1, micro_batch=2, size="demo"), tmp_path / "run").complete
    assert not seen.made


def test_what_is_watched_for_is_found():
    with SeesFloat64() as seen:
        torch.ones(2).double()
    assert seen.made == {"aten._to_copy.default"}

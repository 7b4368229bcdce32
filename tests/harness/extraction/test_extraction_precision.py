"""Features are extracted in full single precision, whatever the process is set to."""

import numpy as np
import pytest
import torch

from baselines.contract import Features
from baselines.inputs import Preparation
from baselines.meter import InputMeter
from geobench_files import read_dataset, write_dataset
from harness.data.arrays import open_arrays
from harness.extraction.batches import embed_images
from harness.extraction.precision import describe_extraction, full_precision
from harness.records.progress import Silent
from toy_images import tiny_backbone


def settings():
    return (
        torch.get_float32_matmul_precision(),
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
    )


@pytest.fixture
def fast():
    """What others may have asked for; convolutions on a GPU are rounded by default."""
    before = settings()
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = True
    yield settings()
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[2]


def test_nothing_is_rounded_inside_and_the_settings_come_back(fast):
    with pytest.raises(RuntimeError), full_precision():  # noqa: PT012
        assert settings() == ("highest", False, False)
        raise RuntimeError
    assert settings() == fast


def test_images_are_embedded_in_full_precision(tmp_path, fast):
    class Watching(type(tiny_backbone())):
        def forward(self, pixels, preparation, *more):
            seen.append(settings())
            return Features(vector=torch.zeros(len(pixels), 1), maps=())

    write_dataset(tmp_path / "data")
    arrays = open_arrays(read_dataset(tmp_path / "data"), tmp_path / "cache", Silent())
    seen = []
    backbone = tiny_backbone()
    backbone.__class__ = Watching
    preparation = Preparation(torch.zeros(2), torch.ones(2))
    rows = np.arange(len(arrays.samples))
    list(embed_images(backbone, arrays, rows, (0, 1), preparation, "cpu", 4, InputMeter(), Silent()))
    assert set(seen) == {("highest", False, False)}
    assert settings() == fast


def test_what_extracts_is_described():
    described = describe_extraction("cpu")
    assert described == {
        "device": "cpu",
        "precision": "float32",
        "torch": torch.__version__,
        "cuda": None,
        "cudnn": None,
    }

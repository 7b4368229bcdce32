"""How many images go through a network at once, how they lie in memory, and that features do not depend on it."""

import numpy as np
import pytest
import torch

from baselines.inputs import Preparation
from baselines.meter import InputMeter
from baselines.registry import find_backbone
from geobench_files import read_dataset, write_dataset
from harness.data.arrays import open_arrays
from harness.extraction.batches import embed_images, images_per_batch, laid_out
from harness.records.progress import Silent

NAMES = ("timm:test_resnet?random&bands=B2,B4", "timm:test_convnext2?random&bands=B2,B4")


def test_images_at_once_follow_from_what_one_takes_and_are_never_none():
    taken = [0, 600_000, 1_100_000, 4_300_000, 10_000_000, 70_000_000]
    assert [images_per_batch("cpu", 64 * 64, each) for each in taken] == [64, 64, 32, 8, 4, 1]
    assert [images_per_batch("cuda", side * side, 10**6) for side in (64, 332, 2_000)] == [256, 9, 1]


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
    root = tmp_path_factory.mktemp("batches")
    write_dataset(root / "data", n_samples=40)
    return open_arrays(read_dataset(root / "data"), root / "cache", Silent())


def embed(backbone, arrays, batch):
    preparation = Preparation(torch.full((2,), 5_000.0), torch.full((2,), 3_000.0), size_px=(32, 32))
    meter, rows = InputMeter(), np.arange(len(arrays.samples))
    found = list(embed_images(backbone, arrays, rows, (0, 1), preparation, "cpu", batch, meter, Silent()))
    return torch.cat([features.vector for features in found]), meter.result()


@pytest.mark.parametrize("name", NAMES)
def test_features_are_the_same_however_many_images_go_at_once(arrays, name):
    backbone = find_backbone(name).build(None, 0)
    wanted, entered = embed(backbone, arrays, 4)
    for batch in (1, 8, 16, 40):
        found, met = embed(backbone, arrays, batch)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6 * float(wanted.abs().max()))
        assert met == entered
    again, _ = embed(backbone, arrays, 4)
    assert torch.equal(again, wanted)


def test_a_network_that_wants_it_gets_channels_last_while_it_embeds_and_no_longer():
    backbone, seen = find_backbone(NAMES[0]).build(None, 0), []
    backbone.model.conv1.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    pixels, preparation = torch.rand(2, 2, 32, 32), Preparation(torch.zeros(2), torch.ones(2))
    with torch.inference_mode():
        apart = backbone(pixels, preparation).vector
        with laid_out(backbone, torch.device("cpu")):
            together = backbone(pixels, preparation).vector
        backbone(pixels, preparation)
    assert [x.is_contiguous(memory_format=torch.channels_last) for x in seen] == [False, True, False]
    torch.testing.assert_close(apart, together, rtol=0, atol=1e-6 * float(apart.abs().max()))

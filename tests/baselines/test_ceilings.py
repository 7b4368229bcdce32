"""Networks supervised on photographs under names of their own: what timm's names stand for, and no other network."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from baselines.registry import find_backbone
from baselines.table import BACKBONES

CEILINGS = {
    "imagenet_resnet50": "resnet50",
    "imagenet_convnextv2": "convnextv2_tiny",
    "imagenet_efficientnet": "efficientnet_b0",
}


@pytest.mark.parametrize(("name", "model"), CEILINGS.items())
def test_a_ceiling_is_timms_standard_weights_by_another_name(name, model):
    known = timm.get_pretrained_cfg(model)
    ours, timms = BACKBONES[name], find_backbone(f"timm:{model}.{known.tag}")
    assert ours.requires["name"] == timms.requires["name"]
    for field in ("settings", "module", "bands", "unit", "size_px", "licence", "library", "source", "kind", "weights"):
        assert getattr(ours, field) == getattr(timms, field), field
    with torch.device("meta"):
        network = timm.create_model(model, num_classes=0)
    assert ours.parameters == sum(parameter.numel() for parameter in network.parameters())


def test_one_network_under_two_names_has_one_identity(tmp_path):
    torch.manual_seed(0)
    save_file(timm.create_model("efficientnet_b0").state_dict(), tmp_path / "w.safetensors")
    entries = [find_backbone(name) for name in ("imagenet_efficientnet", "timm:efficientnet_b0")]
    built = [entry.build(tmp_path / "w.safetensors", 0) for entry in entries]
    assert entries[0].describe(built[0]) == entries[1].describe(built[1])
    assert built[0].origin.weights_sha256 == built[1].origin.weights_sha256
    assert built[0].inputs == built[1].inputs


def test_a_ceiling_without_its_weights_names_the_command_that_fetches_them(monkeypatch, tmp_path):
    from huggingface_hub import constants

    from mp_mae.errors import NotHereError

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NotHereError, match=r"hf download timm/resnet50\.a1_in1k model\.safetensors"):
        BACKBONES["imagenet_resnet50"].build(None, 0)

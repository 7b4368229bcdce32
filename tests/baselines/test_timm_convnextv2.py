"""ConvNeXt V2 of every size, pretrained by FCMAE alone or fine-tuned on labels after it: two things, never mixed."""

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from baselines.inputs import Preparation
from baselines.registry import find_backbone
from mp_mae.errors import UserError

SIZES = ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge")


def write(folder, *, fine_tuned, size="atto"):
    """A file as timm distributes it: fcmae weights have neither classifier nor final norm."""
    torch.manual_seed(0)
    network = timm.create_model(f"convnextv2_{size}", num_classes=1000)
    state = {key: torch.randn_like(tensor) * 0.05 for key, tensor in network.state_dict().items()}
    kept = {key: tensor for key, tensor in state.items() if fine_tuned or not key.startswith("head.")}
    path = folder / f"{size}_{fine_tuned}.safetensors"
    save_file(kept, path)
    return path


@pytest.mark.parametrize("size", SIZES)
def test_every_size_has_both_and_its_licence_is_told(size):
    for tag in ("fcmae", "fcmae_ft_in1k"):
        entry = find_backbone(f"timm:convnextv2_{size}.{tag}")
        assert (entry.settings, entry.licence) == ({"model": f"convnextv2_{size}"}, "cc-by-nc-4.0")


@pytest.mark.parametrize("size", SIZES)
def test_what_fcmae_leaves_fresh_is_the_same_in_every_size(size):
    with torch.device("meta"):
        keys = timm.create_model(f"convnextv2_{size}", num_classes=0).state_dict().keys()
    assert {key for key in keys if key.startswith("head.")} == {"head.norm.weight", "head.norm.bias"}


def test_the_final_norm_of_fcmae_weights_starts_as_the_identity(tmp_path):
    path = write(tmp_path, fine_tuned=False)
    state = find_backbone("timm:convnextv2_atto.fcmae").build(path, 0).model.state_dict()
    assert bool((state["head.norm.weight"] == 1).all())
    assert not state["head.norm.bias"].any()
    assert torch.equal(state["stem.0.weight"], load_file(path)["stem.0.weight"])


def test_imagenet_mae_is_the_same_network(tmp_path):
    path = write(tmp_path, fine_tuned=False)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    given = Preparation(torch.zeros(3), torch.ones(3))
    with torch.inference_mode():
        ours, timms = (
            find_backbone(name).build(path, 0)(pixels, given) for name in ("imagenet_mae", "timm:convnextv2_atto.fcmae")
        )
    assert torch.equal(ours.vector, timms.vector)
    assert all(torch.equal(first, second) for first, second in zip(ours.maps, timms.maps, strict=True))


def test_neither_is_taken_for_the_other(tmp_path):
    pretrained, fine_tuned = (write(tmp_path, fine_tuned=tuned) for tuned in (False, True))
    with pytest.raises(UserError, match=r"not the weights of timm's convnextv2_atto.fcmae_ft_in1k: missing \['head.n"):
        find_backbone("timm:convnextv2_atto.fcmae_ft_in1k").build(pretrained, 0)
    with pytest.raises(UserError, match=r"unexpected \['head.fc.bias', 'head.fc.weight'\]"):
        find_backbone("timm:convnextv2_atto.fcmae").build(fine_tuned, 0)
    state = {key: tensor for key, tensor in load_file(fine_tuned).items() if not key.startswith("head.fc")}
    save_file(state, fine_tuned)
    with pytest.raises(UserError, match=r"head.norm.weight has learnt, as in weights that were fine-tuned"):
        find_backbone("timm:convnextv2_atto.fcmae").build(fine_tuned, 0)


def test_another_size_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"not the weights of timm's convnextv2_femto\.fcmae"):
        find_backbone("timm:convnextv2_femto.fcmae").build(write(tmp_path, fine_tuned=False), 0)

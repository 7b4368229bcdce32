"""Models of timm by name: contract, weights, sizes. Those that timm keeps for tests stand for their families."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from baselines.bands import Unit
from baselines.conformance import check_backbone
from baselines.inputs import Preparation
from baselines.registry import check_name, find_backbone
from mp_mae.errors import UserError

FAMILIES = ("test_resnet", "test_vit", "test_convnext", "test_efficientnet")
MORE_FAMILIES = (
    "test_byobnet", "test_coatnet", "test_efficientnet_evos", "test_mambaout", "test_nfnet", "test_vit2",
    "test_vit4", "test_vit_relpos",
)  # fmt: skip
REAL_FAMILIES = (
    "resnet18", "regnety_002", "densenet121", "efficientnet_b0", "mobilenetv4_conv_small", "convnextv2_atto",
    "vit_tiny_patch16_224", "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3", "eva02_tiny_patch14_224",
    "beit_base_patch16_224", "xcit_nano_12_p16_224", "swin_tiny_patch4_window7_224", "hiera_tiny_224", "pvt_v2_b0",
    "test_maxvit", "levit_128s", "mixer_s32_224", "resmlp_12_224", "vgg11",
)  # fmt: skip
"""One of each, small: what timm's own test models do not stand for."""


def write_weights(path, name, n_classes=1000):
    torch.manual_seed(3)
    save_file(timm.create_model(name, num_classes=n_classes).state_dict(), path)
    return path


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_keeps_the_contract(name, tmp_path):
    weights = write_weights(tmp_path / "w.safetensors", name)
    for entry, file in ((find_backbone(f"timm:{name}"), weights), (find_backbone(f"timm:{name}?random"), None)):
        verdicts = list(check_backbone(entry, file))
        assert [verdict for verdict in verdicts if verdict.passed is False] == []


@pytest.mark.parametrize("name", [*MORE_FAMILIES, *(pytest.param(n, marks=pytest.mark.slow) for n in REAL_FAMILIES)])
def test_other_families_keep_it_with_other_bands(name):
    verdicts = list(check_backbone(find_backbone(f"timm:{name}?random&bands=B4,B3,B2,B8"), None))
    assert [verdict for verdict in verdicts if verdict.passed is False] == []


@pytest.mark.parametrize("name", FAMILIES)
def test_the_vector_is_what_timms_classifier_gets(name, tmp_path):
    backbone = find_backbone(f"timm:{name}").build(write_weights(tmp_path / "w.safetensors", name), 0)
    x = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(3)
    whole = timm.create_model(name, num_classes=1000).eval()
    with torch.inference_mode():
        vector = backbone(x, Preparation(torch.zeros(3), torch.ones(3))).vector
        torch.testing.assert_close(whole.get_classifier()(vector), whole(x), atol=1e-4, rtol=1e-4)


def test_one_thread_tries_what_it_can_embed(monkeypatch):
    """On a busy machine several would wait for each other, for a minute now and then."""
    threads, convolve = [], torch.nn.Conv2d.forward

    def look(self, x):
        threads.append(torch.get_num_threads())
        return convolve(self, x)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", look)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        find_backbone("timm:test_resnet?random").build(None, 0)
        assert set(threads) == {1}
        assert torch.get_num_threads() == 2, "it is for these looks alone"
    finally:
        torch.set_num_threads(before)


def test_its_pretraining_is_known_for_8_bit_values_and_its_size(tmp_path):
    inputs = find_backbone("timm:test_resnet").build(write_weights(tmp_path / "w.safetensors", "test_resnet"), 0).inputs
    known = timm.get_pretrained_cfg("test_resnet")
    assert (inputs.bands, inputs.unit, inputs.native_size_px) == (("red", "green", "blue"), Unit.UINT8, 160)
    assert inputs.moments["green"] == pytest.approx((255 * known.mean[1], 255 * known.std[1]))


def test_untrained_weights_are_drawn_from_the_seed_and_only_by_an_explicit_wish():
    entry = find_backbone("timm:test_vit?random")
    assert (entry.weights, entry.seeded) == ("none", True)
    hashes = [entry.build(None, seed).origin.weights_sha256 for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert entry.build(None, 0).inputs.unit is None, "nothing standardised its input in training: there was none"


def test_which_weights_were_named_decides_no_identity_but_their_content(tmp_path):
    weights = write_weights(tmp_path / "w.safetensors", "test_resnet")
    entries = [find_backbone(f"timm:{name}") for name in ("test_resnet", "test_resnet.r160_in1k")]
    assert len({str(entry.describe(entry.build(weights, 0))) for entry in entries}) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("timm:resnet1", r"has no model 'resnet1'. Did you mean resnet"),
        ("timm:test_resnet.nobodys", r"no weights 'nobodys' of test_resnet, but test_resnet.r160_in1k"),
        ("timm:test_resnet?zeros", r"there is `timm:test_resnet\?random`"),
    ],
)
def test_what_timm_does_not_have_is_refused_with_what_it_has(name, told):
    with pytest.raises(UserError, match=told):
        check_name(name)


def test_weights_of_another_model_are_refused(tmp_path):
    weights = write_weights(tmp_path / "w.safetensors", "test_convnext")
    with pytest.raises(UserError, match="not the weights of timm's test_vit: missing"):
        find_backbone("timm:test_vit").build(weights, 0)


def test_the_list_knows_what_a_name_stands_for():
    known = find_backbone("timm:vit_base_patch14_dinov2")
    assert (known.licence, known.unit, known.size_px, known.library) == ("apache-2.0", "8-bit", 518, "timm")
    assert known.source == "https://huggingface.co/timm/vit_base_patch14_dinov2.lvd142m"
    infrared, random = (find_backbone(f"timm:resnet18?{wish}") for wish in ("bands=B4,B8", "random"))
    assert (infrared.bands, infrared.unit) == ("B4, B8", "standardised"), "nobody knows moments of infrared"
    assert (random.licence, random.unit, random.source) == ("none needed", "standardised", "drawn from the seed")

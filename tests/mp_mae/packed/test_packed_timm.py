"""timm's own ConvNeXt V2 at visible patches: equal to timm's dense one, and trained by the example at toy size."""

import re
import runpy
from functools import cache
from pathlib import Path

import pytest
import timm
import torch

from generated_mmearth import write_mmearth
from masked_dense import masked_stages
from mp_mae.errors import UserError
from mp_mae.masking import Mask, draw_mask
from mp_mae.packed.encoder import densify
from mp_mae.packed.timm_encoder import PATCH, forward_packed_timm

EXAMPLE = Path(__file__).parents[3] / "examples" / "masked_timm.py"


@cache
def random_model(n_bands=3):
    """Float64; weights large enough for every layer to matter."""
    torch.manual_seed(n_bands)
    model = timm.create_model("convnextv2_atto", in_chans=n_bands, num_classes=0, conv_mlp=False).double().eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight), alpha=weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.2)
    return model


def images(n_bands, rows=2, cols=3):
    return torch.randn(2, n_bands, rows * PATCH, cols * PATCH, dtype=torch.float64)


@pytest.mark.parametrize("n_bands", [3, 12])
def test_with_nothing_removed_it_is_timms_own_forward_pass(n_bands):
    model, x = random_model(n_bands), images(n_bands)
    everything = Mask(torch.arange(6).expand(2, -1), torch.empty(2, 0, dtype=torch.int64))
    with torch.no_grad():
        packed = densify(forward_packed_timm(model, x, everything), everything, 2, 3)
        torch.testing.assert_close(packed, model.forward_features(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("grn", ["sample", "batch"])
def test_removed_patches_are_as_sites_that_do_not_exist(grn):
    model, x = random_model(), images(3)
    mask = draw_mask(torch.Generator().manual_seed(0), 2, 6, 0.5)
    there = torch.zeros(2, 6, dtype=torch.bool).scatter(1, mask.visible, True).view(2, 1, 2, 3)
    sites = there.repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        dense = masked_stages(model, torch.where(sites, model.stem(x), 0), sites, grn)
        packed = densify(forward_packed_timm(model, x, mask, grn), mask, 2, 3)
    torch.testing.assert_close(packed, dense, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "side", "says"),
    [
        ("convnextv2_atto", {"conv_mlp": True}, 64, 'timm.create_model("convnextv2_...", conv_mlp=False)'),
        ("convnext_atto", {"conv_mlp": False}, 64, "need a ConvNeXt V2 of timm with linear layers"),
        ("convnextv2_atto", {"conv_mlp": False, "stem_type": "overlap"}, 64, "a stem of 4 x 4 pixels"),
        ("convnextv2_atto", {"conv_mlp": False}, 48, "The images are 48x48 px; crop them to multiples of the 32 px"),
        ("convnextv2_atto", {"conv_mlp": False}, 96, "The mask is of 1 images of 4 patches; wanted 1 images of 9"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, side, says):
    mask = draw_mask(torch.Generator(), 1, 4, 0.5)
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=0, **options)
    with pytest.raises(UserError, match=re.escape(says)):
        forward_packed_timm(model, torch.empty(1, 3, side, side, device="meta"), mask)


def test_the_example_trains_what_timm_loads(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=4, side=64)
    words = [str(data), str(tmp_path / "out"), "--epochs", "6", "--batch", "4", "--device", "cpu"]
    losses = runpy.run_path(str(EXAMPLE))["main"](words)
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    model = timm.create_model(f"local-dir:{tmp_path / 'out'}", pretrained=True, num_classes=5)
    untrained = timm.create_model("convnextv2_atto", num_classes=5, conv_mlp=False)
    assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 5)
    assert {name: t.shape for name, t in model.state_dict().items()} == {
        name: t.shape for name, t in untrained.state_dict().items()
    }
    torch.manual_seed(0)
    begun = timm.create_model("convnextv2_atto", num_classes=0, conv_mlp=False).stem[0].weight
    assert not torch.equal(model.stem[0].weight, begun)

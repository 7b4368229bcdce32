"""Small untrained backbones of the families that people bring, on two bands; `BACKBONES` may name this module.

A ResNet with batch norms, a vision transformer with a class token, a Swin, one in DINO's style (class token, registers,
rotary positions) and one whose first layer is made from the bands' wavelengths.
"""

from functools import partial
from pathlib import Path

import torch
from timm.models.eva import Eva
from timm.models.resnet import BasicBlock, ResNet
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.contract import Backbone, Features, InputSpec, Level, Origin
from baselines.entry import Entry
from baselines.facts import Fact, Facts
from baselines.timm_models.network import TimmBackbone
from mp_mae.checkpoint import hash_tensors

BANDS = ("B2", "B4")
SIDE = 16
"""Pixels of the images that a test feeds."""

NETWORKS = {
    "resnet": partial(ResNet, BasicBlock, (1, 1, 1, 1), channels=(8, 16, 16, 32)),
    "vit": partial(
        VisionTransformer, img_size=SIDE, patch_size=4, embed_dim=24, depth=2, num_heads=2, global_pool="token"
    ),
    "swin": partial(
        SwinTransformer, img_size=SIDE, patch_size=2, embed_dim=16, depths=(2, 2), num_heads=(2, 2), window_size=4
    ),
    "dino": partial(
        Eva, img_size=SIDE, patch_size=4, embed_dim=24, depth=2, num_heads=2, num_reg_tokens=4, global_pool="token",
        use_rot_pos_emb=True, use_abs_pos_emb=False, rope_type="dinov3", dynamic_img_size=True,
    ),
}  # fmt: skip


class Wavelengths(Backbone):
    """Makes the filters of its patches from each band's wavelength, as DOFA does, in far fewer weights."""

    def __init__(self) -> None:
        filters = nn.Sequential(nn.Linear(1, 16), nn.GELU(), nn.Linear(16, 12 * 4 * 4))
        mixer = nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 24), nn.GELU(), nn.Linear(24, 12))
        super().__init__(
            inputs=InputSpec(bands=BANDS, size_multiple=4, uses=frozenset({Fact.WAVELENGTH})),
            origin=Origin(weights_sha256=hash_tensors(filters.state_dict()), description="untrained"),
            pyramid=(Level(12, 4),),
        )
        self.filters, self.mixer = filters, mixer
        self.eval()

    def embed(self, x: Tensor, facts: Facts) -> Features:
        wavelengths = x.new_tensor([[band.wavelength_um] for band in facts.bands])  # (C, 1)
        filters = self.filters(wavelengths).unflatten(1, (12, 4, 4)).movedim(1, 0)  # (12, C, 4, 4)
        tokens = F.conv2d(x, filters, stride=4).movedim(1, 3)
        maps = (tokens + self.mixer(tokens)).movedim(3, 1)
        return Features(vector=maps.mean((2, 3)), maps=(maps,))


def build(weights: Path | None, seed: int, *, family: str) -> Backbone:
    """The same network each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if family == "wavelengths":
            return Wavelengths()
        network = NETWORKS[family](in_chans=len(BANDS), num_classes=0)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):  # it has seen something
                module.running_mean.normal_(std=0.1)
    spec = InputSpec(bands=BANDS, size_multiple=SIDE, native_size_px=SIDE, fixed_size=family in ("vit", "swin"))
    origin = Origin(weights_sha256=hash_tensors(network.state_dict()), description="untrained")
    return TimmBackbone(network, inputs=spec, origin=origin)


ENTRIES = {
    family: Entry(name=family, summary="for tests", module=__name__, settings={"family": family}, weights="none")
    for family in (*NETWORKS, "wavelengths")
}

"""The U-Net decoder fits any pyramid and any image."""

import pytest
import timm
import torch

from baselines.contract import Level
from harness.training.heads import UNetDecoder

CONVNEXTS = ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge")
MODELS = (
    *(f"convnextv2_{size}" for size in CONVNEXTS),
    *(f"resnet{depth}" for depth in (18, 26, 34, 50, 101, 152)),
    *(f"swin_{size}_patch4_window7_224" for size in ("tiny", "small", "base", "large")),
    *(f"swinv2_{size}_window8_256" for size in ("tiny", "small", "base")),
)


def decode_on_meta(model, size, **options):
    """Logits of the decoder over a timm model's pyramid, computing shapes alone."""
    with torch.device("meta"):
        encoder = timm.create_model(model, pretrained=False, features_only=True, **options).eval()
        levels = [
            Level(c, s) for c, s in zip(encoder.feature_info.channels(), encoder.feature_info.reduction(), strict=True)
        ]
        decoder = UNetDecoder(levels, n_classes=5)
        maps = encoder(torch.empty(2, 3, *size))
    channels_last = maps[0].shape[1] != levels[0].channels  # timm's Swin
    return decoder([level.permute(0, 3, 1, 2) if channels_last else level for level in maps], size)


@pytest.mark.parametrize("model", MODELS)
def test_logits_have_the_masks_size_over_every_listed_timm_model(model):
    fixed = "swin" in model
    size = (256, 256) if "swinv2" in model else (224, 224) if fixed else (96, 160)
    assert decode_on_meta(model, size).shape == (2, 5, *size)


@pytest.mark.parametrize("size", [(64, 64), (33, 47), (500, 500), (120, 36)])
def test_logits_have_the_masks_size_whatever_it_is(size):

    levels = [Level(4, 1), Level(6, 2), Level(8, 4)]
    padded = [-(-side // 4) * 4 for side in size]
    maps = [
        torch.empty(1, level.channels, *(side // level.stride for side in padded), device="meta") for level in levels
    ]
    with torch.device("meta"):
        assert UNetDecoder(levels, 3)(maps, size).shape == (1, 3, *size)


def test_maps_that_end_before_the_border_repeat_their_last_cell():
    """The published geometry has no row for the last pixels of an image."""
    decoder = UNetDecoder([Level(4, 1), Level(4, 2)], 2).eval()
    maps = [torch.randn(1, 4, 6, 6), torch.randn(1, 4, 3, 3)]
    logits = decoder(maps, (8, 7))
    assert logits.shape == (1, 2, 8, 7)
    assert torch.equal(logits[..., 7, :6], decoder(maps, (6, 6))[..., 5, :])


def test_every_level_of_the_pyramid_reaches_the_logits():
    torch.manual_seed(0)
    levels = [Level(4, 2), Level(6, 4), Level(8, 8)]
    decoder = UNetDecoder(levels, 2)
    maps = [torch.randn(1, level.channels, 16 // level.stride, 16 // level.stride) for level in levels]
    before = decoder(maps, (16, 16))
    for i in range(3):
        changed = [torch.randn_like(level) if j == i else level for j, level in enumerate(maps)]
        assert (decoder(changed, (16, 16)) - before).abs().max() > 1e-3


def test_an_images_logits_do_not_depend_on_its_batch():
    torch.manual_seed(0)
    levels = [Level(4, 1), Level(6, 2)]
    decoder = UNetDecoder(levels, 2)
    maps = [torch.randn(3, level.channels, 8 // level.stride, 8 // level.stride) for level in levels]
    alone = decoder([level[1:2] for level in maps], (8, 8))
    torch.testing.assert_close(decoder(maps, (8, 8))[1:2], alone)

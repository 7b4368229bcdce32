"""What is done to pixels before a network sees them: size, no data, statistics; and what is measured of it."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from baselines import multi_pretext
from baselines.entry import DEMO_WEIGHTS
from baselines.inputs import (
    EXTRACTION_VERSION,
    IMAGENET_8_BIT,
    Moments,
    PixelKind,
    Preparation,
    interpolate,
    pad_to_multiple,
    prepare,
    resample,
)
from baselines.meter import InputMeter, NetworkInput
from baselines.table import BACKBONES
from mp_mae.checkpoint import load_checkpoint, save_checkpoint
from mp_mae.errors import UserError
from official_checkpoint import write_official_checkpoint
from toy_images import tiny_backbone


def draw(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 3000


def preparation(channels, size_px=None):
    return Preparation(torch.linspace(1000, 1500, channels), torch.linspace(300, 900, channels), size_px)


def entering(backbone, pixels, prepared_by):
    seen = []
    handle = backbone.entrance.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    with torch.inference_mode():
        backbone(pixels, prepared_by)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("size_px", [(24, 24), (10, 7), (9, 40)])
def test_a_resampled_image_is_torchs_antialiased_bilinear_one(size_px):
    x = draw(2, 3, 16, 20)
    torch.testing.assert_close(resample(x, size_px), F.interpolate(x, size=size_px, mode="bilinear", antialias=True))


def test_shrinking_does_not_alias():
    """Stripes of one pixel become grey, where plain bilinear sampling could keep either colour alone."""
    stripes = torch.tensor([0.0, 1.0]).repeat(16).expand(1, 1, 32, 32)
    inner = resample(stripes, (8, 8))[..., 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5))


@pytest.mark.parametrize("size_px", [(5, 5), (8, 8), (33, 12)])
def test_constant_images_stay_constant(size_px):
    resampled = resample(torch.full((1, 2, 8, 8), 1234.5), size_px)
    assert resampled.shape == (1, 2, *size_px)
    torch.testing.assert_close(resampled, torch.full_like(resampled, 1234.5))


def test_an_image_of_that_size_stays_as_it_is():
    x = draw(1, 2, 8, 8)
    assert torch.equal(resample(x, (8, 8)), x)
    assert interpolate(x, (8, 8)) is x


@pytest.mark.parametrize("size_px", [(4, 4), (16, 16), (11, 11)])
def test_no_data_neither_spreads_nor_pulls_its_neighbours(size_px):
    """What remains of a constant image with holes is that constant, and the holes remain about as large."""
    x = torch.full((1, 1, 8, 8), 700.0)
    x[..., 2:6, 2:6] = torch.nan
    x[..., 3, 3] = torch.inf
    resampled = resample(x, size_px)
    known = torch.isfinite(resampled)
    assert not resampled.isinf().any()
    torch.testing.assert_close(resampled[known], torch.full_like(resampled[known], 700.0))
    assert (~known).float().mean() == pytest.approx(16 / 64, abs=0.1)


def test_a_pixel_with_less_than_half_its_weight_known_has_no_data():
    """Doubled, an inner pixel takes 3/4 of the nearer and 1/4 of the farther old one."""
    x = torch.tensor([10.0, torch.nan, 30.0]).expand(1, 1, 3, 3)
    row = resample(x, (3, 6))[0, 0, 1]
    torch.testing.assert_close(row, torch.tensor([10.0, 10.0, torch.nan, torch.nan, 30.0, 30.0]), equal_nan=True)


def test_bands_do_not_share_their_holes():
    x = draw(1, 2, 8, 8)
    x[:, 0, :4] = torch.nan
    torch.testing.assert_close(resample(x, (4, 4))[:, 1], resample(x[:, 1:], (4, 4))[:, 0])


def test_normalisation_before_or_after_resampling_is_the_same():
    x = draw(2, 3, 16, 16)
    resampled_last = interpolate(prepare(x, preparation(3)), (6, 6))
    torch.testing.assert_close(prepare(x, preparation(3, (6, 6))), resampled_last, atol=1e-5, rtol=0)


def test_no_data_becomes_the_mean_after_resampling_too():
    x = draw(1, 2, 8, 8)
    x[:, 1] = torch.nan
    prepared = prepare(x, preparation(2, (16, 16)))
    assert (prepared[:, 1] == 0).all()
    assert (prepared[:, 0] != 0).all()


def test_the_tensor_that_enters_has_the_size_asked_for():
    backbone, pixels = tiny_backbone(), draw(3, 2, 16, 16)
    assert entering(backbone, pixels, preparation(2)).shape == (3, 2, 16, 16)
    assert entering(backbone, pixels, preparation(2, (24, 24))).shape == (3, 2, 24, 24)
    assert entering(backbone, pixels, preparation(2, (20, 20))).shape == (3, 2, 24, 24)  # padded to whole patches


def test_measured_statistics_are_those_of_the_fed_tensor():
    """Batches of unlike sizes and levels, values far from zero: single precision sums would be off."""
    batches = [draw(n, 3, 8, 12, seed=n) + 5000 + 1000 * n for n in (4, 1, 2)]
    batches[0][:, 2] = batches[1][:, 2] = batches[2][:, 2] = 9999.1
    meter = InputMeter()
    for batch in batches:
        meter.add(batch)
    whole = torch.cat(batches).double().numpy()
    found = meter.result()
    assert (found.images, found.size_px) == (7, (8, 12))
    np.testing.assert_allclose(found.mean, whole.mean(axis=(0, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(found.std, whole.std(axis=(0, 2, 3)), rtol=1e-5, atol=0.01)


def test_meters_of_parts_add_up_to_that_of_the_whole():
    x = draw(7, 2, 8, 8)
    parts, whole = [InputMeter() for _ in range(3)], InputMeter()
    whole.add(x)
    parts[0].add(x[:2])
    parts[1].add(x[2:])
    parts[0].merge(pickle.loads(pickle.dumps(parts[1])))  # of another process
    parts[0].merge(parts[2])  # of a process that got no image
    assert parts[0].result() == whole.result()


def test_a_meter_sees_what_enters_while_it_watches_and_nothing_later():
    backbone, pixels, meter = tiny_backbone(), draw(3, 2, 16, 16), InputMeter()
    with torch.inference_mode():
        with meter.watching(backbone):
            backbone(pixels, preparation(2, (24, 24)))
        backbone(pixels, preparation(2))
    fed = entering(backbone, pixels, preparation(2, (24, 24))).double().numpy()
    np.testing.assert_allclose(meter.result().mean, fed.mean(axis=(0, 2, 3)), rtol=1e-4)
    assert meter.result().images == 3


def test_what_was_measured_comes_back_from_json():
    meter = InputMeter()
    meter.add(draw(2, 2, 8, 8))
    measured = meter.result()
    fields = json.loads(json.dumps(dataclasses.asdict(measured)))
    assert NetworkInput.from_json(fields) == measured
    with pytest.raises(ValueError, match="2 means and 1"):
        NetworkInput.from_json({**fields, "std": [1.0]})


def test_our_own_checkpoint_brings_the_statistics_of_its_pretraining():
    statistics = BACKBONES["mp_mae"].build(DEMO_WEIGHTS / "mp_mae", 0).inputs.pretraining
    held = json.loads((DEMO_WEIGHTS / "mp_mae" / "config.json").read_text())["normalisation"]["sentinel2"]
    assert set(statistics) == {PixelKind.SENTINEL2_L1C, PixelKind.SENTINEL2_L2A}
    nir = held["bands"].index("B8")
    assert statistics[PixelKind.SENTINEL2_L1C]["B8"] == (held["l1c"]["mean"][nir], held["l1c"]["std"][nir])
    assert statistics[PixelKind.SENTINEL2_L2A]["B8"] != statistics[PixelKind.SENTINEL2_L1C]["B8"]


def test_an_official_checkpoint_and_untrained_weights_have_none(tmp_path):
    official = write_official_checkpoint(tmp_path / "official.pth", "56_8")
    assert not BACKBONES["mp_mae"].build(official, 0).inputs.pretraining
    assert not BACKBONES["random_init"].build(None, 0).inputs.pretraining
    assert not BACKBONES["image_statistics"].build(None, 0).inputs.pretraining


def with_statistics(folder, held):
    checkpoint = load_checkpoint(DEMO_WEIGHTS / "mp_mae")
    summary = dataclasses.replace(checkpoint.summary, normalisation={"sentinel2": held})
    save_checkpoint(dataclasses.replace(checkpoint, summary=summary), folder)
    return folder


def test_a_level_without_tiles_has_no_statistics(tmp_path):
    """Data without tiles of a level store mean 0 and std 1 for it, which would leave raw values as they are."""
    held = {
        "bands": ["B2", "B3"],
        "l1c": {"mean": [0.0, 0.0], "std": [1.0, 1.0]},
        "l2a": {"mean": [900.0, 950.0], "std": [300.0, 310.0]},
    }
    statistics = multi_pretext.build(with_statistics(tmp_path / "own", held), 0).inputs.pretraining
    assert statistics == {PixelKind.SENTINEL2_L2A: {"B2": Moments(900.0, 300.0), "B3": Moments(950.0, 310.0)}}


def test_statistics_of_another_shape_are_refused(tmp_path):
    held = {"bands": ["B2", "B3"], "l2a": {"mean": [900.0], "std": [300.0]}}
    with pytest.raises(UserError, match="wanted the statistics of its pretraining"):
        multi_pretext.build(with_statistics(tmp_path / "own", held), 0)


PREPARED_BY_VERSION = {
    1: [
        [-0.39063, -0.08775, 1.16327, 1.16327, 6.25429, 7.77341, 8.2271, 8.2271, 17.18892, 19.28085, 0, 0],
        [0.90453, 1.1556, 1.41299, 1.41299, 2.23188, 2.51551, 2.80476, 2.80476, 3.70298, 4.01603, 4.07923, 4.07923],
    ]
}


def test_other_numbers_enter_a_network_only_under_another_extraction_version():
    """Resampled from 5 x 5 with holes to 3 x 3, standardised, padded to 4 x 4. If these numbers have to change, raise
    EXTRACTION_VERSION and put the new ones here: features that are stored, and runs, are of the old ones."""
    pixels = torch.arange(50, dtype=torch.float32).reshape(1, 2, 5, 5) ** 1.5
    pixels[0, 0, 0, 0], pixels[0, 0, 3:, 3:], pixels[0, 1, 4, 4] = torch.nan, torch.nan, torch.inf
    asked = Preparation(torch.tensor([10.0, 100.0]), torch.tensor([4.0, 50.0]), (3, 3))
    prepared = pad_to_multiple(prepare(pixels, asked), 4)
    assert prepared.shape == (1, 2, 4, 4)
    expected = torch.tensor(PREPARED_BY_VERSION[EXTRACTION_VERSION]).reshape(2, 3, 4)
    torch.testing.assert_close(prepared[0, :, :3], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(prepared[0, :, 3], prepared[0, :, 2])


def test_imagenets_statistics_are_of_8_bit_values():
    assert IMAGENET_8_BIT["red"] == pytest.approx((123.675, 58.395))

"""Masks keep their size whatever size images are embedded at: cells, logits and losses are brought back to it."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from harness.protocols.masks.hypercolumn import hypercolumns, pixel_logits
from harness.training.devices import Devices
from harness.training.fine_tuning import Training
from harness.training.network import build_network
from harness.training.predict import measure_input, predict_split
from harness.training.recipe import FineTuneSettings
from toy_images import ToyImages, blobs, textures

SHORT = FineTuneSettings(epochs=1, min_updates=3, batch_size=6, evaluations=1, erasing=0.5)


@dataclass
class Resampled(ToyImages):
    """The same images, resampled before they enter."""

    side: int = 24

    def preparation(self, split):
        return super().preparation(split)._replace(size_px=(self.side, self.side))


def resampled(material, side):
    return Resampled(material.label_kind, material.n_classes, material.images, material.targets, side=side)


def test_a_pixel_that_became_two_is_the_mean_of_both():
    level = np.arange(8.0, dtype=np.float32).reshape(1, 8, 1).repeat(8, axis=0)
    columns = hypercolumns([level], [1], np.array([0, 1]), np.array([0, 3]), zoom=(2.0, 2.0))
    assert columns[:, 0].tolist() == [0.5, 6.5]


def test_zoom_and_stride_cancel():
    level = np.random.default_rng(0).standard_normal((4, 4, 3)).astype(np.float32)
    y, x = np.mgrid[:4, :4].reshape(2, -1)
    assert np.array_equal(hypercolumns([level], [2], y, x, zoom=(2.0, 2.0)), level.reshape(-1, 3))


@pytest.mark.parametrize("fed", [(8, 8), (24, 24), (48, 16), (10, 14)])
def test_logits_of_levels_are_those_of_hypercolumns_at_any_zoom(fed):
    """Masks of 10 x 14 px; strides 1, 2 and 4 over images padded to whole patches."""
    rng = np.random.default_rng(0)
    sides = [-(-side // 4) * 4 for side in fed]
    maps = [rng.standard_normal((sides[0] // s, sides[1] // s, 2 + s)).astype(np.float32) for s in (1, 2, 4)]
    weights = [rng.standard_normal((3, level.shape[-1])).astype(np.float32) for level in maps]
    bias, zoom = rng.standard_normal(3).astype(np.float32), (fed[0] / 10, fed[1] / 14)
    y, x = np.mgrid[:10, :14].reshape(2, -1)
    whole = hypercolumns(maps, (1, 2, 4), y, x, zoom) @ np.hstack(weights).T + bias
    levelwise = pixel_logits(maps, (1, 2, 4), weights, bias, (10, 14), zoom)
    assert levelwise.shape == (3, 10, 14)
    np.testing.assert_allclose(levelwise.reshape(3, -1).T, whole, atol=2e-5)


def test_a_gradient_is_read_off_at_the_same_place_at_every_size():
    """Brightness rises evenly from left to right; where a pixel lies must not depend on the size embedded."""
    for width in (8, 16, 40):
        ramp = ((np.arange(width) + 0.5) / width).astype(np.float32).reshape(1, width, 1).repeat(4, axis=0)
        found = hypercolumns([ramp], [1], np.zeros(14, int), np.arange(1, 15), zoom=(1.0, width / 16))
        np.testing.assert_allclose(found[:, 0], (np.arange(1, 15) + 0.5) / 16, atol=1e-6)


@pytest.mark.parametrize("side", [8, 24, 20])
def test_predicted_masks_have_the_size_of_the_masks(side):
    material = resampled(blobs(n=(7, 3, 2)), side)
    training = Training(material, SHORT, 0, Devices("cpu"))
    list(training.run())
    predicted = predict_split(training, "valid")
    assert predicted.shape == (3, 16, 16)
    assert predicted.dtype == np.uint8


def test_the_network_gets_the_size_asked_for_and_the_measurement_says_so():
    for material in (textures(n=(7, 3, 2)), blobs(n=(7, 3, 2))):
        at_16 = measure_input(Training(material, SHORT, 0, Devices("cpu")))
        at_8 = measure_input(Training(resampled(material, 8), SHORT, 0, Devices("cpu")))
        assert (at_16.images, at_16.size_px, at_8.size_px) == (7, (16, 16), (8, 8))
        raw = material.images["train"].astype(np.float32)
        np.testing.assert_allclose(at_16.mean, raw.mean(axis=(0, 2, 3)), atol=1e-5)
        np.testing.assert_allclose(at_16.std, raw.std(axis=(0, 2, 3)), rtol=1e-4)
        assert max(at_8.std) < 0.8 * min(at_16.std)  # noise and stripes are averaged


def test_measuring_changes_no_weight_and_no_draw():
    first, second = (Training(blobs(n=(7, 3, 2)), SHORT, 0, Devices("cpu")) for _ in range(2))
    measure_input(first)
    for training in (first, second):
        list(training.run())
    one, two = (torch.cat([p.detach().flatten() for p in t.network.parameters()]) for t in (first, second))
    assert torch.equal(one, two)


def test_the_size_is_what_the_loss_is_made_at():
    material = resampled(blobs(n=(7, 3, 2)), 32)
    network = build_network(material, 0)
    pixels = torch.from_numpy(material.pixels("train", slice(0, 2)))
    logits = network(pixels, material.preparation("train"))
    assert logits.shape == (2, 3, 16, 16)
    logits.sum().backward()
    assert all(p.grad is not None for p in network.head.parameters())

"""One training: what it does to weights, and what cannot change it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.records.labels import IGNORED, LabelKind
from harness.tasks import TASKS
from harness.training.devices import Devices
from harness.training.fine_tuning import Training
from harness.training.groups import falling_rates
from harness.training.loop import DivergedError
from harness.training.memory import PIXELS_AT_A_TIME, Portions
from harness.training.predict import predict_split
from harness.training.recipe import FineTuneSettings
from toy_images import blobs, textures, tiny_backbone

SHORT = FineTuneSettings(epochs=1, min_updates=3, batch_size=8, evaluations=1)


def trained(material, settings=SHORT, seed=0, at_a_time=None):
    training = Training(material, settings, seed, Devices("cpu"))
    if at_a_time:
        training.portions.largest = at_a_time
    list(training.run())
    return training


def weights(training):
    return torch.cat([p.detach().flatten() for p in training.network.parameters()])


@pytest.mark.parametrize("material", [textures(n=(9, 4, 4)), blobs(n=(7, 2, 2))], ids=["labels", "masks"])
def test_how_a_batch_is_cut_to_fit_into_memory_changes_nothing_but_rounding(material):
    """Uneven parts, flips, erasing, drop path and, in masks, pixels without a label are all in it."""
    if material.label_kind is LabelKind.SEGMENTATION:
        material.targets["train"][::2, :9] = IGNORED
    settings = replace(SHORT, erasing=0.5, drop_path=0.5)
    whole = weights(trained(material, settings))
    for at_a_time in (1, 3):
        torch.testing.assert_close(weights(trained(material, settings, at_a_time=at_a_time)), whole, atol=1e-4, rtol=0)
    assert (weights(trained(material, settings, seed=1)) - whole).abs().max() > 1e-3


def test_training_is_bit_identical_for_one_seed():
    first, second = (weights(trained(textures(n=(9, 4, 4)))) for _ in range(2))
    assert torch.equal(first, second)


def test_training_leaves_global_randomness_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    trained(textures(n=(9, 4, 4)))
    assert torch.equal(torch.rand(1), expected)


def small_memory(images, backbone=tiny_backbone):
    """A backbone on a device on which that many images fit."""

    def build():
        made = backbone()
        embed = made.embed

        def limited(x, facts):
            if len(x) > images:
                raise RuntimeError("CUDA out of memory. Tried to allocate 1 TiB.")
            return embed(x, facts)

        made.embed = limited
        return made

    return build


def test_out_of_memory_halves_what_is_on_the_device_and_not_the_batch():
    material = textures(n=(9, 4, 4))
    enough = weights(trained(material))
    material.make_backbone = small_memory(2)
    training = trained(material)
    assert training.portions.largest == 2
    torch.testing.assert_close(weights(training), enough, atol=1e-4, rtol=0)


def test_prediction_halves_too_when_memory_runs_out():
    training = trained(textures(n=(9, 7, 4)))
    expected = predict_split(training, "valid")
    training.network.backbone.embed = small_memory(2, lambda: training.network.backbone)().embed
    found = predict_split(training, "valid")
    assert training.portions.largest <= 2
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_one_image_that_does_not_fit_is_said_in_one_line():
    portions = Portions(torch.device("cpu"), PIXELS_AT_A_TIME["cpu"] // 2)
    tried = []

    def work():
        tried.append([portion.stop - portion.start for portion in portions.of(3)])
        raise RuntimeError("CUDA out of memory. Tried to allocate 1 TiB.")

    with pytest.raises(UserError, match="one image and the gradients of its layers do not fit into memory"):
        portions.attempt(work)
    assert tried == [[2, 1], [1, 1, 1]]


def test_other_errors_are_not_taken_for_lack_of_memory():
    def failing():
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        Portions(torch.device("cpu"), 100).attempt(failing)


@pytest.mark.parametrize("at_a_time", [1, 3, 64])
def test_batch_size_does_not_change_predictions(at_a_time):
    training = trained(textures(n=(9, 7, 5)))
    expected = predict_split(training, "test")
    training.portions.largest = at_a_time
    np.testing.assert_allclose(predict_split(training, "test"), expected, atol=1e-6)
    assert expected.shape == (5, 3)


def test_rates_fall_from_the_head_downwards():
    training = Training(textures(n=(9, 4, 4)), replace(SHORT, layer_decay=0.5), 0, Devices("cpu"))
    scale = {}
    for group in falling_rates(training.network, training.settings):
        for parameter in group["params"]:
            scale[id(parameter)] = group["lr_scale"]
    assert len(scale) == len(list(training.network.parameters()))
    model = training.network.backbone.model
    assert scale[id(training.network.head.weight)] == 1.0
    assert scale[id(model.head.norm.weight)] == 1.0
    assert [scale[id(stage.blocks[0].conv_dw.weight)] for stage in model.stages] == [0.5**4, 0.5**3, 0.5**2, 0.5]
    assert scale[id(model.stem[0].weight)] == 0.5**5


def test_vectors_have_no_weight_decay():
    training = Training(blobs(n=(4, 2, 2)), replace(SHORT, weight_decay=0.3), 0, Devices("cpu"))
    for group in falling_rates(training.network, training.settings):
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] == 0.3}
    spared = falling_rates(training.network, replace(SHORT, weight_decay=0.3, backbone_decays=False))
    assert sum(group["weight_decay"] > 0 for group in spared) == 1


def test_the_decoder_starts_alone_when_the_recipe_says_so():
    training = Training(
        blobs(n=(4, 2, 2)), replace(SHORT, min_updates=4, head_first=0.5, evaluations=4), 0, Devices("cpu")
    )
    start = {name: tensor.clone() for name, tensor in training.network.state_dict().items()}

    def changed(part):
        now = training.network.state_dict()
        return any(not torch.equal(now[name], start[name]) for name in start if name.startswith(part))

    seen = [(update, changed("head."), changed("backbone.")) for update in training.run()]
    assert seen == [(1, True, False), (2, True, False), (3, True, True), (4, True, True)]


def test_a_diverging_training_stops_and_says_how_to_mend_it():
    with pytest.raises(DivergedError, match=r"the loss is nan after \d of 20 updates at a rate of up to 1e\+30"):
        trained(textures(n=(9, 4, 4)), replace(SHORT, min_updates=20, rate=1e30, warmup=0.0))


def test_a_batch_without_a_labelled_pixel_has_no_loss():
    material = blobs(n=(8, 2, 2))
    material.targets["train"][1:] = IGNORED
    training = trained(material, replace(SHORT, batch_size=1, min_updates=8))
    assert torch.isfinite(weights(training)).all()


def test_losses_by_hand():
    logits = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    labels = np.array([1, 0])
    single = TASKS[LabelKind.SINGLE_LABEL].loss_sum(logits, torch.from_numpy(labels), 0.0)
    assert single == pytest.approx(np.log1p(np.exp(-2)) + np.log1p(np.exp(-1)))
    both = np.array([[1, 1], [0, 1]], np.uint8)
    multi = TASKS[LabelKind.MULTI_LABEL].loss_sum(logits, torch.from_numpy(both), 0.1)
    p = 1 / (1 + np.exp(-logits.numpy().astype(float)))
    targets = np.array([[0.9, 0.9], [0.1, 0.9]])
    assert multi == pytest.approx(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(), abs=1e-6)
    assert TASKS[LabelKind.SINGLE_LABEL].count_terms(labels) == 2
    assert TASKS[LabelKind.MULTI_LABEL].count_terms(both) == 4
    mask = np.array([[[1, IGNORED]]], np.uint8)
    pixels = torch.tensor([[[[0.0, 9.0]], [[2.0, -9.0]]]])
    masked = TASKS[LabelKind.SEGMENTATION].loss_sum(pixels, torch.from_numpy(mask), 0.0)
    assert masked == pytest.approx(np.log1p(np.exp(-2)))
    assert TASKS[LabelKind.SEGMENTATION].count_terms(mask) == 1

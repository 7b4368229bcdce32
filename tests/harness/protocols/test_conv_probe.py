"""Convolutional probe of masks: what its head sees, what it learns, chooses and refuses."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from toy_masks import SIDE, ToyMasks, reached_miou, toy

from harness.errors import UserError
from harness.protocols import find_protocol
from harness.protocols.masks.blocks import draw_blocks
from harness.protocols.masks.conv_probe import ConvProbeSettings, HeadTraining, conv_probe, images_read
from harness.protocols.masks.frozen_maps import FrozenMaps
from harness.protocols.masks.linear_probe_masks import LinearProbeMasksSettings, linear_probe_masks
from harness.records.labels import IGNORED, LabelKind
from harness.records.run import Selection
from harness.training.heads import ConvHead
from harness.training.recipe import count_updates, effective_batch

SHORT = ConvProbeSettings(epochs=1, min_updates=60, evaluations=3, width=8)
BRIEF = replace(SHORT, min_updates=4, evaluations=2)


def textures(**fields):
    """One channel at one level, of unit variance in every class: stripes down, across, both. A pixel alone knows
    nothing; its neighbours tell."""
    material = toy(n=(12, 6, 8), **fields)
    y, x = np.mgrid[:SIDE, :SIDE]
    patterns = np.stack([(-1.0) ** x, (-1.0) ** y, (-1.0) ** (x + y)])
    for split, masks in material.targets.items():
        values = np.take_along_axis(patterns[None], masks[:, None].astype(np.int64), axis=1)
        material.levels[split] = [values.transpose(0, 2, 3, 1).astype(np.float16)]
    material.strides = (1,)
    return material


@pytest.mark.parametrize("selection", [Selection.VALID, Selection.NONE])
def test_separable_masks_are_learned(selection):
    material = toy(selection=selection)
    outcome = conv_probe(material, SHORT, 0)
    assert outcome.test_scores.shape == (5, SIDE, SIDE)
    assert outcome.test_scores.dtype == np.uint8
    assert reached_miou(material, outcome) > 0.95
    assert outcome.n_labels_fit == 6
    assert outcome.n_labels_select == (4 if selection is Selection.VALID else 0)
    assert len(outcome.ran_with["valid_curve"]) == (3 if selection is Selection.VALID else 0)


def test_it_sees_the_neighbours_that_a_linear_probe_does_not():
    """Chance is a mean IoU of 0.2."""
    linear = textures()
    assert reached_miou(linear, linear_probe_masks(linear, LinearProbeMasksSettings(n_strengths=4), 0)) < 0.35
    convolutional = textures()
    assert reached_miou(convolutional, conv_probe(convolutional, replace(SHORT, min_updates=200), 0)) > 0.75


def test_shuffled_labels_give_chance():
    """Three equally frequent classes guessed at random overlap by 1/5."""
    material = toy(n=(30, 10, 20))
    rng = np.random.default_rng(1)
    for split in ("train", "valid"):
        material.targets[split] = rng.permuted(material.targets[split].reshape(-1)).reshape(-1, SIDE, SIDE)
    assert reached_miou(material, conv_probe(material, SHORT, 0)) < 0.3


def test_without_a_choice_valids_labels_are_not_read_and_the_last_head_is_kept():
    material = toy(selection=Selection.NONE)
    outcome = conv_probe(material, BRIEF, 0)
    assert set(material.asked) == {"train"}
    assert outcome.ran_with["chosen_after"] == outcome.ran_with["updates"] == 4


def test_the_best_head_on_valid_is_kept_and_the_first_of_equals(monkeypatch):
    scores = iter([0.2, 0.6, 0.6, 0.1])
    material = toy(signal=1.0)
    monkeypatch.setattr(type(material), "pixel_score", lambda *_: next(scores))
    kept = conv_probe(material, replace(BRIEF, evaluations=4), 0)
    assert kept.ran_with["chosen_after"] == 2
    assert kept.ran_with["valid_curve"] == [0.2, 0.6, 0.6, 0.1]
    training = HeadTraining(material, replace(BRIEF, evaluations=4), 0)
    predicted = [training.predict("test", np.arange(5)) for _ in training.run()]
    assert np.array_equal(kept.test_scores, predicted[1])
    assert not np.array_equal(predicted[1], predicted[3])


def test_one_seed_gives_one_result_and_leaves_global_randomness_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first, again, other = (conv_probe(toy(signal=1.0), BRIEF, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(first.test_scores, again.test_scores)
    assert first.ran_with == again.ran_with
    assert not np.array_equal(first.test_scores, other.test_scores)


def test_the_number_of_updates_does_not_fall_with_the_labels():
    updates = {n: conv_probe(toy(n=(n, 2, 2)), replace(BRIEF, epochs=4), 0).ran_with["updates"] for n in (1, 8, 32)}
    assert updates == {1: 4, 8: 4, 32: 16}


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_how_a_batch_is_cut_to_fit_into_memory_changes_nothing_but_rounding(at_a_time):
    def weights(largest):
        material = toy(signal=1.0)
        material.targets["train"][::2, :5] = IGNORED  # parts have unequal numbers of labelled pixels
        training = HeadTraining(material, BRIEF, 0)
        training.portions.largest = largest
        list(training.run())
        return torch.cat([p.detach().flatten() for p in training.network.parameters()])

    torch.testing.assert_close(weights(at_a_time), weights(100), atol=1e-4, rtol=0)


def test_units_and_offsets_of_channels_change_nothing():
    material = toy(signal=1.5)
    before = conv_probe(material, SHORT, 0)
    material.levels = {
        s: [a.astype(np.float64) * 300 - 7_000, b.astype(np.float64) / 90] for s, (a, b) in material.levels.items()
    }
    assert np.mean(before.test_scores != conv_probe(material, SHORT, 0).test_scores) < 0.02


def test_maps_are_standardised_by_train_and_a_constant_channel_becomes_zero():
    material = toy()
    material.levels = {s: [fine.copy(), coarse] for s, (fine, coarse) in material.levels.items()}
    for fine, _ in material.levels.values():
        fine[..., 2] = 7.0
    material.levels["test"][0][..., 2] = 9.0
    maps = FrozenMaps(material, np.arange(6))
    fine, coarse = maps.standardised(maps.read("train", np.arange(6)))
    assert (fine.shape, coarse.shape) == ((6, 5, SIDE, SIDE), (6, 2, SIDE // 4, SIDE // 4))
    means, stds = (f(fine, dim=(0, 2, 3)) for f in (torch.mean, torch.std))
    torch.testing.assert_close(means, torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(stds, torch.tensor([1.0, 1, 0, 1, 1]), atol=1e-2, rtol=0)
    assert not maps.standardised(maps.read("test", np.arange(2)))[0][:, 2].any()
    assert conv_probe(material, BRIEF, 0).ran_with["constant_features"] == 1


def test_a_class_that_train_lacks_is_never_predicted_and_said():
    material = toy()
    material.targets["train"] = np.where(material.targets["train"] == 1, IGNORED, material.targets["train"])
    outcome = conv_probe(material, SHORT, 0)
    assert outcome.ran_with["absent_classes"] == [1]
    assert set(np.unique(outcome.test_scores).tolist()) == {0, 2}


def test_one_training_image_is_enough():
    material = toy(n=(1, 4, 5))
    outcome = conv_probe(material, SHORT, 0)
    assert (outcome.n_labels_fit, outcome.ran_with["effective_batch"]) == (1, 1)
    assert reached_miou(material, outcome) > 0.7


def test_an_image_without_any_label_is_passed_over():
    material = toy()
    material.targets["train"][2] = IGNORED
    material.levels["train"][0][2] = np.nan  # so it cannot have been read
    assert reached_miou(material, conv_probe(material, SHORT, 0)) > 0.95


@pytest.mark.parametrize(
    ("split", "fill", "message"),
    [
        ("train", IGNORED, r"train's masks have no labelled pixel \(6 images\)"),
        ("train", 2, r"train's masks have only class 2 \(6 images\); a convolutional probe needs at least two classes"),
        ("valid", IGNORED, r"undefined on the valid split .* Pass --select none"),
    ],
)
def test_what_leaves_nothing_to_learn_or_choose_by_is_the_users_to_mend(split, fill, message):
    material = toy()
    material.targets[split][:] = fill
    with pytest.raises(UserError, match=message):
        conv_probe(material, BRIEF, 0)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_features_that_are_not_finite_are_named(split):
    material = toy()
    material.levels[split][1][3] = np.inf
    with pytest.raises(UserError, match=f"image 3 of the {split} split are not finite"):
        conv_probe(material, BRIEF, 0)


@pytest.mark.parametrize(
    ("strides", "sides", "size"),
    [
        ((1,), (10,), (10, 10)),
        ((1, 4, 16), (20, 5, 2), (20, 20)),  # blocks reach beyond the image
        ((2, 4, 8, 16), (32, 16, 8, 4), (60, 57)),  # the image was padded
        ((2, 4), (12, 6), (26, 27)),  # the map ends before the image
    ],
)
def test_logits_have_the_masks_size_over_any_pyramid(strides, sides, size):
    head = ConvHead([3 + i for i in range(len(strides))], strides, width=4, depth=1, n_classes=5)
    maps = [torch.zeros(2, 3 + i, side, side) for i, side in enumerate(sides)]
    assert head(maps, size).shape == (2, 5, *size)


def test_a_prediction_reaches_as_far_as_the_layers_say_and_stays_in_place():
    """Two 3 x 3 convolutions of the finest level: two pixels each way around the one that changes."""
    torch.manual_seed(0)
    head = ConvHead([1], [1], width=4, depth=2, n_classes=2)
    maps = torch.zeros(1, 1, 11, 11)
    before = head([maps], (11, 11))
    maps[0, 0, 4, 6] = 1
    changed = (head([maps], (11, 11)) != before).any(dim=1)[0].nonzero()
    assert changed.min(dim=0).values.tolist() == [2, 4]
    assert changed.max(dim=0).values.tolist() == [6, 8]


def test_it_takes_masks_and_nothing_else():
    assert find_protocol("conv_probe", LabelKind.SEGMENTATION).function is conv_probe
    assert find_protocol("conv_probe", LabelKind.SINGLE_LABEL) is None


@dataclass
class Counting(ToyMasks):
    """Counts how often the features of an image are read."""

    n_read: int = 0

    def maps(self, split, image):
        self.n_read += 1
        return super().maps(split, image)


@pytest.mark.parametrize("selection", [Selection.VALID, Selection.NONE])
@pytest.mark.parametrize(("block", "judged"), [(256, 128), (10, 4), (12, 128)])
def test_a_run_reads_what_is_foretold(selection, block, judged):
    toy_material = toy(n=(29, 9, 5), selection=selection)
    material = Counting(**vars(toy_material))
    settings = ConvProbeSettings(epochs=10, min_updates=0, evaluations=3, width=4, block=block, judged=judged)
    image_bytes = sum(level[0].nbytes for level in material.levels["train"])
    outcome = conv_probe(material, settings, 0)
    assert material.n_read == images_read(settings, selection, 29, 9, 5, image_bytes)
    assert outcome.n_labels_select == (min(9, judged) if selection is Selection.VALID else 0)
    assert outcome.valid_scores.shape[0] == 9


def test_a_full_run_on_a_large_dataset_reads_a_fifth_of_what_it_did():
    """3,000, 1,000 and 1,000 images of 256 px, ConvNeXt V2 atto with 8 px patches: 9.8 MB each."""
    image_bytes = 2 * (40 * 256**2 + 80 * 128**2 + 160 * 64**2 + 320 * 32**2)
    before = 3_000 + 20 * 3_000 + 10 * 1_000 + 1_000
    assert before * image_bytes / 1e9 == pytest.approx(727, abs=1)
    now = images_read(ConvProbeSettings(), Selection.VALID, 3_000, 1_000, 1_000, image_bytes)
    assert now * image_bytes / 1e9 == pytest.approx(157, abs=1)


@pytest.mark.parametrize("sizes", [(3000, 1000, 1000), (3000, 403, 403), (524, 66, 65), (270, 94, 93)])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 1.0])
def test_an_epoch_reads_at_most_two_images_for_each_that_is_trained_on(sizes, share):
    """Looks at valid and the predictions of both splits among them; partitions of GEO-Bench's datasets of masks."""
    n_train, settings = max(1, int(share * sizes[0])), ConvProbeSettings()
    trained_on = count_updates(n_train, settings) * effective_batch(n_train, settings)
    read = images_read(settings, Selection.VALID, n_train, *sizes[1:], image_bytes=10_000_000)
    assert read <= 2 * trained_on
    assert share < 1.0 or read <= 0.5 * trained_on


def test_blocks_hold_every_image_as_often_and_no_update_more_than_asked():
    blocks = list(draw_blocks(30, 5, 12, 2, 24, torch.Generator().manual_seed(0)))
    assert [len(block.images) for block in blocks] == [10] * 6
    assert sum(len(block.batches) for block in blocks) == 24
    seen = np.concatenate([block.images[batch] for block in blocks for batch in block.batches])
    assert np.bincount(seen, minlength=30).tolist() == [4] * 30
    for three in (blocks[:3], blocks[3:]):
        assert sorted(np.concatenate([block.images for block in three])) == list(range(30))


def test_no_block_is_smaller_than_a_batch():
    blocks = list(draw_blocks(9, 8, 8, 2, 6, torch.Generator().manual_seed(0)))
    assert [len(block.images) for block in blocks] == [9]


def test_images_that_come_in_blocks_are_learned_as_well():
    """Chance is a mean IoU of 0.2."""
    material = textures()
    settings = replace(SHORT, min_updates=200, block=4, block_epochs=3, judged=3)
    assert reached_miou(material, conv_probe(material, settings, 0)) > 0.7


def test_features_of_valid_that_choose_have_labels():
    material = toy(n=(6, 9, 5))
    material.targets["valid"][::2] = IGNORED
    outcome = conv_probe(material, replace(BRIEF, judged=3), 0)
    assert outcome.n_labels_select == 3
    assert all(score is not None for score in outcome.ran_with["valid_curve"])

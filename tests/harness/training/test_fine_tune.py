"""Fine-tuning as a protocol: what it learns, what it chooses by, and what it refuses."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from harness.errors import UserError
from harness.execution.materials import TrainingMaterial
from harness.protocols import fine_tune as module
from harness.protocols.fine_tune import fine_tune, valid_curve
from harness.protocols.image.linear_probe import LinearProbeSettings, linear_probe
from harness.records.labels import IGNORED, LabelKind
from harness.records.run import Selection
from harness.training.fine_tuning import Training
from harness.training.recipe import MASK_DEFAULTS, FineTuneSettings
from toy_images import blobs, textures

SHORT = FineTuneSettings(epochs=1, min_updates=4, batch_size=8, evaluations=4)


def test_fine_tuning_beats_the_linear_probe_and_both_beat_chance():
    """Three textures, chance 1/3, one untrained backbone for both."""
    material = textures(n=(90, 60, 120), noise=0.7, seed=1)
    probe = material.test_score(linear_probe(material, LinearProbeSettings(n_strengths=12), 0))
    settings = FineTuneSettings(
        epochs=1, min_updates=200, batch_size=16, evaluations=5, rate=5e-3, erasing=0.0, smoothing=0.0
    )
    tuned = material.test_score(fine_tune(material, settings, 0))
    assert probe > 1 / 3 + 0.2
    assert tuned > probe + 0.2


def test_masks_of_textures_are_learned():
    """Chance is a mean IoU of 0.2, and no pixel alone tells its class."""
    material = blobs(n=(12, 6, 8))
    settings = replace(MASK_DEFAULTS, epochs=1, min_updates=60, batch_size=8, evaluations=2, rate=5e-3)
    outcome = fine_tune(material, settings, 0)
    assert outcome.test_scores.shape == (8, 16, 16)
    assert outcome.test_scores.dtype == np.uint8
    assert material.test_score(outcome) > 0.8


def test_multi_label_gives_a_probability_per_label():
    material = textures(n=(16, 8, 8))
    material.label_kind = LabelKind.MULTI_LABEL
    material.targets = {split: np.eye(3, dtype=np.uint8)[labels] for split, labels in material.targets.items()}
    outcome = fine_tune(material, SHORT, 0)
    assert outcome.test_scores.shape == (8, 3)
    assert ((outcome.test_scores > 0) & (outcome.test_scores < 1)).all()
    assert not np.allclose(outcome.test_scores.sum(axis=1), 1)


def test_the_best_network_on_valid_is_kept_and_the_first_of_equals(monkeypatch):
    scores = iter([0.2, 0.6, 0.6, 0.1])
    material = textures(n=(9, 6, 6))
    monkeypatch.setattr(type(material), "score", lambda *_: next(scores))
    kept = fine_tune(material, SHORT, 0)
    assert kept.ran_with["chosen_after"] == 2
    assert kept.ran_with["valid_curve"] == [0.2, 0.6, 0.6, 0.1]
    monkeypatch.undo()
    predicted = []
    original = module.predict_split
    monkeypatch.setattr(module, "predict_split", lambda *args: predicted.append(original(*args)) or predicted[-1])
    monkeypatch.setattr(type(material), "score", lambda *_: float(len(predicted) == 2))
    again = fine_tune(material, SHORT, 0)
    assert np.array_equal(again.test_scores, kept.test_scores)  # of the second network, not of the last
    assert np.array_equal(again.valid_scores, predicted[1])
    assert (kept.n_labels_fit, kept.n_labels_select) == (9, 6)


def test_without_a_choice_the_last_network_is_kept_and_valids_labels_are_not_read():
    material = textures(n=(9, 6, 6), selection=Selection.NONE)
    del material.targets["valid"]
    outcome = fine_tune(material, SHORT, 0)
    assert outcome.ran_with["chosen_after"] == 4
    assert outcome.ran_with["valid_curve"] == []
    assert (outcome.n_labels_fit, outcome.n_labels_select) == (9, 0)


def test_the_curve_of_tuning_is_that_of_the_training_it_stands_for():
    material = textures(n=(9, 6, 6))
    curve = [round(score, 6) for score in valid_curve(material, SHORT, 0)]
    assert curve == fine_tune(material, SHORT, 0).ran_with["valid_curve"]


def test_a_class_absent_from_train_is_named_and_the_others_are_learned():
    material = textures(n=(12, 6, 6), n_classes=4)
    material.targets["train"] %= 3
    outcome = fine_tune(material, SHORT, 0)
    assert outcome.ran_with["absent_classes"] == [3]
    assert outcome.test_scores.shape == (6, 4)


def test_one_training_image_has_one_class_and_is_refused():
    with pytest.raises(
        UserError, match=r"train has only class 0 \(1 samples\); fine-tuning needs at least two classes"
    ):
        fine_tune(textures(n=(1, 4, 4)), SHORT, 0)


def test_one_training_image_with_one_label_vector_is_refused():
    material = textures(n=(1, 4, 4))
    material.label_kind = LabelKind.MULTI_LABEL
    material.targets = {split: np.eye(3, dtype=np.uint8)[labels] for split, labels in material.targets.items()}
    with pytest.raises(UserError, match="no label varies in the 1 train samples"):
        fine_tune(material, SHORT, 0)


def test_one_training_mask_with_several_classes_is_enough():
    material = blobs(n=(1, 2, 2))
    material.targets["train"][0, :8], material.targets["train"][0, 8:] = 0, 2
    outcome = fine_tune(material, replace(SHORT, head_first=0.25), 0)
    assert outcome.ran_with["effective_batch"] == 1
    assert outcome.ran_with["absent_classes"] == [1]


def test_train_masks_without_a_label_are_refused():
    material = blobs(n=(3, 2, 2))
    material.targets["train"][:] = IGNORED
    with pytest.raises(UserError, match="train has no labelled pixel"):
        fine_tune(material, SHORT, 0)


def test_valid_masks_without_a_label_cannot_choose_but_the_last_network_can_be_kept():
    material = blobs(n=(3, 2, 2))
    material.targets["valid"][:] = IGNORED
    with pytest.raises(UserError, match=r"undefined on the valid split .* Pass --select none"):
        fine_tune(material, SHORT, 0)
    material.selection = Selection.NONE
    assert fine_tune(material, SHORT, 0).test_scores.shape == (2, 16, 16)


def test_pixels_that_no_sensor_gives_are_refused_before_the_first_update(monkeypatch):
    material, run = textures(n=(9, 6, 6)), SimpleNamespace(bands=("B2", "B4"), band_sources=("blue", "red"))
    material.images["train"][3, 1, 0, 0] = -3e38
    real = SimpleNamespace(_fed={"train": SimpleNamespace(run=run)})
    monkeypatch.setattr(
        type(material), "check_entered", lambda _, entered: TrainingMaterial.check_entered(real, entered)
    )
    monkeypatch.setattr(Training, "run", lambda _: pytest.fail("it began to train"))
    with pytest.raises(UserError, match=r'as band B4 has mean .*Look for an undeclared fill value .* channel "red"'):
        fine_tune(material, SHORT, 0)

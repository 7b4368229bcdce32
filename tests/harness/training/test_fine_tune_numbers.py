"""Fine-tuning on numbers: of images or of pixels, in whatever unit they are measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.errors import UserError
from harness.protocols import find_protocol
from harness.protocols.fine_tune import fine_tune
from harness.records.labels import LabelKind
from harness.training.devices import Devices
from harness.training.fine_tuning import Training
from harness.training.recipe import MASK_DEFAULTS, NUMBER_DEFAULTS
from toy_images import blobs, heights, numbers, textures

SHORT = replace(NUMBER_DEFAULTS, epochs=1, min_updates=4, batch_size=8, evaluations=2)


def test_numbers_of_images_are_learned_in_their_own_units():
    """What predicts the mean has an R2 of 0."""
    material = numbers()
    settings = replace(NUMBER_DEFAULTS, epochs=1, min_updates=120, batch_size=16, evaluations=4, rate=5e-3)
    outcome = fine_tune(material, settings, 0)
    assert outcome.test_scores.dtype == np.float64
    assert outcome.test_scores.shape == (40, 2)
    assert material.test_score(outcome) > 0.6
    assert outcome.ran_with["valid_curve"][-1] > outcome.ran_with["valid_curve"][0]


def test_the_unit_of_labels_changes_nothing_but_the_unit_of_predictions():
    material, moved = numbers(n=(16, 8, 8)), numbers(n=(16, 8, 8))
    moved.targets = {split: labels * 256.0 - 4096.0 for split, labels in moved.targets.items()}
    a, b = (fine_tune(m, SHORT, 0) for m in (material, moved))
    assert b.test_scores == pytest.approx(a.test_scores * 256.0 - 4096.0, rel=1e-6)
    assert a.ran_with["chosen_after"] == b.ran_with["chosen_after"]


def test_an_untrained_head_predicts_the_mean_of_train():
    training = Training(numbers(n=(16, 8, 8)), SHORT, 0, Devices("cpu"))
    predicted = training.predict("test", training.material.pixels("test", slice(None)))
    mean, std = training.labels.mean(axis=0), training.labels.std(axis=0)
    assert (np.abs(predicted - mean) < 0.01 * std).all()


def test_a_number_that_is_constant_in_train_is_predicted_as_it_is():
    material = numbers(n=(16, 8, 8))
    material.targets["train"][:, 1] = 7.5
    assert (fine_tune(material, SHORT, 0).test_scores[:, 1] == 7.5).all()


@pytest.mark.parametrize("constant", [0.1, 2.7])
def test_a_constant_whose_mean_is_rounded_is_still_none_to_be_learned(constant):
    material = numbers(n=(6, 3, 3))
    material.targets["train"][:, 1] = constant
    assert material.targets["train"][:, 1].std() > 0  # numpy's sum of six is rounded
    training = Training(material, SHORT, 0, Devices("cpu"))
    assert training.units.n_constant == 1
    assert (training.units.standardise(training.labels)[:, 1] == 0).all()


def test_numbers_that_vary_in_their_last_digits_are_learned():
    material = numbers(n=(16, 8, 8))
    material.targets["train"] = 1e6 + 1e-3 * material.targets["train"]
    assert Training(material, SHORT, 0, Devices("cpu")).units.n_constant == 0


def test_numbers_of_pixels_are_learned_where_they_are_known():
    material = heights()
    settings = replace(MASK_DEFAULTS, epochs=1, min_updates=60, batch_size=8, evaluations=2, rate=5e-3)
    outcome = fine_tune(material, settings, 0)
    assert outcome.test_scores.dtype == np.float32
    assert outcome.test_scores.shape == (8, 16, 16)
    assert np.isfinite(outcome.test_scores).all()
    assert material.test_score(outcome) > 0.6


def test_pixels_without_a_label_are_in_neither_the_units_nor_the_loss():
    material = heights(n=(6, 3, 3))
    material.targets["train"][0] = np.nan
    settings = replace(MASK_DEFAULTS, epochs=1, min_updates=3, batch_size=1, evaluations=1)
    training = Training(material, settings, 0, Devices("cpu"))
    known = material.targets["train"][~np.isnan(material.targets["train"])].astype(np.float64)
    assert (training.units.mean, 1 / training.units.scale) == (pytest.approx(known.mean()), pytest.approx(known.std()))
    list(training.run())  # an update of an image that has no label at all changes weights by their decay alone
    assert all(parameter.isfinite().all() for parameter in training.network.parameters())


def test_the_best_network_is_the_one_with_the_smallest_error_where_that_is_the_headline(monkeypatch):
    """Scores are larger for the better, so an error counts negatively and 0 is the best there is."""
    material = numbers(n=(16, 8, 8))
    scores = iter([-3.0, -0.5, -0.5, -1.0])
    monkeypatch.setattr(type(material), "score", lambda *_: next(scores))
    outcome = fine_tune(material, replace(SHORT, evaluations=4), 0)
    assert outcome.ran_with["chosen_after"] == 2


def test_the_curve_of_an_error_keeps_its_digits_in_any_unit(monkeypatch):
    material = numbers(n=(16, 8, 8))
    scores = iter([-3.25e-9, -1.5e-9, -123456.7, -np.inf])
    monkeypatch.setattr(type(material), "score", lambda *_: next(scores))
    outcome = fine_tune(material, replace(SHORT, evaluations=4), 0)
    assert outcome.ran_with["valid_curve"] == [-3.25e-9, -1.5e-9, -123457.0, None]


def test_a_valid_split_whose_number_never_varies_cannot_choose_by_r2():
    material = numbers(n=(16, 8, 8))
    material.targets["valid"][:] = 2.0
    with pytest.raises(UserError, match=r"undefined on the valid split .*a number that never varies.*--select none"):
        fine_tune(material, SHORT, 0)


def test_numbers_that_never_vary_are_refused():
    material = numbers(n=(4, 4, 4))
    material.targets["train"][:] = 3.0
    with pytest.raises(UserError, match=r"all have the label \[3.0, 3.0\]; fine-tuning needs at least two values"):
        fine_tune(material, SHORT, 0)


def test_classes_are_not_measured_in_units():
    for material in (textures(n=(6, 3, 3)), blobs(n=(4, 2, 2))):
        training = Training(material, SHORT, 0, Devices("cpu"))
        assert training.units is None
        with torch.inference_mode():
            logits = training.outputs("test", material.pixels("test", slice(0, 1)))
        predicted = training.predict("test", material.pixels("test", slice(0, 1)))
        assert np.array_equal(training.task.predictions(logits), predicted)


@pytest.mark.parametrize("kind", [LabelKind.REGRESSION, LabelKind.PIXEL_REGRESSION])
def test_fine_tuning_takes_numbers_and_the_published_recipes_do_not(kind):
    assert find_protocol("fine_tune", kind).settings.smoothing == 0.0
    assert find_protocol("fine_tune_published", kind) is None

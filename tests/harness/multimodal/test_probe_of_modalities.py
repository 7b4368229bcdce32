"""A probe of the shared space with everything, with less, and in another area: by hand and against scikit-learn."""

import numpy as np
import pytest
from hand_made import described, material, vectors
from sklearn.linear_model import Ridge

from harness.errors import UserError
from harness.metrics.bootstrap import once_and_resampled
from harness.multimodal.labels import (
    answer_labels,
    answer_transfer,
    fit_for_transfer,
    label_questions,
    transfer_questions,
)
from harness.multimodal.probe import PENALTIES, fit_probe, metric_values
from harness.multimodal.questions import Seen
from harness.protocols.image.numeric_labels import numbers_of
from harness.records.labels import LabelKind

BOTH = Seen(("light", "radar"))


def scene(n, seed, turned=False):
    """Light shows the amount as an angle of up to a quarter of a turn, and radar shows nothing; then the amounts."""
    generator = np.random.default_rng(seed)
    amount = generator.uniform(0, 1, n)
    angle = (1 - amount if turned else amount) * np.pi / 2
    light = np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], axis=1)
    return vectors(light=light, radar=np.tile([0, 0, 1], (n, 1)), red=np.tile([1, 0, 0], (n, 1))), amount[:, None]


def toy(turned=False, name="toy"):
    train, amounts = scene(60, 0, turned)
    test, targets = scene(40, 1, turned)
    return material(train, amounts, test, targets, name=name)


def answers(given):
    found = [one for group in answer_labels(given, seed=0) for one in group]
    assert [one.asked for one in found] == label_questions(given.described)
    return {(one.asked.seen, one.asked.fitted_on): one for one in found}


def test_the_probe_is_ridge_regression_at_the_penalty_that_leaving_one_out_chooses():
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(30, 4)), generator.normal(size=(30, 2))
    probe = fit_probe(features, labels)
    scaled = (features - features.mean(0)) / features.std(0)

    def error(penalty):
        rows = np.arange(30)
        left_out = [
            Ridge(penalty).fit(scaled[rows != i], labels[rows != i]).predict(scaled[[i]])[0] - labels[i] for i in rows
        ]
        return np.square(left_out).sum()

    best = min(PENALTIES.values, key=error)
    queries = generator.normal(size=(5, 4))
    expected = Ridge(best).fit(scaled, labels).predict((queries - features.mean(0)) / features.std(0))
    assert probe.predict(queries) == pytest.approx(expected)


def test_of_an_image_that_shows_nothing_the_mean_label_is_predicted():
    train, amounts = scene(30, 0)
    probe = fit_probe(train.average(BOTH), amounts)
    assert probe.predict(np.zeros((1, 3), np.float32)) == pytest.approx(amounts.mean())
    with pytest.raises(UserError, match="two train images"):
        fit_probe(np.ones((1, 3), np.float32), np.ones((1, 1)))


def test_what_shows_the_amount_is_missed_and_what_shows_nothing_is_not():
    found = answers(toy())
    everything = found[BOTH, "everything"]
    assert everything.value > 0.99
    assert (everything.loss, everything.n, (BOTH, "the same") in found) == (None, 40, False)
    assert everything.chance <= 0, "the mean of train is no better than that of test"
    blind = found[Seen(("radar",)), "the same"]
    assert blind.value == pytest.approx(everything.chance)
    assert blind.loss == pytest.approx(everything.value - blind.value)
    assert blind.loss_low < blind.loss < blind.loss_high
    refitted = found[Seen(("light",)), "the same"]
    assert abs(refitted.loss) < 0.01


def test_a_probe_that_never_saw_that_something_is_missing_loses_more():
    found = answers(toy())
    light = Seen(("light",))
    assert found[light, "everything"].loss > found[light, "the same"].loss, "it is tilted towards nothing"
    red = Seen(("light",), "light", "red")
    assert found[red, "the same"].value == pytest.approx(found[Seen(("radar",)), "the same"].value)
    assert found[red, "everything"].asked.what == "missing channel"
    green = Seen(("light", "radar"), "light", "green")
    assert found[green, "everything"].loss == 0.0


def test_a_loss_is_paired_by_image():
    given = toy()
    found = answers(given)
    seen, n = Seen(("light",)), len(given.targets)
    probe = fit_probe(given.train.average(BOTH), given.numbers)
    weights = once_and_resampled(n, 0)
    both, light = (
        metric_values(LabelKind.REGRESSION, "r2", given.targets, probe.predict(given.test.average(one)), weights)
        for one in (BOTH, seen)
    )
    answer = found[seen, "everything"]
    assert (answer.loss_low, answer.loss_high) == pytest.approx(np.quantile((both - light)[1:], [0.025, 0.975]))


def test_classes_are_judged_by_the_likeliest():
    light = np.repeat(np.eye(3), 20, axis=0)
    classes = np.repeat(np.arange(3), 20)
    shared = vectors(light=light, radar=np.tile([1, 1, 1], (60, 1)), red=light[::-1])
    given = material(
        shared,
        numbers_of(classes, LabelKind.SINGLE_LABEL, 3),
        shared,
        classes,
        kind=LabelKind.SINGLE_LABEL,
        class_names=("a", "b", "c"),
        metric="accuracy",
    )
    found = answers(given)
    assert (found[BOTH, "everything"].value, found[BOTH, "everything"].chance) == (1.0, pytest.approx(1 / 3))
    mirrored = found[Seen(("light", "radar"), "light", "red"), "everything"]
    assert (mirrored.value, mirrored.loss) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert found[Seen(("light", "radar"), "light", "red"), "the same"].value == 1.0


def test_another_area_is_held_against_the_probe_that_was_fitted_there():
    """Where the angle falls as the amount grows, a probe from where it grows predicts the opposite."""
    here, there, alike = toy(name="here"), toy(turned=True, name="there"), toy(name="alike")
    own = fit_for_transfer(here)
    turned = answer_transfer(fit_for_transfer(there), own, here, seed=0)
    assert [one.asked for one in turned] == transfer_questions(here.described)
    assert [one.asked.seen for one in turned] == [BOTH, Seen(("light",)), Seen(("radar",))]
    assert turned[0].value < -1
    assert turned[0].loss == pytest.approx(answers(here)[BOTH, "everything"].value - turned[0].value)
    assert turned[0].loss_low > 1
    same = answer_transfer(fit_for_transfer(alike), own, here, seed=0)
    assert (same[0].loss, same[0].loss_low, same[0].loss_high) == (0.0, 0.0, 0.0)


def test_only_datasets_with_the_same_labels_and_modalities_are_tested_on_each_other():
    ours = described("a")
    assert ours.asks_the_same_as(described("b"))
    assert not ours.asks_the_same_as(described("b", class_names=("height",)))
    assert not ours.asks_the_same_as(described("b", channels={"light": ("red",), "height": ("m",)}))
    assert ours.asks_the_same_as(described("b", channels={"light": ("red",), "radar": ("VV", "VH")}))


def test_of_labels_of_pixels_nothing_is_asked():
    masks = described(kind=LabelKind.SEGMENTATION, metric="miou")
    assert label_questions(masks) == transfer_questions(masks) == []

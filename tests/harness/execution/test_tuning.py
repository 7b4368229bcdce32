"""Tuning: the same trials for everybody, resumable, shared, blind to test."""

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UserError
from harness.execution.tuning import tune
from harness.protocols import MASK_PROTOCOLS, PROTOCOLS
from harness.protocols.fine_tune import fine_tune, valid_curve
from harness.records.outcome import Range
from harness.records.progress import Silent
from harness.training.loop import DivergedError
from harness.training.recipe import FineTuneSettings
from toy_images import textures

SPACE = {"x": Range(low=0.0, high=1.0), "y": Range(low=1e-3, high=1e1, log=True)}


@dataclass(frozen=True)
class Settings:
    trials: int
    x: float = 0.9
    y: float = 1.0


def bowl(settings):
    """Best at x = 0.3, y = 0.1; three evaluations that rise to the value."""
    value = -((settings.x - 0.3) ** 2) - 0.1 * (np.log10(settings.y) + 1) ** 2
    yield from (value - 0.2, value - 0.1, value)


def tuned(journal, curve=bowl, trials=8, seed=0, settings=Settings):
    return tune(curve, settings(trials), SPACE, journal, seed, Silent())


def test_the_first_trial_is_the_default_and_the_choice_is_no_worse(tmp_path):
    chosen = tuned(tmp_path / "s.journal", trials=12)
    first, *others = study = chosen.ran_with["study"]
    assert first["parameters"] == {"x": 0.9, "y": 1.0}
    assert len(study) == 12
    assert [entry["number"] for entry in study] == list(range(12))
    assert all(0 <= entry["parameters"]["x"] <= 1 and 1e-3 <= entry["parameters"]["y"] <= 10 for entry in others)
    best = max((entry for entry in study if entry["value"] is not None), key=lambda entry: entry["value"])
    assert chosen.ran_with["chosen"] == best["parameters"]
    assert (chosen.settings.x, chosen.settings.y) == (best["parameters"]["x"], best["parameters"]["y"])
    assert best["value"] > first["value"]
    assert json.loads(json.dumps(chosen.ran_with)) == chosen.ran_with


def test_tuning_repeats_itself_for_one_seed_and_differs_for_another(tmp_path):
    one, same, other = (tuned(tmp_path / f"{i}", seed=seed).ran_with for i, seed in enumerate((0, 0, 1)))
    assert one == same
    assert one["study"][1]["parameters"] != other["study"][1]["parameters"]


def test_poor_trials_are_given_up_early(tmp_path):
    study = tuned(tmp_path / "s", trials=16).ran_with["study"]
    pruned = [entry for entry in study if entry["state"] == "pruned"]
    assert pruned
    assert all(entry["evaluations"] < 3 and entry["value"] is None for entry in pruned)
    assert all(entry["state"] == "complete" for entry in study[:5])


@pytest.mark.parametrize("after", [0, 3, 7])
def test_interrupted_tuning_goes_on_as_if_nothing_had_happened(tmp_path, after):
    """The interruption comes in the midst of a trial; finished trials are not done again."""
    calls = []

    def interrupted(settings):
        calls.append(settings)
        yield -1.0
        if len(calls) == after + 1:
            raise KeyboardInterrupt
        yield from bowl(settings)

    def whole(settings):
        calls.append(settings)
        yield -1.0
        yield from bowl(settings)

    with pytest.raises(KeyboardInterrupt):
        tuned(tmp_path / "s", interrupted)
    resumed = tuned(tmp_path / "s", whole)
    assert len(calls) == 9
    straight = tuned(tmp_path / "straight", whole)
    assert resumed.settings == straight.settings
    kept = [e for e in resumed.ran_with["study"] if e["state"] != "fail"]
    assert [e["parameters"] for e in kept] == [e["parameters"] for e in straight.ran_with["study"]]


def test_a_finished_study_costs_nothing(tmp_path):
    first = tuned(tmp_path / "s")

    def nothing_to_do(_):
        raise AssertionError("no trial is left")
        yield

    assert tuned(tmp_path / "s", nothing_to_do) == first


def test_workers_share_the_trials_of_a_study(tmp_path):
    """Neither does a trial twice, and both end with the same choice."""
    lock, tried, results = threading.Lock(), [], []
    both = threading.Barrier(2, timeout=20)

    def curve(settings):
        with lock:
            tried.append(settings)
            number = len(tried)
        if number <= 2:
            both.wait()  # each has one
        yield from bowl(settings)

    workers = [threading.Thread(target=lambda: results.append(tuned(tmp_path / "s", curve))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(tried) == 8
    assert len(set(map(str, tried))) == 8
    assert results[0] == results[1]
    assert [path.name for path in tmp_path.glob("*.lock") if "claim" not in path.name] == []


def test_a_diverging_trial_is_lost_alone(tmp_path):
    def curve(settings):
        yield 0.99
        if settings.x > 0.5:
            raise DivergedError("the loss is nan")
        yield from bowl(settings)

    chosen = tuned(tmp_path / "s", curve)
    assert chosen.settings.x <= 0.5
    assert chosen.ran_with["study"][0]["value"] is None


def test_when_no_trial_comes_to_a_score_it_is_said(tmp_path):
    with pytest.raises(UserError, match=r"none of 3 trials came to a score on valid.*Pass --trials 0"):
        tuned(tmp_path / "s", lambda _: iter([-np.inf, -np.inf]), trials=3)


def test_other_errors_of_a_trial_end_the_tuning(tmp_path):
    def curve(_):
        raise UserError("no label varies")
        yield

    with pytest.raises(UserError, match="no label varies"):
        tuned(tmp_path / "s", curve)


@pytest.mark.parametrize("content", [b"{", b"no study\nat all\n", b"[]\n", b'{"op_code": 0}'])
def test_a_damaged_study_is_said_in_one_line(tmp_path, content):
    journal = tmp_path / "s.journal"
    journal.write_bytes(content)
    with pytest.raises(UserError, match=r"s\.journal: not a study, or a damaged one. Delete it and run again"):
        tuned(journal)


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot keep a study: .* Pass --cache-dir"):
        tuned(tmp_path / "file" / "s.journal")


@pytest.mark.parametrize("table", [PROTOCOLS, MASK_PROTOCOLS], ids=["labels", "masks"])
def test_defaults_lie_inside_the_search_space_and_trials_are_in_the_settings(table):
    searched = {name: entry for name, entry in table.items() if entry.search}
    assert list(searched) == ["fine_tune"]
    for entry in searched.values():
        for name, range_ in entry.search.space.items():
            assert range_.low <= getattr(entry.settings, name) <= range_.high
        assert entry.with_trials(16).trials == 16
    assert table["linear_probe"].with_trials(16) == table["linear_probe"].settings


def test_labels_of_test_cannot_change_what_is_chosen(tmp_path):
    """The material refuses to give them; here they are not even there."""
    space = PROTOCOLS["fine_tune"].search.space
    settings = FineTuneSettings(trials=3, epochs=1, min_updates=3, batch_size=8, evaluations=2)
    outcomes = []
    for change in (lambda labels: None, lambda labels: labels[::-1], lambda labels: 2 - labels):
        material = textures(n=(9, 6, 6))
        material.targets["test"] = change(material.targets["test"])
        journal = Path(tmp_path / f"{len(outcomes)}")
        chosen = tune(lambda s, m=material: valid_curve(m, s, 0), settings, space, journal, 0, Silent())
        outcomes.append((chosen, fine_tune(material, chosen.settings, 0)))
    (first, predicted), *others = outcomes
    for chosen, again in others:
        assert chosen == first
        assert again.ran_with == predicted.ran_with
        assert np.array_equal(again.test_scores, predicted.test_scores)
    assert replace(first.settings, **first.ran_with["chosen"]) == first.settings

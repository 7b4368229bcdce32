"""Inputs on which the project once failed, from public reports: each of those scripts now ends as it should.

What each line of the scripts should say is judged here; the kinds behind them have tests of their own.
"""

import re

import pytest

from scripted_cases import TRACEBACK, Ended, failures, run_case

pytestmark = [pytest.mark.slow, pytest.mark.cases]


def test_a_run_that_would_see_nothing_but_zeros_is_refused(tmp_path):
    ended = run_case("all-bands-zero", tmp_path)
    assert TRACEBACK not in ended.said, ended.said
    assert "landsat" in ended.said
    assert "zero" in ended.said
    assert "null,null" not in ended.said.replace(" ", ""), "no row was stored"


@pytest.mark.parametrize("kind", ["ddp", "compiled", "both", "numpy", "nonzip"])
def test_a_checkpoint_as_people_save_it_is_converted_or_its_fault_is_named(kind, checkpoints):
    said = checkpoints.part(f"-- {kind}")
    assert TRACEBACK not in said
    assert "has no encoder.* tensors" not in said, said
    if kind in ("ddp", "compiled", "both"):
        assert "error" not in said, said


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> Ended:
    return run_case("checkpoint-prefix", tmp_path_factory.mktemp("checkpoints"))


def test_weights_that_do_not_fit_a_backbone_of_ones_own_leave_the_others_running(tmp_path):
    ended = run_case("custom-backbone-bad-weights", tmp_path)
    said = ended.part("== ddp.safetensors")
    (failure,) = failures(said)
    assert "my_model" in failure
    assert re.search(r"(?m)^knn.*\n(.*\n)*  image_statistics ", said), said
    absent = ended.part("== not-there.safetensors")
    assert TRACEBACK not in absent
    (error,) = [line for line in absent.splitlines() if line.startswith("error: ")]
    assert "not-there.safetensors: no such file or folder" in error, "a wrong word is said before anything runs"


def test_one_dataset_with_a_fill_that_is_no_data_leaves_the_others_running(tmp_path):
    ended = run_case("float-nodata-kills-campaign", tmp_path)
    stored = ended.said.partition("exit code ")[2]
    assert "a-clean" in stored
    assert "c-clean" in stored
    assert any("b-fill" in line for line in failures(ended.said) + ended.lines("note: ")), ended.said
    assert ("b-fill" in stored) == stored.startswith("0\n"), "exit code 1 where it failed"


def test_a_new_leaderboard_without_room_is_one_line(tmp_path):
    ended = run_case("full-disk-new-leaderboard", tmp_path)
    assert TRACEBACK not in ended.said, ended.said
    assert any("lb.duckdb" in line for line in ended.lines("error: ")), ended.said


def test_two_datasets_of_one_name_are_both_planned_and_told_apart(tmp_path):
    ended = run_case("same-name-two-suites", tmp_path)
    assert TRACEBACK not in ended.said, ended.said
    for name in ("classification_v1.0/twin", "segmentation_v1.0/twin"):
        assert re.search(rf"(?m)^dataset +{re.escape(name)} +1 +unknown", ended.said), ended.said
    assert re.search(r"segmentation_v1.0/twin.*knn does not take segmentation labels", ended.said), ended.said
    assert re.search(r"knn: test split.*\n.*image_statistics\n.*\ntwin ", ended.said), "the other of that name"
    assert ended.code == 0


def test_samples_replaced_under_the_same_size_and_time_are_noticed_by_verifying(tmp_path):
    protocol = "--protocols linear_probe"
    ended = run_case("stale-cache", tmp_path, {protocol: f"{protocol} --verify-data"})
    again, _, fresh = ended.said.partition("with a fresh leaderboard and cache:")
    assert scores(fresh)
    assert scores(again)[-1:] == scores(fresh), ended.said


def scores(text: str) -> list[str]:
    return re.findall(r"linear_probe +(\d?\.\d{3}) ", text)

"""What is asked of Ray is checked before anything is planned, and nobody who does not ask for it imports it."""

import ast
from pathlib import Path

import pytest

import harness
from harness.campaign.executors import executor_for
from harness.campaign.executors.local import run_in_turn
from harness.campaign.executors.on_ray import run_on_ray
from harness.campaign.executors.processes import run_side_by_side
from harness.campaign.request import make_request
from harness.errors import UserError
from harness.records import ray_wish
from harness.records.ray_wish import RayWish, read_ray_wish


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(ray_wish, "find_spec", lambda name: object())


def ask(**changed):
    words = {"backbones": ["image_statistics"], "protocols": ["knn"], "partitions": ["default"], "seeds": [0]}
    rest = dict.fromkeys(("weights", "datasets", "shots", "budgets"), ())
    where = {"geobench_dir": Path(), "db": Path("board.duckdb"), "cache_dir": Path("cache"), "device": "cpu"}
    how = {"train_draw": "partition", "selection": "valid", "missing_bands": "zero"}
    return make_request(**{**words, **rest, **where, **how, **changed})


def test_runs_are_done_here_unless_told():
    assert read_ray_wish("local", None, "cuda:1") is None
    assert executor_for(ask(), 1) is run_in_turn
    assert executor_for(ask(workers=2), 1) is run_side_by_side
    assert executor_for(ask(workers=2), 2) is run_in_turn


def test_what_is_asked_of_ray_reaches_its_executor():
    request = ask(executor="ray", ray_address="auto", device="cuda")
    assert request.ray == RayWish(address="auto", device="cuda")
    assert request.device == "cpu", "GPUs are wanted of the nodes, not of the machine that plans"
    executor = executor_for(request, 1)
    assert (executor.func, executor.keywords) == (run_on_ray, {"asked": request.ray})


def test_an_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(ray_wish, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"Ray is not installed. Run: pip install 'mp-mae-bench\[ray\]'"):
        ask(executor="ray")


def test_words_that_do_not_go_together_are_refused():
    with pytest.raises(UserError, match=r"--ray-address auto: is for Ray\. Say --executor ray too"):
        ask(ray_address="auto")
    with pytest.raises(UserError, match="--device cuda:1: with --executor ray it is auto, cpu or cuda"):
        ask(executor="ray", device="cuda:1")


def test_ray_is_imported_by_nothing_that_is_imported():
    """Only inside functions, that run where Ray was asked for."""
    for path in Path(harness.__file__).parent.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in getattr(node, "names", ())] + [getattr(node, "module", None) or ""]
            assert not any(name.partition(".")[0] == "ray" for name in names), path

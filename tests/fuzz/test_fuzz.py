"""A few hundred inputs for each target; `python -m tests.fuzz` tries as many as one likes."""

import pytest

from fuzz.attempts import attempt, build_input, check_seeds
from fuzz.targets import TARGETS
from harness.data import reading

N_INPUTS = {"sample": 100, "official_checkpoint": 100, "import": 20, "sql": 50}
"""Of those that take longer."""


@pytest.fixture(autouse=True)
def _readers_of_others(monkeypatch):
    """Samples are given up sooner here than elsewhere: neither that nor a child that was told so is left behind."""
    monkeypatch.setattr(reading, "COMMAND", reading.COMMAND)
    yield
    reading._readers().stop()


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_a_value_or_a_documented_error(tmp_path, name):
    target = TARGETS[name](tmp_path)
    check_seeds(target)
    outcomes = list(attempt(target, name, 0, range(N_INPUTS.get(name, 300))))
    assert [outcome for outcome in outcomes if outcome.kind not in ("value", "refused")] == []
    assert {outcome.kind for outcome in outcomes} == {"value", "refused"}


def test_an_input_follows_from_its_number(tmp_path):
    targets = [TARGETS["json"](tmp_path / name) for name in "ab"]
    first, again = ([build_input(target, "json", 0, index) for index in range(20)] for target in targets)
    assert first == again
    assert len(set(first)) > 15

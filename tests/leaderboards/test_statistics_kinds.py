"""Several kinds of result on one dataset: compared kind by kind, never mixed, and no trouble to other datasets."""

import re

import pytest
from scored_runs import board_with

from command_line import harness
from harness import open as open_board
from leaderboards.errors import UserError
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.mean_difference import mean_differences


def add(path, scores, dataset="fields", **facts):
    """A run of each backbone, whose bands are its own whatever else is said of the run."""
    for backbone, value in scores.items():
        configuration = {"bands": [backbone]} | facts
        board_with(path, {(backbone, dataset, "default"): [value]}, configuration=configuration)


@pytest.fixture
def path(tmp_path):
    """`fields` with two splits, and `towns` with one."""
    path = tmp_path / "b.duckdb"
    add(path, {"a": 0.6, "b": 0.5}, test_sha256="1" * 64)
    add(path, {"a": 0.4, "b": 0.45}, test_sha256="2" * 64)
    add(path, {"a": 0.8, "b": 0.7}, dataset="towns", test_sha256="3" * 64)
    return path


def test_each_kind_is_compared_with_its_like(path):
    rows = compare(path, "a", "b")
    found = {(row.dataset, row.kind): row.difference.value for row in rows}
    assert found == {
        ("fields", "test_sha256 11111111"): pytest.approx(0.1),
        ("fields", "test_sha256 22222222"): pytest.approx(-0.05),
        ("towns", ""): pytest.approx(0.1),
    }
    assert mean_differences(rows) == []  # two kinds of one dataset are no two datasets


def test_a_kind_that_one_side_lacks_is_compared_with_nothing(path):
    add(path, {"a": 0.9}, test_sha256="4" * 64)
    assert len(compare(path, "a", "b")) == 3


def test_what_cannot_be_matched_is_left_out_with_how_to_choose(path):
    for trials in (3, 16):
        add(path, {"a": 0.3}, dataset="lakes", trials=trials)
    add(path, {"b": 0.2}, dataset="lakes")
    told = []
    rows = compare(path, "a", "b", tell=told.append)
    assert [row.dataset for row in rows] == ["fields", "fields", "towns"]
    (line,) = told
    assert re.fullmatch("a, lakes, knn: 2 kinds of result. Choose one: a@[0-9a-f]{12}, a@[0-9a-f]{12}.", line)
    with pytest.raises(UserError, match="2 kinds of result"):
        compare(path, "a", "b")
    with pytest.warns(UserWarning, match="2 kinds of result"):
        assert set(open_board(path).compare("a", "b")["dataset"]) == {"fields", "towns"}


def test_a_mean_is_of_datasets_of_one_kind(tmp_path):
    path = tmp_path / "b.duckdb"
    for dataset in ("fields", "towns"):
        add(path, {"a": 0.6, "b": 0.5}, dataset, normalisation="network")
        add(path, {"a": 0.4, "b": 0.45}, dataset, normalisation="dataset")
    means = mean_differences(compare(path, "a", "b"))
    assert {(mean.kind, mean.datasets): mean.difference.value for mean in means} == {
        ("normalisation network", ("fields", "towns")): pytest.approx(0.1),
        ("normalisation dataset", ("fields", "towns")): pytest.approx(-0.05),
    }


def test_the_command_tells_kinds_apart_in_its_rows(path):
    done = harness("compare", "a", "b", "--db", path, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    assert "test_sha256 11111111" in done.stdout
    assert "towns" in done.stdout

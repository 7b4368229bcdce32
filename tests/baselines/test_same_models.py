"""The names by which published tables meet our backbones are names of backbones, of the kind that is said there."""

import pytest

from baselines.registry import find_backbone
from leaderboards.query import run_query
from leaderboards.store import open_leaderboard


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    board = open_leaderboard(tmp_path_factory.mktemp("same") / "board.duckdb")
    return run_query(board.path, "SELECT backbone, kind FROM same_models WHERE backbone IS NOT NULL").rows


def test_each_of_our_names_is_a_backbone_of_that_kind(known: list[tuple[str, str]]) -> None:
    assert len(known) > 20
    assert [(name, find_backbone(name).kind.value) for name, _ in known] == known

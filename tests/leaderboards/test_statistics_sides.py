"""Comparing protocols instead of backbones, and means over datasets."""

from pathlib import Path

import numpy as np
import pytest
from scored_runs import board_with, predicted_record

from command_line import harness
from leaderboards.errors import UserError
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.mean_difference import mean_differences
from leaderboards.store import Leaderboard, open_leaderboard


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Leaderboard:
    """Backbones `net` and `team/net:2`, whose name has a colon, by two protocols each on two datasets of 200."""
    board = open_leaderboard(tmp_path_factory.mktemp("sides") / "board.duckdb")
    generator = np.random.default_rng(0)
    with board.session() as session:
        for dataset in ("d", "e"):
            target = generator.integers(0, 5, 200)
            for backbone in ("net", "team/net:2"):
                for protocol, accuracy in (("fine_tune", 0.8), ("linear_probe", 0.6)):
                    right = generator.permutation(200) < 200 * accuracy
                    guessed = np.where(right, target, (target + 1) % 5)
                    record = predicted_record(backbone, dataset, "default", 0, target, guessed, protocol=protocol)
                    session.commit(record)
    return board


def test_two_protocols_of_one_backbone_are_compared(board: Leaderboard) -> None:
    rows = compare(board.path, "net:fine_tune", "net:linear_probe")
    assert [(row.dataset, row.protocol) for row in rows] == [
        ("d", "fine_tune - linear_probe"),
        ("e", "fine_tune - linear_probe"),
    ]
    assert [row.difference.value for row in rows] == pytest.approx([0.2, 0.2])


def test_a_backbone_may_have_a_colon_in_its_name(board: Leaderboard) -> None:
    (first, _) = compare(board.path, "team/net:2:fine_tune", "net:linear_probe")
    assert first.difference.value == pytest.approx(0.2)
    assert {row.protocol for row in compare(board.path, "team/net:2", "net")} == {"fine_tune", "linear_probe"}


def test_one_protocol_on_both_sides_keeps_its_name(board: Leaderboard) -> None:
    rows = compare(board.path, "net:fine_tune", "team/net:2:fine_tune")
    assert {row.protocol for row in rows} == {"fine_tune"}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("net:fine_tune", "net", r"net:fine_tune names a protocol and net does not.*such as net:fine_tune"),
        ("net", "team/net:2:knn", "no run of team/net:2 by protocol 'knn'. There are: fine_tune, linear_probe"),
        ("net:fine_tune", "net:fine_tune", r"are the same results.* or two protocols as net:fine_tune"),
        ("no:fine_tune", "net:fine_tune", "no measured run of backbone 'no'"),
        ("timm:resnet50", "net:fine_tune", "no measured run of backbone 'timm:resnet50'"),
    ],
)
def test_sides_that_cannot_be_compared_are_refused(board: Leaderboard, a: str, b: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        compare(board.path, a, b)


def test_several_setups_of_a_protocol_are_named_as_they_can_be_typed(tmp_path: Path) -> None:
    path = tmp_path / "b.duckdb"
    for step in ({"trials": 0}, {"trials": 16}):
        scores = {("net", "d", "default"): [0.5]}
        board_with(path, scores, protocol="fine_tune", configuration={"protocol_settings": step})
    board_with(path, {("net", "d", "default"): [0.4]}, protocol="linear_probe")
    with pytest.raises(UserError, match=r"Choose one: (net@[0-9a-f]{12}:fine_tune(, |\.$)){2}") as caught:
        compare(path, "net:fine_tune", "net:linear_probe")
    typed = str(caught.value).rpartition("one: ")[2].rstrip(".").split(", ")
    rows = [row for side in typed for row in compare(path, side, "net:linear_probe")]
    assert [row.difference.value for row in rows] == pytest.approx([0.1, 0.1])


def test_the_mean_over_datasets_is_surer_than_its_parts(board: Leaderboard) -> None:
    rows = compare(board.path, "net:fine_tune", "net:linear_probe")
    (mean,) = mean_differences(rows)
    assert mean.datasets == ("d", "e")
    assert (mean.a, mean.b, mean.difference.value) == pytest.approx((0.8, 0.6, 0.2))
    # Of independent errors alike the mean has 1 / sqrt(2); all rows are drawn from the same seed, which must not tell.
    widths = [width(row.difference) for row in rows]
    assert width(mean.difference) == pytest.approx(np.hypot(*widths) / 2, rel=0.05)
    assert mean_differences(rows) == [mean]


def test_there_is_a_mean_for_each_protocol_and_none_for_one_dataset(board: Leaderboard) -> None:
    rows = compare(board.path, "net", "team/net:2")
    assert [mean.protocol for mean in mean_differences(rows)] == ["fine_tune", "linear_probe"]
    assert mean_differences(rows[:1]) == []


def test_a_dataset_without_interval_leaves_the_mean_without_one(tmp_path: Path) -> None:
    scores = {(name, dataset, "default"): [value] for name, value in (("a", 0.5), ("b", 0.4)) for dataset in "de"}
    (mean,) = mean_differences(compare(board_with(tmp_path / "b.duckdb", scores).path, "a", "b"))
    assert mean.difference == (pytest.approx(0.1), None, None)


def test_the_command_shows_the_mean_below_the_datasets(board: Leaderboard) -> None:
    done = harness("compare", "net:fine_tune", "net:linear_probe", "--db", board.path, cwd=board.path.parent)
    assert done.returncode == 0, done.stderr
    assert "mean of 2 datasets" in done.stdout
    assert done.stdout.count("+.200") == 3


def width(estimate: Estimate) -> float:
    assert estimate.ci_low is not None
    assert estimate.ci_high is not None
    return estimate.ci_high - estimate.ci_low

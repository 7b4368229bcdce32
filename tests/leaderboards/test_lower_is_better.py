"""Errors as headline: everything that ranks, compares or guards says of 10 - 5 x what it says of x, higher better."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_records import make_error_sums, make_value, metric, published_run
from scored_runs import LABELS, run_of

from leaderboards.checks.baseline import Baseline, BaselinePoint, CurveName, measure, read_baseline, write_baseline
from leaderboards.checks.check import Verdict, check
from leaderboards.checks.report import describe
from leaderboards.errors import UserError
from leaderboards.query import run_query
from leaderboards.report.contents import read_contents
from leaderboards.schema import RunRecord
from leaderboards.statistics.comparison import compare
from leaderboards.statistics.mean_difference import mean_differences
from leaderboards.statistics.ranking import read_standings
from leaderboards.store import Leaderboard, open_leaderboard

PARTITIONS = ("0.01x_train", "0.10x_train", "1.00x_train")
SCALE, DATASETS = -5.0, ("d1", "d2")


def worlds(folder: Path) -> tuple[Leaderboard, Leaderboard]:
    """The same scores twice: x as accuracy, and 10 - 5 x as rmse."""
    boards = open_leaderboard(folder / "higher.duckdb"), open_leaderboard(folder / "lower.duckdb")
    generator = np.random.default_rng(0)
    for board, name, higher in zip(boards, ("accuracy", "rmse"), (True, False), strict=True):
        generator = np.random.default_rng(0)
        with board.session() as session:
            for b, backbone in enumerate(("best", "middle", "worst")):
                for d, dataset in enumerate(DATASETS):
                    for p, partition in enumerate(PARTITIONS):
                        for seed in range(3):
                            x = 0.8 - 0.1 * b - 0.2 * (2 - p) * (1 + 0.3 * d) + 0.005 * generator.standard_normal()
                            ends = sorted(v if higher else 10 + SCALE * v for v in (x - 0.02, x + 0.03))
                            run = run_of(
                                backbone, dataset, partition, seed, metric=name, higher_is_better=higher,
                                parameters=(3, 2, 4)[b] * 10**6, train_draw="partition",
                                suite="geobench-classification-v1.0",
                            )  # fmt: skip
                            value = x if higher else 10 + SCALE * x
                            session.commit(RunRecord(run=run, metrics=[metric(value, (ends[0], ends[1]), metric=name)]))
            paper = published_run(
                dataset="d1", backbone="best", partition="1.00x_train", protocol="knn", metric=name,
                higher_is_better=higher, configuration={}, train_draw="partition",
            )  # fmt: skip
            session.commit(RunRecord(run=paper, metrics=[metric(0.7 if higher else 6.5, None, metric=name)]))
    return boards


@pytest.fixture(scope="module")
def higher_and_lower(tmp_path_factory: pytest.TempPathFactory) -> tuple[Leaderboard, Leaderboard]:
    return worlds(tmp_path_factory.mktemp("worlds"))


def both(boards: tuple[Leaderboard, Leaderboard], sql: str) -> tuple[list[Any], list[Any]]:
    higher, lower = (run_query(board.path, sql).rows for board in boards)
    assert higher
    return higher, lower


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT protocol, partition, backbone, mean_rank, better_score_share FROM ranking ORDER BY ALL",
        "SELECT dataset, backbone, rival, rival_labels, round(labels_needed, 6), round(label_saving, 9), at_most "
        "FROM label_savings ORDER BY ALL",
        "SELECT dataset, partition, backbone, frontier FROM parameter_efficiency ORDER BY ALL",
        "SELECT dataset, partition, backbone, n_seeds, missing FROM coverage ORDER BY ALL",
    ],
)
def test_views_say_the_same_of_errors(higher_and_lower: tuple[Leaderboard, Leaderboard], sql: str) -> None:
    higher, lower = both(higher_and_lower, sql)
    assert lower == higher


def test_the_best_has_the_smallest_error(higher_and_lower: tuple[Leaderboard, Leaderboard]) -> None:
    sql = "SELECT backbone FROM ranking WHERE partition = 'default' OR partition = '1.00x_train' ORDER BY mean_rank"
    assert run_query(higher_and_lower[1].path, sql).rows[0] == ("best",)
    sql = "SELECT backbone FROM label_efficiency WHERE dataset = 'd1' ORDER BY value LIMIT 1"
    assert run_query(higher_and_lower[1].path, sql).rows == [("best",)]


def test_the_gap_to_a_published_error_is_positive_where_ours_is_smaller(
    higher_and_lower: tuple[Leaderboard, Leaderboard],
) -> None:
    (higher,), (lower,) = both(
        higher_and_lower, "SELECT gap, ci_low, ci_high, value, published_value FROM published_gap"
    )
    assert lower[:3] == pytest.approx([-SCALE * number for number in higher[:3]])
    assert higher[0] > 0
    assert lower[0] == pytest.approx(lower[4] - lower[3])


def test_compare_says_by_how_much_a_is_better(higher_and_lower: tuple[Leaderboard, Leaderboard]) -> None:
    higher, lower = (compare(board.path, "best", "middle") for board in higher_and_lower)
    for x, error in zip(higher, lower, strict=True):
        assert error.difference == pytest.approx([-SCALE * number for number in x.difference])
        assert error.difference.value is not None
        assert error.difference.value > 0
        assert error.a.value is not None
        assert error.b.value is not None
        assert error.a.value < error.b.value
        assert error.p_adjusted == pytest.approx(x.p_adjusted)
        assert error.saving is not None
        assert x.saving is not None
        assert error.saving.saving == pytest.approx(x.saving.saving)


def test_errors_of_several_datasets_have_no_mean(higher_and_lower: tuple[Leaderboard, Leaderboard]) -> None:
    higher, lower = (mean_differences(compare(board.path, "best", "middle")) for board in higher_and_lower)
    assert [mean.datasets for mean in higher] == [DATASETS]
    assert lower == []


def test_places_and_ties_are_those_of_the_scores(higher_and_lower: tuple[Leaderboard, Leaderboard]) -> None:
    """The two datasets have nearly the same range, so a share of it weighs them as their fractions do."""
    higher, lower = (read_standings(board.path) for board in higher_and_lower)
    assert lower == higher
    (standings,) = (rows for grid, rows in lower.items() if grid.partition == "1.00x_train" and len(rows) == 3)
    assert [(row.entry.backbone, row.place_low, row.place_high) for row in standings] == [
        ("best", 1, 1), ("middle", 2, 2), ("worst", 3, 3)
    ]  # fmt: skip


def test_a_ranking_does_not_depend_on_the_unit_of_a_dataset(tmp_path: Path) -> None:
    """b is better by a tenth on d1, in kelvin; a by a metre on d2, of 1,000: the kelvin are not drowned."""
    found = []
    for unit in (1.0, 1000.0):
        board = open_leaderboard(tmp_path / f"{unit}.duckdb")
        with board.session() as session:
            for backbone, on_d1, on_d2 in (("a", 2.0, 100.0), ("b", 1.0, 100.5), ("c", 3.0, 200.0)):
                for dataset, error in (("d1", on_d1), ("d2", on_d2 * unit)):
                    for seed in range(3):
                        run = run_of(backbone, dataset, "default", seed, metric="rmse", higher_is_better=False)
                        row = metric(error * (1 + 0.001 * (seed * 7 % 3)), None, metric="rmse")
                        session.commit(RunRecord(run=run, metrics=[row]))
        found.append([(r.entry, r.place_low, r.place_high, r.ties) for r in read_standings(board.path).popitem()[1]])
    assert found[0] == found[1]


def test_a_dataset_that_tells_nobody_apart_drowns_no_other(tmp_path: Path) -> None:
    """Errors of a and b differ by ten standard deviations on d1, and by nothing but noise on d2: a is surely better."""
    board = open_leaderboard(tmp_path / "b.duckdb")
    generator = np.random.default_rng(1)
    with board.session() as session:
        for backbone, on_d1 in (("a", 0.9), ("b", 1.0)):
            for dataset, error in (("d1", on_d1), ("d2", 1.0 - 0.0001 * (backbone == "a"))):
                noise = generator.permutation([-0.01, 0.0, 0.01])
                for seed in range(3):
                    run = run_of(
                        backbone, dataset, "default", seed, metric="rmse", higher_is_better=False,
                        train_draw="partition",
                    )  # fmt: skip
                    row = metric(error + float(noise[seed]), None, metric="rmse")
                    session.commit(RunRecord(run=run, metrics=[row]))
    (standings,) = read_standings(board.path).values()
    assert [(row.entry.backbone, row.place_low, row.place_high) for row in standings] == [("a", 1, 1), ("b", 2, 2)]


def test_the_report_normalises_errors_the_right_way_round(higher_and_lower: tuple[Leaderboard, Leaderboard]) -> None:
    higher, lower = (read_contents(board.path).page for board in higher_and_lower)
    for table, name in (("ranking", "score"), ("ranking", "place_low"), ("savings", "saving_low")):
        numbers, of_errors = ([*_column(page[table], name)] for page in (higher, lower))
        assert of_errors == pytest.approx(numbers, abs=2e-6), name
    assert lower["points"]["columns"]["higher_is_better"] == {"values": [False], "index": []}


def _column(table: dict[str, Any], name: str) -> Any:
    column = table["columns"][name]
    if isinstance(column, list):
        return column
    return [column["values"][i] for i in column["index"] or [0] * table["n"]]


def test_a_rise_of_an_error_is_a_regression(higher_and_lower: tuple[Leaderboard, Leaderboard], tmp_path: Path) -> None:
    board = higher_and_lower[1]
    current = measure(board.path)
    write_baseline(current, tmp_path / "baseline.json")
    kept = read_baseline(tmp_path / "baseline.json")
    assert kept == current
    assert not any(curve.higher_is_better for curve in kept.curves)
    for factor, verdict in ((1.1, Verdict.REGRESSED), (0.9, Verdict.IMPROVED), (1.0, Verdict.OK)):
        now = Baseline({
            curve: {
                partition: BaselinePoint(p.n_labels, p.n_test, {seed: s * factor for seed, s in p.scores.items()})
                for partition, p in points.items()
            }
            for curve, points in current.curves.items()
        })  # fmt: skip
        assert {finding.verdict for finding in check(now, kept)} == {verdict}
    assert "rmse (lower is better) " in describe(check(current, kept)[0])


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_a_check_does_not_depend_on_the_unit_of_an_error(unit: float) -> None:
    curve = CurveName("s", "d", "b", "p", "cv", "seed", "partition", "rmse", higher_is_better=False)
    errors = 2 + 0.01 * np.random.default_rng(0).standard_normal((2, 3, 5)) + [[[0.0]], [[0.02]]]

    def p_values(unit: float) -> list[float | None]:
        before, now = (
            Baseline({curve: {
                name: BaselinePoint(n, 100, dict(enumerate((unit * row).tolist())))
                for (name, n), row in zip(list(LABELS.items())[:3], rows, strict=True)
            }})
            for rows in errors
        )  # fmt: skip
        return [finding.p_adjusted for finding in check(now, before)]

    assert p_values(unit) == pytest.approx(p_values(1.0), rel=1e-6)


def test_a_baseline_from_before_directions_is_read_as_higher_is_better(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    entry = {
        "suite": "s", "dataset": "d", "backbone": "b", "protocol": "p", "selection": "cv", "train_draw": "seed",
        "axis": "partition", "metric": "accuracy",
        "points": [{"partition": "default", "n_labels": 5, "n_test": 9, "scores": {"0": 0.5, "1": 0.5, "2": 0.5}}],
    }  # fmt: skip
    path.write_text(json.dumps({"format": 1, "curves": [entry]}))
    (curve,) = read_baseline(path).curves
    assert curve.higher_is_better is True
    path.write_text(json.dumps({"format": 1, "curves": [{**entry, "higher_is_better": "no"}]}))
    with pytest.raises(UserError, match="direction"):
        read_baseline(path)


def stored(board: Leaderboard, backbone: str, name: str, value: float, **rows: Any) -> None:
    run = run_of(backbone, "heights", "default", 0, metric=name, higher_is_better=name == "r2")
    board.commit(RunRecord(run=run, metrics=[metric(value, None, metric=name)], **rows))


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_compare_pairs_stored_numbers(tmp_path: Path, name: str) -> None:
    """Both models miss the same samples, and b all by a little more: a paired difference is sure with one run each."""
    generator = np.random.default_rng(3)
    target = generator.normal(300.0, 5.0, (200, 1))
    common = generator.normal(0.0, 2.0, (200, 1))
    board = open_leaderboard(tmp_path / "b.duckdb")
    difference = []
    for backbone, factor in (("a", 1.0), ("b", 1.1)):
        predicted = target + factor * common
        value = by_hand(name, target, predicted)
        difference.append(value)
        rows = [
            make_value(f"id_{i:03d}", target=tuple(t), predicted=tuple(p))
            for i, (t, p) in enumerate(zip(target.tolist(), predicted.tolist(), strict=True))
        ]
        stored(board, backbone, name, value, values=rows[::-1] if backbone == "b" else rows)
    (row,) = compare(board.path, "a", "b")
    assert row.noise == "test samples"
    assert row.difference.value == pytest.approx(abs(difference[0] - difference[1]))
    assert row.difference.ci_low is not None
    assert row.difference.ci_low > 0
    assert row.one_seed


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_compare_pairs_sums_of_errors_as_it_pairs_the_pixels(tmp_path: Path, name: str) -> None:
    """A pixel an image: the sums say what the numbers do."""
    generator = np.random.default_rng(4)
    target = generator.normal(300.0, 5.0, (50, 1))
    boards = [open_leaderboard(tmp_path / f"{kind}.duckdb") for kind in ("values", "sums")]
    for backbone, spread in (("a", 1.0), ("b", 2.0)):
        predicted = target + generator.normal(0.0, spread, (50, 1))
        value = by_hand(name, target, predicted)
        pairs = [(f"id_{i:02d}", t, p) for i, (t, p) in enumerate(np.hstack([target, predicted]).tolist())]
        stored(
            boards[0], backbone, name, value, values=[make_value(s, target=(t,), predicted=(p,)) for s, t, p in pairs]
        )
        sums = [
            make_error_sums(
                s, n_pixels=1, sum_target=t, sum_squared_target=t * t, sum_error=p - t,
                sum_squared_error=(p - t) ** 2, sum_absolute_error=abs(p - t),
            )
            for s, t, p in pairs
        ]  # fmt: skip
        stored(boards[1], backbone, name, value, error_sums=sums)
    (by_values,), (by_sums,) = (compare(board.path, "a", "b") for board in boards)
    assert by_sums.difference == pytest.approx(by_values.difference, rel=1e-5)
    assert by_sums.p_value == pytest.approx(by_values.p_value, rel=1e-4)


def by_hand(name: str, target: np.ndarray, predicted: np.ndarray) -> float:
    error = predicted - target
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float((error**2).mean() ** 0.5),
        "r2": float(1 - (error**2).sum() / ((target - target.mean()) ** 2).sum()),
    }[name]


def test_numbers_that_do_not_give_the_score_are_told(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "b.duckdb")
    for backbone in ("a", "b"):
        stored(board, backbone, "rmse", 5.0, values=[make_value("one", target=(1.0,), predicted=(2.0,))])
    with pytest.raises(UserError, match=r"stored predictions give rmse 1\.000000, its row says 5\.000000"):
        compare(board.path, "a", "b")

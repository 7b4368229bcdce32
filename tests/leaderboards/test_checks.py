"""Regression checks: verdicts, refusals, reports that no name can break, and the stated false-alarm rate."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from leaderboard_records import metric
from scored_runs import board_with, run_of

from leaderboards.checks.baseline import Baseline, BaselinePoint, CurveName, measure, read_baseline, write_baseline
from leaderboards.checks.check import ALPHA, AREA, Finding, Verdict, check, failed, resolution
from leaderboards.checks.report import describe, summarise, tell, to_json, to_junit, to_markdown
from leaderboards.errors import UserError
from leaderboards.schema import RunRecord
from leaderboards.simulations.power import failure_rate
from leaderboards.statistics.moderated import fit_prior, inverse_trigamma, one_sided_p
from leaderboards.statistics.paired import holm
from leaderboards.store import open_leaderboard

LABELS = {"0.01x_train": 20, "0.10x_train": 200, "1.00x_train": 2000}


def name(dataset: str = "m-eurosat", backbone: str = "mp_mae") -> CurveName:
    return CurveName("demo", dataset, backbone, "linear_probe", "cv", "seed", "partition", "accuracy")


def baseline_of(
    *curves: CurveName, drop: float = 0.0, seed: int = 0, n_seeds: int = 5, noise: float = 0.01
) -> Baseline:
    """Curves from 0.5 to 0.7; `drop` lowers the first one at every point. Every seed has another draw in each."""
    generator = np.random.default_rng(seed)
    result = {}
    for i, curve in enumerate(curves):
        result[curve] = {
            partition: BaselinePoint(
                n,
                1000,
                dict(enumerate(0.5 + 0.1 * step - drop * (i == 0) + noise * generator.standard_normal(n_seeds))),
            )
            for step, (partition, n) in enumerate(LABELS.items())
        }
    return Baseline(result)


def verdicts(findings: list[Finding]) -> dict[tuple[str, str], Verdict]:
    return {(finding.curve.dataset, finding.partition): finding.verdict for finding in findings}


def test_the_same_results_pass() -> None:
    before = baseline_of(name())
    findings = check(before, before)
    assert not failed(findings)
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    assert [finding.partition for finding in findings] == [*LABELS, AREA]


def test_a_regression_is_named_with_its_size_and_others_stay_ok() -> None:
    findings = check(baseline_of(name("a"), name("b"), drop=0.1, seed=1), baseline_of(name("a"), name("b")))
    found = verdicts(findings)
    assert failed(findings)
    assert all(found["a", partition] is Verdict.REGRESSED for partition in (*LABELS, AREA))
    assert all(found["b", partition] is Verdict.OK for partition in (*LABELS, AREA))
    text = describe(findings[0])
    assert "regressed: mp_mae on a by linear_probe, 0.01x_train (20 labels)" in text
    assert "accuracy 0.5004 -> 0.4022 (-0.0982, adjusted p" in text


def test_a_terminal_gets_the_worst_of_many_and_how_many_more() -> None:
    curves = [name(f"d{i}") for i in range(5)]
    before = baseline_of(*curves)
    lower = {
        curve: {p: replace(one, scores={s: v - 0.1 for s, v in one.scores.items()}) for p, one in points.items()}
        for curve, points in before.curves.items()
    }
    lines = tell(check(Baseline(lower), before))
    assert [verdict for verdict, _ in lines] == [Verdict.REGRESSED] * 9
    assert lines[-1][1].startswith("regressed: 12 more;")


def test_the_largest_drops_that_are_no_regression_are_told_with_the_axis_of_an_area() -> None:
    findings = check(baseline_of(name("a"), name("b"), drop=0.02, seed=1), baseline_of(name("a"), name("b")))
    held = [finding for finding in findings if finding.verdict is Verdict.OK and finding.drop > 0]
    assert len(held) > 3
    told = [line for verdict, line in tell(findings) if verdict is Verdict.OK]
    assert told == [
        f"not told from noise, {describe(finding)}" for finding in sorted(held, key=lambda one: -one.drop)[:3]
    ]
    assert any("AULC over partition: accuracy" in describe(finding) for finding in findings)


def test_an_improvement_is_said_and_does_not_fail() -> None:
    findings = check(baseline_of(name(), drop=-0.1, seed=1), baseline_of(name()))
    assert not failed(findings)
    assert Verdict.IMPROVED in verdicts(findings).values()


def test_noise_decides_and_not_a_fixed_tolerance() -> None:
    quiet = check(baseline_of(name(), drop=0.05, seed=1, noise=0.005), baseline_of(name(), noise=0.005))
    loud = check(baseline_of(name(), drop=0.05, seed=1, noise=0.1), baseline_of(name(), noise=0.1))
    assert failed(quiet)
    assert not failed(loud)


def test_a_missing_point_fails_and_a_new_one_does_not() -> None:
    full = baseline_of(name())
    without = Baseline({name(): {p: point for p, point in full.curves[name()].items() if p != "0.10x_train"}})
    assert verdicts(check(without, full))["m-eurosat", "0.10x_train"] is Verdict.MISSING
    assert failed(check(without, full))
    assert verdicts(check(full, without))["m-eurosat", "0.10x_train"] is Verdict.NEW
    assert not failed(check(full, without))
    assert failed(check(Baseline({}), full))


def test_another_number_of_labels_is_another_point() -> None:
    before = baseline_of(name())
    points = dict(before.curves[name()])
    points["0.01x_train"] = BaselinePoint(30, 1000, points["0.01x_train"].scores)
    (finding,) = [f for f in check(Baseline({name(): points}), before) if f.verdict is Verdict.MISSING]
    assert finding.note == "now uses 30 labels"


def test_seeds_that_all_agree_still_have_the_resolution_of_the_test_set() -> None:
    """Deterministic scores: a sample in a thousand is not a regression, twenty are."""

    def flat(score: float) -> Baseline:
        return Baseline(
            {name(): {p: BaselinePoint(n, 1000, dict.fromkeys(range(3), score)) for p, n in LABELS.items()}}
        )

    assert not failed(check(flat(0.699), flat(0.7)))
    assert failed(check(flat(0.68), flat(0.7)))


def test_a_point_without_labels_is_no_part_of_the_area() -> None:
    """On a logarithmic axis it would make every area NaN, and a NaN never fails."""

    def with_labels(n_labels: dict[str, int], score: float) -> Baseline:
        return Baseline(
            {name(): {p: BaselinePoint(n, 1000, {s: score + s / 100 for s in range(3)}) for p, n in n_labels.items()}}
        )

    for n_labels, areas in (({"none": 0, "some": 10, "all": 100}, 1), ({"none": 0, "all": 100}, 0)):
        findings = check(with_labels(n_labels, 0.3), with_labels(n_labels, 0.7))
        assert [f.verdict for f in findings if f.partition == AREA] == [Verdict.REGRESSED] * areas
        assert failed(findings)


def pairs_of(drop: float, metric: str = "accuracy", train_draw: str = "seed") -> list[Finding]:
    """Draws that differ by 0.3 between seeds, each lower by `drop` now."""
    curve = replace(name(), metric=metric, train_draw=train_draw)
    before, now = (
        Baseline({curve: {"default": BaselinePoint(100, 1000, dict(enumerate(s)))}})
        for s in ([0.3, 0.6, 0.5], [0.3 - drop, 0.6 - drop, 0.5 - drop])
    )
    return check(now, before)


def test_seeds_that_draw_alike_are_compared_pair_by_pair() -> None:
    assert failed(pairs_of(0.02))
    assert not failed(pairs_of(0.02, train_draw="partition"))


def test_pairs_are_of_the_seeds_that_both_have() -> None:
    curve, later = name(), {4: 0.9, 3: 0.1, 2: 0.48, 1: 0.58, 0: 0.28}
    before = Baseline({curve: {"default": BaselinePoint(100, 1000, {0: 0.3, 1: 0.6, 2: 0.5})}})
    (finding,) = check(Baseline({curve: {"default": BaselinePoint(100, 1000, later)}}), before)
    assert (finding.verdict, finding.change) == (Verdict.REGRESSED, pytest.approx(-0.02))


def test_one_sample_in_a_thousand_is_no_regression_and_a_twentieth_of_it_is_one_where_pixels_count() -> None:
    """One test image moves mIoU by any amount: its floor is no sample, but the last digit that is shown."""
    assert resolution("accuracy", 1000) == resolution("f1_micro", 1000) == 1e-3
    assert resolution("miou", 1000) == resolution("miou", 10) == resolution("r2", 10) == 1e-4
    assert not failed(pairs_of(0.002))
    assert failed(pairs_of(0.002, metric="miou"))
    assert not failed(pairs_of(0.0001, metric="miou"))


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_false_alarms_of_a_whole_check_are_as_rare_as_stated(spread: float, paired: bool) -> None:
    """4,000 checks of unchanged code, 60 points of 3 seeds then and now whose noise differs by up to a factor of 3."""
    generator = np.random.default_rng(0)
    degrees, n_inverse = np.full(60, 2.0 if paired else 4.0), np.full(60, 1 / 3 if paired else 2 / 3)
    alarms = 0
    for _ in range(4_000):
        deviations = 0.02 * np.exp(spread * generator.standard_normal(60))
        before, now = deviations * generator.standard_normal((2, 3, 60))
        variances = (before.var(axis=0, ddof=1) + now.var(axis=0, ddof=1)) / 2
        if paired:
            variances = (before - now).var(axis=0, ddof=1)
        p = one_sided_p(before.mean(axis=0) - now.mean(axis=0), variances, degrees, n_inverse)
        alarms += min(holm(p.tolist())) < ALPHA
    assert alarms / 4_000 <= ALPHA + 2.6 * (ALPHA / 4_000) ** 0.5  # 99 % of such counts, were the rate ALPHA


def test_a_uniform_drop_of_0_01_over_six_curves_with_five_seeds_is_found() -> None:
    """Unpaired, 6 to 20 % of checks found it."""
    assert failure_rate(5, 0.01, np.random.default_rng(0), n_checks=25) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("train_draw", ["seed", "partition"])
@pytest.mark.parametrize("n_seeds", [3, 5])
def test_checks_of_unchanged_code_fail_as_rarely_as_docs_ci_says(n_seeds: int, train_draw: str) -> None:
    rate = failure_rate(n_seeds, 0.0, np.random.default_rng(1), n_checks=1_000, train_draw=train_draw)
    assert rate <= ALPHA + 2.6 * (ALPHA / 1_000) ** 0.5


def test_a_check_of_three_seeds_sees_a_drop_of_five_deviations() -> None:
    hits = 0
    for study in range(20):
        names = [name(dataset) for dataset in "abcdef"]
        before = baseline_of(*names, seed=2 * study, n_seeds=3)
        hits += failed(check(baseline_of(*names, drop=0.05, seed=2 * study + 1, n_seeds=3), before))
    assert hits >= 18


def test_the_prior_of_variances_is_found_again() -> None:
    generator = np.random.default_rng(0)
    variances = 0.5 * 8 / generator.chisquare(8, 20_000) * generator.chisquare(4, 20_000) / 4
    prior = fit_prior(variances, np.full(20_000, 4.0))
    assert prior.degrees == pytest.approx(8, rel=0.1)
    assert prior.variance == pytest.approx(0.5, rel=0.05)


def test_equal_variances_are_one_variance() -> None:
    assert fit_prior(np.full(10, 0.3), np.full(10, 4.0)).degrees == np.inf


def test_inverse_trigamma() -> None:
    assert inverse_trigamma(np.pi**2 / 6) == pytest.approx(1)
    assert inverse_trigamma(np.pi**2 / 2) == pytest.approx(0.5)


def test_a_baseline_is_read_back_as_it_was_and_written_the_same_again(tmp_path: Path) -> None:
    before = baseline_of(name("ö"), name('"quoted" <b>'))
    write_baseline(before, tmp_path / "deep" / "baseline.json")
    text = (tmp_path / "deep" / "baseline.json").read_text(encoding="utf-8")
    again = read_baseline(tmp_path / "deep" / "baseline.json")
    assert again == before
    write_baseline(Baseline(dict(reversed(again.curves.items()))), tmp_path / "two.json")
    assert (tmp_path / "two.json").read_text(encoding="utf-8") == text
    assert "ö" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "wanted a baseline of format 1, found None"),
        ('{"format": 2}', "wanted a baseline of format 1, found 2"),
        ('{"format": 1}', "damaged at KeyError"),
        ('{"format": 1, "curves": [{"suite": "demo"}]}', "damaged at KeyError"),
        ('{"format": 1, "curves": [3]}', "damaged at TypeError"),
    ],
)
def test_a_damaged_baseline_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_baseline(path)


def test_no_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--update"):
        read_baseline(tmp_path / "baseline.json")


def test_two_seeds_are_too_few(tmp_path: Path) -> None:
    board = board_with(tmp_path / "b.duckdb", {("a", "d", "default"): [0.5, 0.6]})
    with pytest.raises(UserError, match=r"at least 3 at every point; a on d by knn default has 2. Run more: --seeds"):
        measure(board.path)
    filed = board_with(tmp_path / "filed.duckdb", {("a", "d", "default"): [0.5]}, train_draw="partition")
    with pytest.raises(UserError, match="Run more: --train-draw seed --seeds 0,1,2"):
        measure(filed.path)
    write_baseline(baseline_of(name(), n_seeds=2), tmp_path / "baseline.json")
    with pytest.raises(UserError, match="at least 3"):
        read_baseline(tmp_path / "baseline.json")


def test_two_results_for_one_curve_are_refused(tmp_path: Path) -> None:
    board = board_with(tmp_path / "b.duckdb", {("a", "d", "default"): [0.5, 0.6, 0.7]})
    run = run_of("a", "d", "default", 0, dataset_fingerprint="another")
    board.commit(RunRecord(run=run, metrics=[metric(0.5, None)]))
    with pytest.raises(UserError, match="results of two kinds"):
        measure(board.path)


def test_two_lists_of_samples_under_one_partition_are_refused(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / "b.duckdb")
    for lists in "12":
        for seed in range(3):
            configuration = {"identity_version": 2, "valid_sha256": lists * 64, "test_sha256": "3" * 64}
            run = run_of("a", "d", "default", seed, configuration=configuration)
            board.commit(RunRecord(run=run, metrics=[metric(0.5, None)]))
    with pytest.raises(UserError, match="other lists of samples"):
        measure(board.path)


def test_measure_takes_what_is_measured_and_defined(tmp_path: Path) -> None:
    scores = {("a", "d", "default"): [0.5, 0.6, 0.7], ("b", "d", "default"): [None, None, None]}
    current = measure(board_with(tmp_path / "b.duckdb", scores).path)
    ((curve, points),) = current.curves.items()
    assert (curve.backbone, points["default"].scores, points["default"].n_labels) == (
        "a",
        {0: 0.5, 1: 0.6, 2: 0.7},
        2000,
    )


NASTY = "<img src=x onerror=alert(1)> | `rm` *b* \"q\" 'q' & ü\x00\x1b[31m\n## heading"


def test_reports_survive_any_name() -> None:
    curve = name(NASTY, NASTY)
    findings = check(baseline_of(curve, drop=0.2, seed=1), baseline_of(curve))
    root = ElementTree.fromstring(to_junit(findings))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("4", "4")
    markdown = to_markdown(findings)
    assert "<img" not in markdown
    assert "\n## heading" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| regressed")]
    assert len(rows) == 4
    assert all(row.replace("\\|", "").count("|") == 12 for row in rows)
    assert json.loads(to_json(findings))["findings"][0]["curve"]["dataset"] == NASTY


def test_reports_agree() -> None:
    findings = check(baseline_of(name("a"), name("b"), drop=0.1, seed=1), baseline_of(name("a"), name("b")))
    document = json.loads(to_json(findings))
    failures = ElementTree.fromstring(to_junit(findings)).findall(".//failure")
    assert document["failed"] is True
    assert len(failures) == sum(row["verdict"] == "regressed" for row in document["findings"]) == 4
    assert "FAILED" in to_markdown(findings)
    assert summarise(findings) == "4 ok, 4 regressed (chance of a false alarm: 1% per check)"

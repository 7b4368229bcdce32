"""`show`, `export`, `import`, `replay`: what a user types to look after a leaderboard."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from leaderboard_records import make_record, metric, published_run, run_id

from command_line import harness
from generated_patches import SCENES
from harness.show.campaign.beside import keep_beside
from harness.show.reproduce import reproducing_command
from leaderboards.query import run_query
from leaderboards.schema import RunRecord
from leaderboards.spool import Spool
from leaderboards.store import Leaderboard, open_leaderboard

PLACE = Path("leaderboards") / "leaderboard.duckdb"
"""Where commands look if nobody says otherwise."""


@pytest.fixture(scope="module")
def finished(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the leaderboard of two runs on nine patches."""
    folder = tmp_path_factory.mktemp("show")
    done = harness(*command(patches, folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def command(patches: Path, folder: Path) -> tuple[object, ...]:
    return (
        "run", "--backbone", "image_statistics", "--geobench-dir", patches, "--datasets", SCENES,
        "--cache-dir", folder / "cache", "--device", "cpu",
    )  # fmt: skip


def run_ids(folder: Path) -> list[str]:
    return [run for (run,) in run_query(folder / PLACE, "SELECT run_id FROM runs ORDER BY ALL").rows]


def test_show_prints_everything_about_a_run(finished: Path) -> None:
    run = run_ids(finished)[0]
    shown = harness("show", run[:8], cwd=finished)
    assert shown.returncode == 0, shown.stderr
    for word in (run, "f1_micro", SCENES, "partition_sha256", "git_commit", "torch", "image_statistics"):
        assert word in shown.stdout


def test_the_command_shown_makes_exactly_this_run(finished: Path, patches: Path, tmp_path: Path) -> None:
    for run in run_ids(finished):
        shown = json.loads(harness("show", run, "--json", cwd=finished).stdout)
        typed = shlex.split(shown["command"])
        assert typed[:3] == ["python", "-m", "harness"]
        places = ("--geobench-dir", patches, "--cache-dir", finished / "cache")
        again = harness(*typed[3:], *places, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
    assert run_ids(tmp_path) == run_ids(finished)


def test_show_as_json_holds_the_row_and_its_metrics(finished: Path) -> None:
    run = run_ids(finished)[0]
    shown = json.loads(harness("show", run, "--json", cwd=finished).stdout)
    assert shown["run_id"] == run
    assert shown["configuration"]["dataset"] == SCENES
    assert {row["split"] for row in shown["metrics"]} == {"valid", "test"}


@pytest.mark.parametrize(
    ("prefix", "message"), [("zz", "hexadecimal"), ("'; DROP", "hexadecimal"), ("", "hexadecimal")]
)
def test_what_cannot_be_a_run_is_refused(finished: Path, prefix: str, message: str) -> None:
    refused = harness("show", prefix, cwd=finished)
    assert refused.returncode == 2
    assert message in refused.stderr


def test_an_unknown_and_an_ambiguous_prefix_are_refused(tmp_path: Path) -> None:
    board = open_leaderboard(tmp_path / PLACE)
    names = [name for name in range(60) if run_id(name).startswith("e")][:2]
    for name in names:
        board.commit(make_record(name))
    several = harness("show", "e", cwd=tmp_path)
    assert several.returncode == 2
    assert all(run_id(name)[:7] in several.stderr for name in names)
    unknown = harness("show", "ffffffffffff", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "no run begins with ffffffffffff" in unknown.stderr


NAMES = ["it's", 'a "b"', "[red]x[/red]", "<script>", "a b;c", "$(touch x)", "ü🛰"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_shown_and_quoted(tmp_path: Path, name: str) -> None:
    configuration = {
        "dataset": name, "protocol": "knn", "partition": "default", "seed": 3,
        "train_draw": "seed", "selection": "cv", "band_sources": ["a", None],
    }  # fmt: skip
    provenance = {"weights_file": f"{name}.pth", "git_commit": "abc", "git_dirty": True, "packages": {"torch": "2.9"}}
    record = make_record(name, dataset=name, backbone=name, configuration=configuration, provenance=provenance)
    open_leaderboard(tmp_path / PLACE).commit(record)
    shown = harness("show", run_id(name)[:10], cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert name in shown.stdout
    assert "commit abc with uncommitted changes" in shown.stdout
    assert f"{name}.pth stands for your path to the weights with SHA-256" in shown.stdout
    assert shlex.split(reproducing_command(name, configuration, provenance))[4:] == [
        "--backbone", name, "--weights", f"{name}={name}.pth", "--datasets", name, "--protocols", "knn",
        "--partitions", "default", "--train-draw", "seed", "--seeds", "3", "--select", "cv", "--missing-bands", "zero",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("partition", "option"), [("k=5", ["--shots", "5", "--budgets", ""]), ("n=50", ["--shots", "", "--budgets", "50"])]
)
def test_a_few_shot_run_is_asked_for_by_its_labels(partition: str, option: list[str]) -> None:
    configuration = {
        "dataset": "d", "protocol": "few_shot", "partition": partition, "seed": 0,
        "train_draw": "seed", "selection": "none", "band_sources": ["a"],
    }  # fmt: skip
    words = shlex.split(reproducing_command("b", configuration, {"weights_file": None}))
    assert words[words.index("--shots") :][:4] == option
    assert "--partitions" not in words


@pytest.mark.parametrize(
    ("suite", "file", "named"),
    [("demo", "mp_mae", False), ("demo", "mine.pth", True), ("geobench-classification-v1.0", "mp_mae", True)],
)
def test_shipped_weights_are_not_named_as_a_file_that_nobody_has(suite: str, file: str, named: bool) -> None:
    configuration = {
        "suite": suite, "dataset": "d", "protocol": "knn", "partition": "default", "seed": 0, "band_sources": ["a"],
    }  # fmt: skip
    words = shlex.split(reproducing_command("mp_mae", configuration, {"weights_file": file}))
    assert ("--weights" in words) == named


@pytest.mark.parametrize("version", [None, 2])
def test_show_says_of_an_older_identity_that_it_is_one(tmp_path: Path, version: int | None) -> None:
    configuration = {
        "dataset": "d", "protocol": "knn", "partition": "default", "seed": 0, "band_sources": ["a"], "bands": ["B1"],
    }  # fmt: skip
    if version is not None:
        digests = dict.fromkeys(("partition_sha256", "valid_sha256", "test_sha256"), "0" * 64)
        configuration |= {"identity_version": version, "weights_from_seed": False, **digests}
    open_leaderboard(tmp_path / PLACE).commit(make_record("run", configuration=configuration))
    shown = harness("show", run_id("run")[:10], cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert ("identity version 1: stored when" in shown.stdout) == (version is None)


def test_a_published_number_has_no_command(tmp_path: Path) -> None:
    open_leaderboard(tmp_path / PLACE).commit(RunRecord(run=published_run(), metrics=[metric(ci=None)]))
    shown = harness("show", run_id("published")[:6], cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "run it again" not in shown.stdout


@pytest.mark.parametrize("target", ["out", "out.csv", "out.json"])
def test_what_is_exported_is_imported(tmp_path: Path, target: str) -> None:
    open_leaderboard(tmp_path / PLACE).commit(make_record("one"))
    exported = harness("export", target, cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    imported = harness("import", target, "--db", "other.duckdb", cwd=tmp_path)
    assert imported.returncode == 0, imported.stderr
    assert "1 runs added" in imported.stderr
    assert Leaderboard(tmp_path / "other.duckdb").known([run_id("one")]) == {run_id("one")}


@pytest.mark.parametrize("content", [None, "hello", "run_id,value\nx,1\n", "broken rule"])
def test_an_import_that_fails_leaves_nothing(tmp_path: Path, content: str | None) -> None:
    """Neither a leaderboard nor the folder for it; and a leaderboard that was there stays as it was."""
    if content == "broken rule":
        open_leaderboard(tmp_path / PLACE).commit(make_record("one"))
        assert harness("export", "a.csv", cwd=tmp_path).returncode == 0
        content = (tmp_path / "a.csv").read_text().replace(",0.5,0.4,0.6", ",0.5,0.9,0.6")
    if content is not None:
        (tmp_path / "a.csv").write_text(content)
    before = sorted(tmp_path.rglob("*"))
    imported = harness("import", "a.csv", "--db", "new/folder/other.duckdb", cwd=tmp_path)
    assert imported.returncode == 2
    assert imported.stderr.startswith("error: a.csv: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_was_imported_before_another_source_failed_is_kept(tmp_path: Path) -> None:
    open_leaderboard(tmp_path / PLACE).commit(make_record("one"))
    imported = harness("import", PLACE, "absent.duckdb", "--db", "new/other.duckdb", cwd=tmp_path)
    assert imported.returncode == 2
    assert "1 runs added" in imported.stderr
    assert Leaderboard(tmp_path / "new" / "other.duckdb").known([run_id("one")]) == {run_id("one")}


def test_two_leaderboards_in_one_folder_have_a_report_each(tmp_path: Path) -> None:
    """As those of several shares have."""
    for number in "12":
        open_leaderboard(tmp_path / f"{number}.duckdb").commit(make_record(number))
        kept = keep_beside(tmp_path / f"{number}.duckdb", [run_id(number)], "linear_probe", anew=True)
        assert kept.files == [tmp_path / f"{number}-report.html"]


def test_a_replay_of_nothing_makes_no_leaderboard(tmp_path: Path) -> None:
    done = harness("replay", "--db", "new/other.duckdb", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "0 runs that were waiting are in new/other.duckdb now.\n")
    assert list(tmp_path.iterdir()) == []


def test_export_says_what_it_can_write(tmp_path: Path) -> None:
    open_leaderboard(tmp_path / PLACE)
    assert "ending in .csv or .json" in harness("export", "out.xlsx", cwd=tmp_path).stderr
    assert "no leaderboard here" in harness("export", "out.csv", "--db", "absent.duckdb", cwd=tmp_path).stderr


def test_a_contradiction_is_printed_and_exits_1(tmp_path: Path) -> None:
    open_leaderboard(tmp_path / PLACE).commit(make_record())
    open_leaderboard(tmp_path / "b.duckdb").commit(replace(make_record(), metrics=[metric(0.75)]))
    imported = harness("import", "b.duckdb", cwd=tmp_path)
    assert imported.returncode == 1
    assert f"conflict: run {run_id('run')[:12]}, test accuracy: 0.5 here, 0.75 there" in imported.stderr


def test_replay_stores_what_waits_and_tells_of_what_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / PLACE
    open_leaderboard(path)
    Leaderboard(path).commit(make_record("twice"))
    Spool(path).keep(replace(make_record("twice"), metrics=[metric(0.505)]), "why")
    Spool(path).keep(make_record("waiting"), "why")
    done = harness("replay", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 runs that were waiting are in" in done.stderr
    assert f"most in run {run_id('twice')[:12]}, test accuracy: 0.5 here, 0.505 there" in done.stderr
    Spool(path).keep(make_record("bad", dataset=""), "why")
    stuck = harness("replay", cwd=tmp_path)
    assert stuck.returncode == 1
    assert "still waiting" in stuck.stderr


def test_limits_under_which_no_query_can_run_are_refused_and_not_blamed_on_the_file(tmp_path: Path) -> None:
    open_leaderboard(tmp_path / "board.duckdb")
    done = harness("sql", "SELECT 1", "--db", "board.duckdb", "--memory", "1kB", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: --memory 1kB: a query needs 10 MB at least\n")
    done = harness("sql", "SELECT 1", "--db", "board.duckdb", "--timeout", "inf", cwd=tmp_path)
    assert done.returncode == 2
    assert "--timeout" in done.stderr

"""`check`, `compare` and `published` as users type them: exit codes, files, 80 plain columns."""

import json
import re
from pathlib import Path

import pytest
from scored_runs import board_with

from command_line import harness

PARTITIONS = ("0.01x_train", "0.10x_train", "1.00x_train")


def scores(drop: float = 0.0) -> dict[tuple[str, str, str], list[float | None]]:
    return {
        (backbone, dataset, partition): [
            0.4 + 0.1 * step + more - drop + 0.01 * (1 + more) * seed for seed in (1, -1, 0)
        ]
        for backbone, more in (("mp_mae", 0.1), ("random_init", 0.0))
        for dataset in ("m-eurosat", "m-SA-crop-type")
        for step, partition in enumerate(PARTITIONS)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`same.duckdb` and `worse.duckdb`, 20 points below, and the baseline of the first."""
    folder = tmp_path_factory.mktemp("commands")
    board_with(folder / "same.duckdb", scores(), protocol="linear_probe_sgd")
    board_with(folder / "worse.duckdb", scores(0.2), protocol="linear_probe_sgd")
    done = harness("check", "--db", "same.duckdb", "--baseline", "baseline.json", "--update", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "12 new" in done.stdout
    return folder


def test_check_passes_on_what_the_baseline_was_made_from(folder: Path) -> None:
    done = harness("check", "--db", "same.duckdb", "--baseline", "baseline.json", cwd=folder)
    assert (done.returncode, done.stdout.strip()) == (0, "16 ok (chance of a false alarm: 1% per check)")


def test_check_fails_says_where_and_by_how_much_and_writes_its_reports(folder: Path) -> None:
    files = ("--junit", "out/check.xml", "--markdown", "out/check.md", "--json", "out/check.json")
    done = harness("check", "--db", "worse.duckdb", "--baseline", "baseline.json", *files, cwd=folder)
    assert done.returncode == 1
    told, more = done.stdout.splitlines()[:8], done.stdout.splitlines()[8]
    assert all(
        re.match(r"regressed: \w+ on m-\S+ by linear_probe_sgd, .*: accuracy .*\(-0\.2000", line) for line in told
    )
    assert more == "regressed: 8 more; --markdown FILE lists all"
    assert json.loads((folder / "out/check.json").read_text())["failed"] is True
    assert "<failure" in (folder / "out/check.xml").read_text()
    assert "FAILED" in (folder / "out/check.md").read_text()


def test_update_shows_the_difference_and_writes(folder: Path) -> None:
    (folder / "moving.json").write_bytes((folder / "baseline.json").read_bytes())
    done = harness("check", "--db", "worse.duckdb", "--baseline", "moving.json", "--update", cwd=folder)
    assert done.returncode == 0
    assert "regressed" in done.stdout
    assert harness("check", "--db", "worse.duckdb", "--baseline", "moving.json", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--db", "same.duckdb", "--baseline", "none.json"), "no baseline here"),
        (("--db", "none.duckdb", "--baseline", "baseline.json"), "no leaderboard here"),
        (("--db", "same.duckdb", "--baseline", "same.duckdb"), "is not JSON"),
    ],
)
def test_check_of_unusable_input_exits_2_with_one_line(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = harness("check", *arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_compare_is_plain_and_fits_80_columns(folder: Path) -> None:
    done = harness("compare", "mp_mae", "random_init", "--db", "same.duckdb", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    for text in ("m-SA-crop-type", "linear_probe_sgd", "1.00x_train", ".700", ".600", "+.100 *", "is better than"):
        assert text in done.stdout
    assert "90%" in done.stdout  # one decade of labels


def test_ranking_says_who_cannot_be_told_apart(folder: Path) -> None:
    done = harness("ranking", "--db", "same.duckdb", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "partition 1.00x_train" in done.stdout
    assert "0.01x_train" not in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if "mp_mae" in line or "random_init" in line]
    assert [(row[0], row[1], row[-5]) for row in rows] == [("1", "mp_mae", "a"), ("2", "random_init", "b")]
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_ranking_of_an_unknown_partition_says_which_there_are(folder: Path) -> None:
    done = harness("ranking", "--db", "same.duckdb", "--partition", "k=3", cwd=folder)
    assert done.returncode == 2
    assert "There are rankings on: 0.01x_train, 0.10x_train, 1.00x_train" in done.stderr


def test_compare_of_an_unknown_backbone_exits_2(folder: Path) -> None:
    done = harness("compare", "mp_mae", "nobody", "--db", "same.duckdb", cwd=folder)
    assert done.returncode == 2
    assert "There are: mp_mae, random_init" in done.stderr


def test_published_twice_adds_once(tmp_path: Path) -> None:
    assert "5705 published results" in harness("published", "--db", "b.duckdb", cwd=tmp_path).stderr
    assert "0 published results" in harness("published", "--db", "b.duckdb", cwd=tmp_path).stderr

"""What became of failed runs is known the next time, and shown by `status`."""

import re

import pytest

from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.entry import Entry
from baselines.table import BACKBONES
from command_line import harness
from geobench_files import write_dataset
from harness.campaign.dividing.claims import Claims, grid_folder
from leaderboards.query import run_query

SICK = {"message": "no room"}
"""What the backbone says; nothing once it is well."""


class Sick(Backbone):
    def embed(self, x, facts):
        if SICK["message"]:
            raise ArithmeticError(SICK["message"])
        return Features(vector=x.mean(dim=(2, 3)), maps=())


def build(weights, seed):
    return Sick(
        inputs=InputSpec(bands=None), origin=Origin(weights_sha256="0" * 64, description="for tests"), pyramid=()
    )


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setitem(BACKBONES, "sick", Entry(name="sick", summary="for tests", module=__name__, weights="optional"))
    monkeypatch.setitem(SICK, "message", "no room")
    write_dataset(tmp_path / "data", n_samples=9)

    def run(*more):
        return harness(
            "run", "--backbone", "image_statistics,sick", "--geobench-dir", tmp_path / "data", "--cache-dir",
            tmp_path / "cache", "--protocols", "knn", "--workers", 1, "--db", tmp_path / "x.duckdb", *more,
            cwd=tmp_path,
        )  # fmt: skip

    return run


def known(tmp_path):
    return run_query(tmp_path / "x.duckdb", "SELECT backbone, message, times FROM failures").rows


def test_three_alike_failures_in_a_row_are_enough_until_somebody_says_so(run, tmp_path):
    message = "ArithmeticError: no room"
    for times in (1, 2, 3):
        assert run().returncode == 1
        assert known(tmp_path) == [("sick", message, times)]
    given_up = run()
    assert known(tmp_path) == [("sick", message, 3)]
    assert "failed 3 times alike, so it is not tried again without --retry-failed: Arithm" in given_up.stderr
    assert run("--dry-run").returncode == given_up.returncode == 1
    run("--retry-failed")
    assert known(tmp_path) == [("sick", message, 4)]
    SICK["message"] = ""
    assert run("--retry-failed").returncode == 0
    assert known(tmp_path) == []
    assert not grid_folder(tmp_path / "x.duckdb").exists()


def test_another_message_is_the_first_of_its_kind(run, tmp_path):
    run()
    SICK["message"] = "no network"
    run()
    ((_, message, times),) = known(tmp_path)
    assert (message.partition(".")[0], times) == ("ArithmeticError: no network", 1)


def test_status_shows_a_grid_that_was_left_unfinished_and_who_is_at_it(run, tmp_path):
    run()
    db = tmp_path / "x.duckdb"
    shown = harness("status", "--db", db, cwd=tmp_path).stdout
    assert ": 1 of 2 runs done, 1 failed, 0 running in 0 processes" in shown
    assert "Nobody is at it now: the same command goes on from there." in shown
    assert "sick" in shown
    how = re.search(r'Where that came from: python -m harness sql "(.*)" --db', shown)[1]
    assert "no room" in harness("sql", how, "--db", db, cwd=tmp_path).stdout
    table = harness("status", "--db", db, "--format", "csv", cwd=tmp_path).stdout.splitlines()
    assert [line.split(",", 1)[1] for line in table] == [
        "backbone,dataset,protocol,total,done,failed,by",
        "image_statistics,toy,knn,1,1,0,",
        "sick,toy,knn,1,0,1,",
    ]
    (plan,) = (grid_folder(db) / "plans").iterdir()
    name = plan.read_text().split('"groups": {"')[1][:32]
    with Claims(grid_folder(db)) as claims:
        assert claims.take(name)
        assert "in 1 process" in harness("status", "--db", db, cwd=tmp_path).stdout


def test_status_of_what_is_done_says_how_many_there_are(run, tmp_path):
    SICK["message"] = ""
    run()
    shown = harness("status", "--db", tmp_path / "x.duckdb", cwd=tmp_path).stdout
    assert "No grid is under way or was left unfinished." in shown
    assert "has 2 runs." in shown


def test_status_without_a_leaderboard_is_one_line(tmp_path):
    done = harness("status", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) <= 2

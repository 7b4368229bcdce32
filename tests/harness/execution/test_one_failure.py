"""Whatever goes wrong with one run, in planning, building, running or committing, is that run's failure in one line."""

import json

import numpy as np
import pytest

from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.entry import Entry
from baselines.table import BACKBONES
from command_line import harness
from geobench_files import BLUE, RED, SUITE, write_dataset, write_sample, write_statistics
from harness.cli.terminal import HOW_TO_TRACE
from harness.errors import UserError
from harness.execution.workbench import Workbench
from harness.show import overview
from leaderboards.errors import UnavailableError
from leaderboards.store import Session


class Moody(Backbone):
    """Means of the image; cannot embed values above one million."""

    def embed(self, x, facts):
        if (x > 1e6).any():
            raise ArithmeticError("these pixels are\n\ttoo much")
        return Features(vector=x.mean(dim=(2, 3)), maps=())


def build(weights, seed):
    """With weights it finds that they do not fit, as many a plug-in would."""
    if weights is not None:
        raise RuntimeError('Error(s) in loading state_dict:\n\tUnexpected key(s): "module.stem.weight"')
    return Moody(
        inputs=InputSpec(bands=None), origin=Origin(weights_sha256="0" * 64, description="for tests"), pyramid=()
    )


@pytest.fixture(autouse=True)
def moody(monkeypatch):
    entry = Entry(name="moody", summary="for tests", module=__name__, weights="optional")
    monkeypatch.setitem(BACKBONES, "moody", entry)


@pytest.fixture
def data(tmp_path):
    """Datasets a, b and c."""
    for name in "abc":
        write_dataset(tmp_path / "data", name, n_samples=9)
    return tmp_path / "data"


def run(data, cwd, *more, backbone="image_statistics"):
    done = harness(
        "run", "--backbone", backbone, "--geobench-dir", data, "--cache-dir", cwd / "cache", "--protocols", "knn",
        "--workers", 1, *more, cwd=cwd,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return done


def failures(done):
    return [line for line in done.stderr.splitlines() if line.startswith("failed: ")]


def stored(cwd):
    query = "SELECT dataset, backbone FROM runs ORDER BY ALL"
    return harness("sql", query, "--format", "csv", cwd=cwd).stdout.split()[1:]


UNFIT = 'RuntimeError: Error(s) in loading state_dict: Unexpected key(s): "module.stem.weight"'


def test_a_backbone_that_cannot_be_built_leaves_the_others_alone(data, tmp_path):
    done = run(data, tmp_path, "--backbone", "moody", "--weights", f"moody={__file__}")
    assert failures(done) == [f"failed: moody (3 runs of knn): {UNFIT}"]
    assert "Traceback" not in done.stderr
    assert done.stderr.count(HOW_TO_TRACE) == 1
    assert stored(tmp_path) == [f"{name},image_statistics" for name in "abc"]


def test_a_dry_run_reports_it_too(data, tmp_path):
    done = run(data, tmp_path, "--backbone", "moody", "--weights", f"moody={__file__}", "--seeds", "0-2", "--dry-run")
    assert failures(done) == [f"failed: moody (9 runs of knn): {UNFIT}"]
    assert "Traceback" not in done.stderr
    assert "to convert" in done.stdout


def test_its_traceback_is_there_for_who_asks_once(data, tmp_path):
    for more in ((), ("--dry-run",)):
        done = run(data, tmp_path, "--weights", __file__, "--debug", *more, backbone="moody")
        assert done.stderr.count("Traceback") == 1
        assert "test_one_failure.py" in done.stderr


def test_a_failure_while_embedding_is_of_one_dataset(data, tmp_path):
    write_sample(data / SUITE / "b", "id_4", [(band, np.full((4, 4), 5e9), None) for band in (BLUE, RED)])
    done = run(data, tmp_path, backbone="moody")
    assert failures(done) == ["failed: b, moody, default, knn: ArithmeticError: these pixels are too much"]
    assert stored(tmp_path) == ["a,moody", "c,moody"]


def test_a_failure_while_planning_is_of_one_dataset(data, tmp_path, monkeypatch):
    original = Workbench.native_size

    def fail_for_b(self, ref):
        if ref.name == "b":
            raise KeyError("nobody foresaw it")
        return original(self, ref)

    monkeypatch.setattr(Workbench, "native_size", fail_for_b)
    done = run(data, tmp_path)
    (failure,) = failures(done)
    assert failure.startswith("failed: b, image_statistics, default, knn: KeyError")
    assert stored(tmp_path) == ["a,image_statistics", "c,image_statistics"]


def test_a_failure_while_committing_is_of_one_run(data, tmp_path, monkeypatch):
    original = Session.commit_or_keep

    def fail_for_b(self, record):
        if record.run.dataset == "b":
            raise OverflowError("no column holds this")
        return original(self, record)

    monkeypatch.setattr(Session, "commit_or_keep", fail_for_b)
    done = run(data, tmp_path)
    (failure,) = failures(done)
    assert failure.startswith("failed: b, image_statistics, default, knn: OverflowError: no column holds this")
    assert stored(tmp_path) == ["a,image_statistics", "c,image_statistics"]


def test_a_run_that_cannot_be_stored_yet_waits_and_has_not_failed(data, tmp_path, monkeypatch):
    commit = Session.commit

    def locked_for_c(self, record):
        if record.run.dataset == "c":
            raise UnavailableError("locked.")
        commit(self, record)

    monkeypatch.setattr(Session, "commit", locked_for_c)
    done = run(data, tmp_path)
    assert done.returncode == 1
    assert not failures(done)
    told = "waiting: c, image_statistics, default, knn: finished, but not in the leaderboard yet: locked. Its record"
    assert told in " ".join(done.stderr.split())
    assert "[3/3] image_statistics  c  knn  1 of 1 run not stored yet" in done.stderr
    assert stored(tmp_path) == ["a,image_statistics", "b,image_statistics"]


def test_what_cannot_be_run_at_all_leaves_no_leaderboard(data, tmp_path):
    done = harness(
        "run", "--backbone", "image_statistics", "--geobench-dir", data, "--cache-dir", data / "cache",
        "--protocols", "conv_probe", "--db", tmp_path / "new" / "x.duckdb", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "nothing to run" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_dataset_that_cannot_be_described_does_not_hide_the_others(data, tmp_path, monkeypatch):
    original = overview.open_dataset

    def fail_for_b(ref):
        if ref.name == "b":
            raise OverflowError("int too large to convert to float")
        return original(ref)

    monkeypatch.setattr(overview, "open_dataset", fail_for_b)
    done = harness("datasets", "--geobench-dir", data, "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    assert [row["dataset"] for row in json.loads(done.stdout)] == ["a", "c"]
    assert done.stderr.startswith("failed: b: OverflowError: int too large to convert to float")


def test_a_fill_value_in_one_dataset_is_no_data(tmp_path):
    """GDAL's no-data of float32, undeclared, as exports have it: squares of it are infinite."""
    for name in "abc":
        write_statistics(write_dataset(tmp_path / "data", name, n_samples=30, dtype="float32"), [BLUE, RED], std=400.0)
    holes = np.full((4, 4), 900, np.float32)
    holes[:2] = -3.4028235e38
    for i in range(0, 30, 5):
        write_sample(tmp_path / "data" / SUITE / "b", f"id_{i}", [(band, holes, None) for band in (BLUE, RED)])
    done = harness(
        "run", "--backbone", "image_statistics", "--geobench-dir", tmp_path / "data", "--cache-dir", tmp_path / "cache",
        "--protocols", "knn", "--workers", 1, cwd=tmp_path,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert not failures(done)
    assert set(stored(tmp_path)) == {"a,image_statistics", "b,image_statistics", "c,image_statistics"}
    # Six of thirty samples, eight of sixteen pixels, two bands.
    assert "b: 96 pixels in 6 of 30 samples have no data" in " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize(("said", "told"), [("bad \udcff name", r"bad \udcff name"), ("", "nobody said why")])
def test_whatever_an_error_says_it_is_told_and_stored(data, tmp_path, monkeypatch, said, told):
    def refuse(self, x, facts):
        raise UserError(said)

    monkeypatch.setattr(Moody, "embed", refuse)
    done = run(data, tmp_path, "--datasets", "a", backbone="moody")
    assert told in done.stderr
    shown = harness("sql", "SELECT message FROM failures", "--format", "csv", cwd=tmp_path)
    assert shown.stdout.splitlines()[1:] == [told]

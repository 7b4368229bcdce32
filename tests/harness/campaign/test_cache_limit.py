"""A grid whose features do not fit into the cache together: the same rows, one pyramid at a time."""

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from geobench_files import BLUE, RED, write_mask_dataset
from harness.campaign.carry_out import run_campaign
from harness.campaign.executors import processes
from harness.campaign.plan import State
from harness.campaign.request import make_request
from harness.records.progress import Silent
from harness.store.entry import ArrayWriter
from harness.store.upkeep import list_entries
from leaderboards.query import run_query

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sixteen masks."""
    root, rng, splits = tmp_path_factory.mktemp("data"), np.random.default_rng(0), {}
    for split, n in (("train", 8), ("valid", 4), ("test", 4)):
        water = rng.integers(0, 2, (n, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
        pixels = 1000 + 1000 * water[:, None] + rng.integers(0, 900, (n, 2, 16, 16))
        splits[split] = {"pixels": pixels.astype(np.uint16), "masks": water.astype(np.uint8)}
    write_mask_dataset(root, splits, [BLUE, RED], ["field", "water"])
    return root


def campaign(data, folder, limit, seeds=(0, 1), workers=1):
    request = make_request(
        backbones=["image_statistics", "random_init_demo"], weights=[], geobench_dir=data, datasets=(),
        protocols=("linear_probe",), partitions=("default",), seeds=seeds, train_draw="partition", selection="valid",
        shots=(), budgets=(), missing_bands="zero", db=folder / "board.duckdb", cache_dir=folder / "cache",
        device="cpu", workers=workers, cache_limit=limit,
    )  # fmt: skip
    return run_campaign(request, Silent()), request.db


def scores(db):
    return run_query(db, "FROM metrics ORDER BY ALL").rows


@pytest.fixture(scope="module")
def unlimited(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unlimited")
    lines, db = campaign(data, folder, None)
    assert {line.state for line in lines} == {State.NEW}
    return scores(db), {kind: sizes(folder, kind) for kind in ("arrays", "pixel_features")}


def sizes(folder, kind):
    return [entry.n_bytes for entry in list_entries(folder / "cache") if entry.kind.folder == kind]


@pytest.fixture
def most(monkeypatch):
    """The most that files of the cache took whenever an array was begun or done; by it a limit is held or not."""
    seen = [0]

    def look(at):
        cache = next(parent for parent in at.parents if parent.name == "cache")
        seen.append(sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()))

    begin, end = ArrayWriter.__init__, ArrayWriter.__exit__

    def begun(self, path, *rest):
        self.at = path
        begin(self, path, *rest)
        look(path)

    def ended(self, *rest):
        end(self, *rest)
        look(self.at)

    monkeypatch.setattr(ArrayWriter, "__init__", begun)
    monkeypatch.setattr(ArrayWriter, "__exit__", ended)
    return lambda: max(seen)


def test_the_rows_are_the_same_and_the_limit_holds_at_every_moment(data, tmp_path, unlimited, most):
    rows, taken = unlimited
    assert len(taken["pixel_features"]) == 3, "of a network that each seed draws, and of image statistics"
    limit = sum(taken["arrays"]) + max(taken["pixel_features"]) + 10_000
    lines, db = campaign(data, tmp_path, limit)
    assert {line.state for line in lines} == {State.NEW}, [line.reason for line in lines]
    assert scores(db) == rows
    assert most() <= limit < sum(taken["arrays"]) + sum(taken["pixel_features"])


def test_runs_whose_features_cannot_fit_fail_and_the_others_do_not(data, tmp_path, unlimited):
    _, taken = unlimited
    small, large = min(taken["pixel_features"]), max(taken["pixel_features"])
    lines, _ = campaign(data, tmp_path, sum(taken["arrays"]) + (small + large) // 2, seeds=(0,))
    states = {(line.job.backbone, line.state) for line in lines}
    assert states == {("image_statistics", State.NEW), ("random_init_demo", State.FAILED)}
    (reason,) = {line.reason.partition(" take ")[2].partition(",")[0] for line in lines if line.state is State.FAILED}
    assert reason.endswith("GB")
    assert not list(tmp_path.rglob("*.partial"))


class _AtOnce:
    """In the place of a thread: these runs are so short that all would be done before the processes are up."""

    def __init__(self, target, args, daemon):
        self.start = lambda: target(*args)


@pytest.mark.slow
def test_processes_that_hold_features_let_go_of_them(data, tmp_path, unlimited, monkeypatch):
    """Else the next group would wait for an hour."""
    _, taken = unlimited
    monkeypatch.setattr(processes, "WORTH_A_PROCESS", 2)
    monkeypatch.setattr(processes, "threading", SimpleNamespace(Event=threading.Event, Thread=_AtOnce))
    rows, _ = unlimited
    limit = sum(taken["arrays"]) + max(taken["pixel_features"]) + 10_000
    lines, db = campaign(data, tmp_path, limit, workers=2)
    assert {line.state for line in lines} == {State.NEW}, [line.reason for line in lines]
    assert scores(db) == rows
    assert len(sizes(tmp_path, "pixel_features")) == 1


@pytest.mark.slow
def test_two_commands_keep_within_one_limit_and_both_end(data, tmp_path, unlimited):
    """There is room for one pyramid: the other command waits for it."""
    rows, taken = unlimited
    limit = sum(taken["arrays"]) + max(taken["pixel_features"]) + 10_000
    command = [
        sys.executable, "-m", "harness", "run", "--geobench-dir", data, "--protocols", "linear_probe",
        "--train-draw", "partition", "--select", "valid", "--missing-bands", "zero", "--cache-dir", tmp_path / "cache",
        "--device", "cpu", "--workers", "1", "--cache-limit", str(limit),
    ]  # fmt: skip
    commands, most = [], 0
    for backbone, seeds in (("image_statistics", "0,1"), ("random_init_demo", "0"), ("random_init_demo", "1")):
        of_this = ["--backbone", backbone, "--seeds", seeds, "--db", tmp_path / f"{backbone}{seeds}.duckdb"]
        commands.append(subprocess.Popen([*command, *of_this], cwd=ROOT, stderr=subprocess.PIPE, text=True))
    while any(one.poll() is None for one in commands):
        most = max(most, used(tmp_path / "cache"))
        time.sleep(0.01)
    assert [(one.returncode, one.stderr.read()) for one in commands if one.returncode] == []
    assert 0 < most <= limit
    found = [row for board in tmp_path.glob("*.duckdb") for row in scores(board)]
    assert sorted(found, key=str) == sorted(rows, key=str)


def used(cache):
    """Bytes of all files, of which some may go meanwhile."""
    total = 0
    for path in cache.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total

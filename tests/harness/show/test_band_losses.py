"""What other bands at test cost, in tables and as a picture."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from rich.console import Console

from command_line import harness
from harness.show.band_losses import in_band_order, loss_tables, read_losses
from harness.show.plots.bands import draw_bands
from leaderboards.schema import MetricRow, PredictionRow, RunRecord, RunRow
from leaderboards.store import open_leaderboard

BANDS = ["B4", "B8A", "B11"]
N = 40


def configuration(test: list[str] | None) -> dict[str, Any]:
    fed = {"bands": BANDS, "band_sources": BANDS}
    if test is None:
        return fed
    sources = [band if band in test else None for band in BANDS] if set(test) < set(BANDS) else test
    return fed | {"band_sets": {"train": BANDS, "test": test}, "test_feed": fed | {"band_sources": sources}}


def record(backbone: str, test: list[str] | None, seed: int, n_right: int) -> RunRecord:
    """So many of 40 images are right, the first ones."""
    run = RunRow(
        run_id=hashlib.sha256(f"{backbone} {test} {seed}".encode()).hexdigest(), suite="demo", dataset="d",
        backbone=backbone, weights_sha256={"good": "a", "poor": "b"}[backbone] * 64, dataset_fingerprint="f",
        protocol="knn", protocol_version=1, partition="default", seed=seed, metric="accuracy", n_train=50, n_valid=5,
        n_test=N, n_labels_fit=50, n_labels_select=0, source="measured", configuration=configuration(test),
        provenance={}, device="cpu", seconds=1.0, finished_at=datetime(2026, 3, 1, tzinfo=UTC), train_draw="seed",
        selection="none",
    )  # fmt: skip
    predictions = [
        PredictionRow(split="test", sample=f"id_{i:03d}", target=(1,), predicted=(1 if i < n_right else 0,))
        for i in range(N)
    ]
    score = MetricRow(split="test", metric="accuracy", value=n_right / N, ci_low=None, ci_high=None)
    return RunRecord(run=run, metrics=[score], predictions=predictions)


@pytest.fixture
def db(tmp_path):
    """Two backbones, of which one misses B8A alone; three seeds that all agree; and one that was tested on others."""
    board = open_leaderboard(tmp_path / "b.duckdb")
    with board.session() as session:
        for seed in range(3):
            for backbone, right in (("good", 36), ("poor", 20)):
                session.commit(record(backbone, None, seed, right))
                session.commit(record(backbone, ["B4", "B11"], seed, right - 8 * (backbone == "good")))
                session.commit(record(backbone, ["B4", "B8A"], seed, right))
            session.commit(record("good", ["VV", "VH", "B2"], seed, 10))
    return tmp_path / "b.duckdb"


def test_losses_are_means_over_seeds_paired_over_test_images(db):
    losses = {(loss.backbone, loss.dropped): loss for loss in read_losses(db)}
    assert list(losses) == [("good", "B8A"), ("good", "B11"), ("good", None), ("poor", "B8A"), ("poor", "B11")]
    lost = losses["good", "B8A"]
    assert (lost.value, lost.same.value, lost.loss.value) == pytest.approx((28 / N, 36 / N, 8 / N))
    half = 1.959964 * (0.2 * 0.8 / (N - 1)) ** 0.5  # 8 of 40 images are lost, no seed differs
    assert (lost.loss.ci_low, lost.loss.ci_high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-4)
    assert losses["poor", "B8A"].loss == (0.0, None, None)


def test_the_table_has_a_row_a_band_and_a_column_a_backbone(db):
    console = Console(width=120, record=True)
    for table in loss_tables(read_losses(db)):
        console.print(table)
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["lost", "at", "test", "good", "poor"] in lines
    assert ["B8A", "+0.200", "±.126", "+0.000"] in lines
    assert ["good", "B4", "B8A", "B11", "VV", "VH", "B2", "0.250", "0.900", "±.094", "+0.650", "±.150"] in lines


def test_the_verb_says_what_makes_such_runs_where_there_are_none(db, tmp_path):
    done = harness("bands", "--db", db, "--datasets", "elsewhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "no such run with other bands at test" in done.stderr
    assert "--drop-bands each" in done.stderr


def test_bands_are_listed_by_wavelength():
    assert in_band_order(["VV", "B11", "B8A", "B10", "B2", "VV"]) == ["B2", "B8A", "B10", "B11", "VV"]


def test_the_picture_has_a_panel_of_lost_bands_and_one_of_transfer(db, tmp_path):
    draw_bands(read_losses(db), tmp_path / "bands.png")
    both = matplotlib.image.imread(tmp_path / "bands.png")
    draw_bands(read_losses(db, backbones=["poor"]), tmp_path / "one.png")
    one = matplotlib.image.imread(tmp_path / "one.png")
    assert both.shape[1] == pytest.approx(2 * one.shape[1], rel=0.05)
    blue, vermilion = (np.array([int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for c in ("#0072B2", "#D55E00"))
    for colour in (blue, vermilion):
        assert (np.abs(both[..., :3] - colour).max(axis=2) < 0.01).sum() > 100

"""GeoTIFF chips with no-data corners, of several sizes and one of them damaged, with each kind of labels, go through
`harness run --data`: what was planted in their pixels is found."""

import duckdb
import numpy as np
import pytest

from command_line import harness
from own_chips import OTHER_SIZES, UNREADABLE, N, write_chip, write_fields

TWELVE = ("--labels", "labels.csv", "--bands", "sentinel2-l2a-12")
BRIEF = ("--protocols", "linear_probe", "--partitions", "default", "--seeds", "0", "--workers", "1")


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("own") / "fields, 2024 ä")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(data, tmp_path, cache, *options, backbones=("image_statistics", "random_features")):
    """What `run --data` says, and the test score of each backbone."""
    db = tmp_path / "board.duckdb"
    named = [word for name in backbones for word in ("--backbone", name)]
    done = harness("run", "--data", data, *named, "--db", db, "--cache-dir", cache, *BRIEF, *options, cwd=tmp_path)
    if not db.exists():
        return done, {}
    with duckdb.connect(str(db), read_only=True) as connection:
        return done, dict(connection.sql("SELECT backbone, value FROM leaderboard").fetchall())


@pytest.mark.parametrize(
    ("column", "metric", "least"),
    [("label", "accuracy", 0.85), ("labels", "map", 0.85), ("value", "r2", 0.7)],
)
def test_a_planted_signal_is_found_by_each_kind_of_labels(fields, tmp_path, cache, column, metric, least):
    done, scores = run(fields, tmp_path, cache, *TWELVE, "--label-column", column, "--name", "fields")
    assert done.returncode == 0, done.stderr
    assert f"1 image is left out: feld {UNREADABLE} ü.tif: cannot be read as an image" in done.stderr
    assert f"{N - 1} of uint16" in done.stderr
    assert f"{len(OTHER_SIZES)} of another size are cropped" in done.stderr
    assert set(scores) == {"image_statistics", "random_features"}
    assert min(scores.values()) > least, (metric, scores)


def test_a_planted_signal_is_found_in_masks(fields, tmp_path, cache):
    done, scores = run(
        fields, tmp_path, cache, *TWELVE, "--label-column", "mask", "--class-names", "soil,crop", "--name", "fields"
    )
    assert done.returncode == 0, done.stderr
    assert "2 classes (segmentation): soil, crop; first: masks/00.tif" in done.stderr
    assert set(scores) == {"image_statistics", "random_features"}
    assert min(scores.values()) > 0.6, (scores, "mean IoU; soil everywhere is less than 0.5")


def test_a_network_of_colours_is_not_run_on_radar_and_the_others_go_on(tmp_path, cache):
    generator = np.random.default_rng(1)
    for i in range(40):
        pixels = generator.normal(-12 + 6 * (i % 2), 1, (2, 8, 8)).astype(np.float32)
        write_chip(tmp_path / "radar" / ("crop", "wood")[i % 2] / f"{i}.tif", pixels, ("VV", "VH"), east=5_000 * i)
    done, scores = run(tmp_path / "radar", tmp_path, cache, backbones=("timm:resnet18?random", "image_statistics"))
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("skipped:")]
    name = "timm:resnet18?random"
    assert told.startswith(f'skipped: radar, {name}: {name} wants bands red green blue; this dataset stores "VV" "VH"')
    assert scores == {"image_statistics": 1.0}


def test_where_each_setting_is_from_is_told(fields, tmp_path, cache):
    (fields / "dataset.toml").write_text('name = "fields"\nfit = "resample"\nlabel_column = ["value"]\n')
    done, _ = run(fields, tmp_path, cache, *TWELVE, "--unit", "reflectance x 10,000", "--size", "8", "--dry-run")
    (fields / "dataset.toml").unlink()
    assert done.returncode == 0, done.stderr
    rows = {line.split("  ")[0].strip(" │|"): line for line in done.stderr.splitlines()}
    assert "fit in dataset.toml, --size" in rows["size"]
    assert "label_column in dataset.toml, the table" in rows["labels"]
    assert "--bands, --unit, the files" in done.stderr
    assert "8 x 8 px; 79 of another size are resampled" in done.stderr

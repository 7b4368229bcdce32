"""A folder of images goes all the way through `harness run --data`, where its files lie."""

import duckdb
import pytest

from command_line import harness
from own_images import write_classes
from shared_fixtures import shared_fixtures

SMALL = ("--backbone", "image_statistics,handcrafted_1", "--protocols", "knn", "--seeds", "0")


def run(data, tmp_path, *options):
    """What `run --data` says, and the rows it stored."""
    db = tmp_path / "leaderboard.duckdb"
    done = harness(
        "run", "--data", data, "--db", db, "--cache-dir", tmp_path / "cache", "--workers", 1, *options, cwd=tmp_path
    )
    with duckdb.connect(str(db), read_only=True) as connection:
        return done, connection.sql("SELECT dataset, suite, partition, value FROM leaderboard ORDER BY 3").fetchall()


def test_sub_folders_are_classes_and_their_curve_is_run(tmp_path):
    data = write_classes(tmp_path / "my fields")
    (data / "dark" / "broken.png").write_bytes(b"no picture")
    done, rows = run(data, tmp_path, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "60 of uint8" in done.stderr
    assert "dark 30, light 30" in done.stderr
    assert "1 image is left out: dark/broken.png: cannot be read as an image" in done.stderr
    assert {row[:3] for row in rows} == {("my fields", "user:my fields", name) for name in ("0.50x_train", "default")}
    assert " on my fields: accuracy 1.000" in done.stdout
    assert "by knn with 42 labels. It cannot be told apart from" in done.stdout
    assert "No labels can bring +0.05 any more: accuracy ends at 1." in done.stdout
    assert all(value == 1.0 for *_, value in rows)


def test_vectors_that_were_written_score_as_what_wrote_them(tmp_path):
    data, vectors = write_classes(tmp_path / "fields", classes={"dark": 40, "darker": 36}), tmp_path / "v.parquet"
    cache = ("--cache-dir", tmp_path / "cache")
    done = harness("embed", "--backbone", "image_statistics", "--data", data, "--out", vectors, *cache, cwd=tmp_path)
    assert "60 vectors of 27 numbers" in done.stderr
    with duckdb.connect() as connection:
        facts = connection.sql(f"SELECT key, value FROM parquet_kv_metadata('{vectors}')").fetchall()
    assert (b"backbone", b"image_statistics") in facts
    names = f"embeddings:{vectors},image_statistics"
    run(data, tmp_path, "--backbone", names, "--protocols", "knn", "--seeds", "0", "--partitions", "default")
    with duckdb.connect(str(tmp_path / "leaderboard.duckdb"), read_only=True) as connection:
        found = connection.sql("SELECT backbone, round(value, 9) FROM leaderboard ORDER BY 1").fetchall()
    assert [name for name, _ in found] == names.split(",")
    assert len({value for _, value in found}) == 1
    assert 0.5 < found[0][1] < 1


@pytest.mark.slow
def test_real_images_of_eurosat_are_told_apart(tmp_path):
    data = shared_fixtures("eurosat_rgb")
    _, rows = run(
        data,
        tmp_path,
        "--backbone",
        "image_statistics",
        "--protocols",
        "linear_probe",
        "--partitions",
        "default",
        "--seeds",
        "0",
    )
    ((*_, value),) = rows
    assert 0.7 < value < 0.9, "image statistics know most of ten classes"

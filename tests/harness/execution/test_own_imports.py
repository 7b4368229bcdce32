"""Imported images are the same dataset without their files; labels alone are one where vectors are at hand."""

import shutil

import duckdb
import numpy as np
import pytest

from command_line import harness
from own_images import write_classes

BRIEF = ("--protocols", "knn", "--partitions", "default", "--seeds", "0", "--workers", "1")


def typed(tmp_path, *words):
    return harness(*words, "--cache-dir", tmp_path / "cache", cwd=tmp_path)


def scores(tmp_path):
    with duckdb.connect(str(tmp_path / "leaderboards" / "leaderboard.duckdb"), read_only=True) as connection:
        return connection.sql("SELECT suite, dataset, backbone, value, run_id FROM leaderboard").fetchall()


def test_an_import_is_the_same_runs_without_the_images(tmp_path):
    images = write_classes(tmp_path / "fields", n=15, classes={"dark": 40, "light": 120})
    (images / "light" / "cut.png").write_bytes(b"no picture")
    run = ("run", "--backbone", "image_statistics", *BRIEF, "--data")
    first = typed(tmp_path, *run, images)
    assert first.returncode == 0, first.stderr
    kept = tmp_path / "kept" / "fields"
    kept.parent.mkdir()
    made = typed(tmp_path, "data", "import", images, "--out", kept)
    assert (made.returncode, made.stdout.strip()) == (0, str(kept)), made.stderr
    assert "30 of uint8, such as dark/0.png" in made.stderr
    assert "1 image is left out: light/cut.png" in made.stderr
    assert sorted(path.name for path in kept.parent.iterdir()) == ["fields"], "nothing half there"
    again = typed(tmp_path, "data", "import", images, "--out", kept)
    assert (again.returncode, made.stdout) == (0, again.stdout)
    assert f"{kept} is there already, made of the same files by the same settings: nothing was done." in again.stderr
    other = typed(tmp_path, "data", "import", images, "--out", kept, "--size", "4")
    assert other.returncode == 2
    assert "is an import of other files, or by other settings. Choose another folder" in other.stderr
    shutil.rmtree(images)
    before = scores(tmp_path)
    second = typed(tmp_path, *run, kept)
    assert second.returncode == 0, second.stderr
    assert "understood when it was imported" in second.stderr
    assert scores(tmp_path) == before, "the same run by its identity"
    refused = typed(tmp_path, *run, kept, "--bands", "rgb")
    assert refused.returncode == 2
    assert "was imported, with all that was said then; leave out --bands" in refused.stderr


def test_an_import_writes_over_nothing_and_a_damaged_one_is_one_line(tmp_path):
    images, kept = write_classes(tmp_path / "fields", n=5), tmp_path / "kept"
    kept.mkdir()
    (kept / "mine.txt").touch()
    refused = typed(tmp_path, "data", "import", images, "--out", kept)
    assert (refused.returncode, f"--out {kept}: is there already, and no import" in refused.stderr) == (2, True)
    (kept / "mine.txt").unlink()
    assert typed(tmp_path, "data", "import", images, "--out", kept, "--name", "small").returncode == 0
    (pixels,) = kept.rglob("pixels.npy")
    assert pixels.parent == kept / "own" / "small"
    assert np.load(pixels).shape == (10, 3, 8, 8)
    np.save(pixels, np.zeros((9, 3, 8, 8), np.uint8))
    failed = typed(tmp_path, "run", "--backbone", "image_statistics", *BRIEF, "--data", kept)
    assert failed.returncode == 1
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("failed:")]
    assert "small/pixels.npy: (10, 3, 8, 8) is wanted, (9, 3, 8, 8) found. Remove the folder, and import" in line


@pytest.fixture
def vectors(tmp_path):
    """Vectors of 40 names whose first number is that of the class, and a table of these names."""
    generator = np.random.default_rng(0)
    names = [f"feld {i}" for i in range(40)]
    np.savez(
        tmp_path / "v.npz",
        names=names,
        embeddings=generator.normal(size=(40, 5)) + 20 * np.eye(5)[0] * (np.arange(40) % 2)[:, None],
    )
    lines = ["name,label", *(f"{name},{('rye', 'oat')[i % 2]}" for i, name in enumerate(names))]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    return tmp_path / "v.npz"


def test_labels_and_vectors_are_enough_and_what_reads_pixels_is_not_run(tmp_path, vectors):
    backbones = f"embeddings:{vectors},image_statistics"
    done = typed(tmp_path, "run", "--backbone", backbones, *BRIEF, "--labels", "labels.csv", "--name", "rye")
    assert done.returncode == 0, done.stderr
    assert "40 names, without pixels, such as feld 0" in done.stderr
    assert "image_statistics reads pixels, and rye has labels alone. Say --data DIR" in done.stderr
    (row,) = scores(tmp_path)
    assert row[:4] == ("user:rye", "rye", f"embeddings:{vectors}", 1.0)


def test_a_name_without_a_vector_is_a_failure_that_names_it(tmp_path, vectors):
    with (tmp_path / "labels.csv").open("a") as file:
        file.write("\nfeld 99,rye")
    done = typed(tmp_path, "run", "--backbone", f"embeddings:{vectors}", *BRIEF, "--labels", "labels.csv")
    assert done.returncode == 1
    assert "no vector of feld 99 (and 0 more of 41 images); it names feld 0. Write a row for each image" in done.stderr

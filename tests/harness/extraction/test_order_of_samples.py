"""In which order a partition lists samples decides nothing that caches hold: a row is a sample, by name."""

import shutil

import numpy as np

from command_line import harness
from geobench_files import BLUE, RED, write_dataset, write_mask_dataset, write_partition, write_sample
from leaderboards.query import run_query

N = 30


def list_default(directory, names):
    write_partition(directory, "default", train=names[:18], valid=names[18:24], test=names[24:])


def score(tmp_path, backbone, db):
    """Headline test score of a linear probe in a new leaderboard, over one cache."""
    done = harness(
        "run", "--backbone", backbone, "--geobench-dir", tmp_path / "data", "--protocols", "linear_probe",
        "--missing-bands", "zero", "--cache-dir", tmp_path / "cache", "--db", db, "--device", "cpu", "--workers", "1",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (row,) = run_query(tmp_path / db, "SELECT value FROM leaderboard").rows
    return row[0]


def score_in_both_orders(tmp_path, directory, names, backbone):
    """The samples of each split stay what they are, and so must the score; arrays are made anew in between, as on
    another machine that shares the features, or after a file was touched."""
    list_default(directory, names)
    first = score(tmp_path, backbone, "one.duckdb")
    shutil.rmtree(tmp_path / "cache" / "arrays")
    rng = np.random.default_rng(0)
    list_default(directory, [name for part in (names[:18], names[18:24], names[24:]) for name in rng.permutation(part)])
    return first, score(tmp_path, backbone, "two.duckdb")


def test_samples_listed_in_another_order_keep_their_features(tmp_path):
    """Three classes that brightness alone tells apart; names say nothing of them."""
    directory = write_dataset(tmp_path / "data", n_samples=N)
    for index in range(N):
        pixels = np.full((4, 4), 1000 * (1 + index % 3), np.uint16)
        write_sample(directory, f"id_{index}", [(BLUE, pixels, None), (RED, pixels, None)], label=index % 3)
    names = [f"id_{index}" for index in range(N)]
    assert score_in_both_orders(tmp_path, directory, names, "image_statistics") == (1.0, 1.0)


def test_images_listed_in_another_order_keep_the_features_of_their_pixels(tmp_path):
    """Every image is of one class, which its brightness tells."""
    classes = np.arange(N) % 2
    splits = {
        split: {
            "pixels": np.broadcast_to(
                1000 + 1000 * classes[part, None, None, None], (len(classes[part]), 2, 16, 16)
            ).astype(np.uint16),
            "masks": np.broadcast_to(classes[part, None, None], (len(classes[part]), 16, 16)).astype(np.uint8),
        }
        for split, part in (("train", slice(18)), ("valid", slice(18, 24)), ("test", slice(24, N)))
    }
    directory = write_mask_dataset(tmp_path / "data", splits, [BLUE, RED], ["dark", "bright"])
    names = [f"{split}_{i}" for split, arrays in splits.items() for i in range(len(arrays["masks"]))]
    first, second = score_in_both_orders(tmp_path, directory, names, "random_init_demo")
    assert first > 0.9
    assert second == first

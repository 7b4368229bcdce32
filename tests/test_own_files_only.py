"""The repository holds what the project itself made: no pixels, weights or files of others."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA_FORMATS = {
    ".h5", ".hdf5", ".hdf", ".nc", ".zarr", ".tif", ".tiff", ".jp2", ".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp",
    ".npy", ".npz", ".mat", ".pt", ".pth", ".ckpt", ".bin", ".onnx", ".safetensors", ".pkl", ".pickle", ".parquet",
    ".arrow", ".feather", ".db", ".duckdb", ".sqlite", ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z",
}  # fmt: skip
"""Endings of what may hold pixels, weights or archives of either."""
LARGEST_TEXT = 300_000
"""Bytes. A larger text would be data; the largest is a table of published scores."""

OUR_OWN = {
    "baselines/demo_weights/*/model.safetensors": "trained by us on simulated tiles: python -m mp_mae demo",
    "docs/bands.png": "drawn by `python -m harness bands` from our own runs; docs/bands.md has the commands",
    "docs/findings.png": "drawn by `python -m harness curve` from our own runs; docs/findings.md has the command",
    "tests/fixtures/golden/*.npz": "numbers of our own runs on seeded random weights and noise; README.md beside them",
}
"""Every file in a data format that the repository has, and how it was made."""


def repository_files() -> list[Path]:
    """What git tracks, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: what belongs to the repository is not known")
    paths = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if (ROOT / path).is_file()]


def is_our_own(path: Path) -> bool:
    return any(path.match(pattern) for pattern in OUR_OWN)


def test_every_file_in_a_data_format_is_listed_with_how_it_was_made():
    unknown = [path for path in repository_files() if path.suffix.lower() in DATA_FORMATS and not is_our_own(path)]
    assert unknown == [], "Leave files of others where they are and generate what tests need (tests/generated_*.py)"


def test_every_kind_on_the_list_exists():
    files = repository_files()
    assert [pattern for pattern in OUR_OWN if not any(path.match(pattern) for path in files)] == []


def test_nothing_else_is_binary_or_large():
    """Whatever it is called: a file of pixels has bytes that no text has."""
    for path in repository_files():
        if not is_our_own(path):
            content = (ROOT / path).read_bytes()
            assert b"\0" not in content, f"{path} is binary"
            assert len(content) <= LARGEST_TEXT, f"{path} has {len(content)} bytes"

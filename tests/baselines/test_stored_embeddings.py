"""Vectors that were made elsewhere are found by the names of the images, from three kinds of file."""

import duckdb
import numpy as np
import pytest

from baselines.registry import find_backbone
from mp_mae.errors import UserError

NAMES = ["River:River_1.jpg", "b.tif", "folder/c.tif", "d"]
VECTORS = np.arange(8, dtype=np.float32).reshape(4, 2)


def build(file):
    return find_backbone(f"embeddings:{file}").build(None, 0)


def write(tmp_path, kind, names=NAMES, vectors=VECTORS):
    file = tmp_path / f"v.{kind}"
    if kind == "parquet":
        rows = ", ".join(f"('{name}', {vector.tolist()})" for name, vector in zip(names, vectors, strict=True))
        duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) AS t(id, embedding)) TO '{file}' (FORMAT parquet)")
    elif kind == "npz":
        np.savez(file, names=np.array(names), embeddings=vectors)
    else:
        np.save(file, vectors)
        file.with_suffix(".txt").write_text("\n".join(names))
    return file


@pytest.mark.parametrize("kind", ["parquet", "npz", "npy"])
def test_an_image_is_found_by_its_name_its_path_its_file_or_its_stem(tmp_path, kind):
    backbone = build(write(tmp_path, kind))
    found = backbone.lookup(["x:y:b.tif", "folder:c.tif", "e:d.png", "River:River_1.jpg"])
    np.testing.assert_array_equal(found, VECTORS[[1, 2, 3, 0]])


def test_what_the_vectors_are_is_their_identity_and_not_where_they_lie(tmp_path):
    (tmp_path / "other").mkdir()
    entries = [find_backbone(f"embeddings:{write(tmp_path / below, 'npz')}") for below in ("", "other")]
    first, same = (entry.build(None, 0) for entry in entries)
    assert first.origin.weights_sha256 == same.origin.weights_sha256
    assert entries[0].describe(first) == entries[1].describe(same)
    assert build(write(tmp_path, "npy", vectors=VECTORS + 1)).origin.weights_sha256 != first.origin.weights_sha256


@pytest.mark.parametrize(
    ("names", "vectors", "said"),
    [
        (NAMES, VECTORS[:3], r"4 names want \(N, D\) numbers, float32 \(3, 2\) found"),
        (["a", "a", "b", "c"], VECTORS, "a name is there twice"),
        (NAMES, np.where(VECTORS == 3, np.nan, VECTORS), "the vector of b.tif has NaN"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(tmp_path, names, vectors, said):
    with pytest.raises(UserError, match=said):
        build(write(tmp_path, "npy", names, vectors))


def test_files_that_are_none_of_these_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"a file of \.parquet, \.npz, \.npy is wanted, nothing found"):
        build(tmp_path / "absent.parquet")
    (tmp_path / "v.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"v\.parquet: cannot be read"):
        build(tmp_path / "v.parquet")
    with pytest.raises(UserError, match=r"no vector of e \(and 0 more of 2 images\); it names River:River_1\.jpg"):
        build(write(tmp_path, "npz")).lookup(["d", "e"])
